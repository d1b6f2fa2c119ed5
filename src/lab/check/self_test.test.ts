import { env } from 'node:process';
import { expect, it } from 'vitest';
import { Dpor } from './dpor.ts';
import { WAITS } from './kind.ts';
import type { Search, Step } from './search.ts';
import { selfTest } from './self_test.ts';

const SEED = Number(env['SEED'] ?? Math.trunc(Math.random() * 1e9));
const PROGRAMS = Number(env['PROGRAMS'] ?? 2000);
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

/** The shards of a search, one after another. */
class AllShards implements Search {
  readonly #shards: Dpor[];

  constructor(threads: number, of: number) {
    this.#shards = Array.from({ length: of }, (_, index) => new Dpor(threads, { index, of }));
  }

  get #now(): Dpor {
    return this.#shards[0] ?? expect.fail('all shards are done');
  }

  begin = (): void => this.#now.begin();
  choose = (last: number, enabled: number): number => this.#now.choose(last, enabled);
  pick = (thread: number, count: number): number => this.#now.pick(thread, count);
  stepped = (step: Step): boolean => this.#now.stepped(step);

  next(): boolean {
    if (this.#now.next()) return true;
    this.#shards.shift();
    return this.#shards.length > 0;
  }
}

it('misses none in shards', () => {
  const { wrong, dpor } = selfTest(SEED, 150, (threads) => new AllShards(threads, 4));
  expect(wrong, AGAIN).toEqual([]);
  expect(dpor).toBeGreaterThan(0);
});
