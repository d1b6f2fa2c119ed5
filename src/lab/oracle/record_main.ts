import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ownUid } from './kernel.ts';
import { OracleError } from './oracle_error.ts';
import { PROFILE_NAMES, type ProfileName, isProfileName } from './profiles.ts';
import { programSource } from './programs.ts';
import { record } from './recorder.ts';
import { parseScript, scriptSource } from './script.ts';

/**
 * Records conformance vectors from the live kernel:
 *
 *   node record_main.js --profile core --seed 5 --ops 60              one, to standard output
 *   node record_main.js --profile core --seed 1 --to 200 --out dir    many, a file each
 *   node record_main.js --replay file.jsonl                           a recorded one, run again
 */
interface Job {
  readonly profile: ProfileName;
  readonly ops: number;
  readonly uid: number;
}

/** Exit codes. */
const WRONG_USE = 2;
const THIS_MACHINE_CANNOT = 3;

async function main(): Promise<void> {
  const values = readArguments();
  if (values.replay !== undefined) return print(replay(values.replay));
  const job = readJob(values);
  const seed = Number(values.seed);
  if (values.out === undefined) return print(recordSeed(job, seed));
  mkdirSync(values.out, { recursive: true });
  for (let each = seed; each <= Number(values.to ?? seed); each++) {
    const name = `${String(each).padStart(4, '0')}-${job.profile}.jsonl`;
    writeFileSync(join(values.out, name), text(recordSeed(job, each)));
    await setImmediate(); // lets Node bury the processes of the last recording
  }
}

function readArguments() {
  const { values } = parseArgs({
    options: {
      profile: { type: 'string', default: 'core' },
      seed: { type: 'string', default: '1' },
      to: { type: 'string' },
      out: { type: 'string' },
      ops: { type: 'string', default: '60' },
      uid: { type: 'string', default: String(ownUid()) },
      replay: { type: 'string' },
    },
  });
  return values;
}

function readJob(values: { profile: string; ops: string; uid: string }): Job {
  const { profile, ops, uid } = values;
  if (isProfileName(profile)) return { profile, ops: Number(ops), uid: Number(uid) };
  throw new Error(`no profile is called ${profile}; there are ${PROFILE_NAMES.join(', ')}.`);
}

function recordSeed(job: Job, seed: number): string[] {
  return record({ ...job, seed }, programSource({ ...job, seed }));
}

function replay(path: string): string[] {
  const script = parseScript(readFileSync(path, 'utf8'));
  return record(script.title, scriptSource(script));
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function print(lines: readonly string[]): void {
  process.stdout.write(text(lines));
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof OracleError ? THIS_MACHINE_CANNOT : WRONG_USE;
}
