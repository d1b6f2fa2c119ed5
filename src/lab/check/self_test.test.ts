import { env } from 'node:process';
import { expect, it } from 'vitest';
import { Dpor } from './dpor.ts';
import { WAITS } from './kind.ts';
import type { Step } from './search.ts';
import { selfTest } from './self_test.ts';

const SEED = Number(env['SEED'] ?? Math.trunc(Math.random() * 1e9));
const PROGRAMS = Number(env['PROGRAMS'] ?? 600);
const AGAIN = `SEED=${SEED} PROGRAMS=${PROGRAMS} npx vitest run src/lab/check/self_test.test.ts`;

it(`misses no final state of ${PROGRAMS} random programs (seed ${SEED})`, () => {
  const result = selfTest(SEED, PROGRAMS);
  const { wrong, ...counts } = result;
  console.log(`checker self-test, seed ${SEED}: ${JSON.stringify(counts)}`);
  expect(wrong, AGAIN).toEqual([]);
  expect(result.skipped, AGAIN).toBeLessThan(PROGRAMS / 5);
});

/** Believes that a wait which did not sleep has nothing to do with a notify. */
class Careless extends Dpor {
  override stepped(step: Step): boolean {
    return super.stepped(step.rests ? step : { ...step, mode: step.mode & ~WAITS });
  }
}

it('would tell of a search that misses one', () => {
  const { wrong } = selfTest(233316340, 12, (threads) => new Careless(threads));
  expect(wrong).toEqual([expect.stringMatching(/^program 233316349: DPOR misses 1 of 3 final/u)]);
});
