import { env } from 'node:process';
import { expect, it } from 'vitest';
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
