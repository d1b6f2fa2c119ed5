/** Random programs recorded on the live kernel now, and run again by the engine. */
import { getuid } from 'node:process';
import { describe, expect, it } from 'vitest';
import { conform } from '../../src/lab/conform/conform.ts';
import { parseVector } from '../../src/lab/conform/vector.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { programSource } from '../../src/lab/oracle/programs.ts';
import { record } from '../../src/lab/oracle/recorder.ts';

const RUNS = Number(process.env['RUNS'] ?? 12);
/** The same programs each time; SEED=... RUNS=... runs others. */
const FIRST_SEED = Number(process.env['SEED'] ?? 700001);
const PROFILES = [
  'core',
  'nohint',
  'errors',
  'anonvma',
  'files',
  'fork',
  'mlock',
  'seal',
  'guard',
  'growsdown',
  'uffd',
  'mixed',
] as const;
const OPS = 60;
const reason = whyNotLive();

describe('random programs, against the live kernel', () => {
  for (const profile of PROFILES) {
    const why = reason === undefined ? '' : `; skipped: ${reason}`;
    it.skipIf(reason !== undefined)(
      `X-16 ${profile}: no record disagrees; SEED=${FIRST_SEED}${why}`,
      () => {
        for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
          const lines = record(
            { profile, seed, ops: OPS, uid: getuid?.() ?? 0 },
            programSource({ profile, seed, ops: OPS }),
          );
          const { findings, disagreed } = conform(parseVector(lines.join('\n')));
          const first = findings[0];
          const repeat = `SEED=${seed} RUNS=1 npx vitest run test/live/vectors.test.ts -t ${profile}`;
          expect(disagreed, `${repeat}\n${JSON.stringify(first, null, 1)}`).toBe(0);
        }
      },
    );
  }
});
