/**
 * Allocations that fail because somebody asked for it, in any of these ways and their mixtures:
 *
 *   after n more    . . . . x          of one cache, or of all caches together
 *   count           x x x . .          that many, or for ever
 *   one in k        . x . . x x        by a seeded generator, the same for all workers together
 *
 * A plan is five words; one is in the line of each cache, one in the header. A cache that a plan is
 * about is armed: a bit in its line, the one word that an allocation looks at.
 *
 *   after  count  oneIn  seed  state
 *
 * Words are changed by atomics, and the workers share them: the n-th allocation is the n-th of all.
 */
import * as atomics from '#atomics';
import { cacheAt } from '../arena/arena.ts';
import { CACHES, H_FAIL } from '../arena/layout.ts';
import { placeOfCaller } from '../arena/place.ts';
import type { WordAt } from '../arena/ref.ts';
import type { Cache } from './cache_kind.ts';
import { ARMED, EXHAUSTED, PLAN, REFUSED } from './cache_line.ts';

const AFTER = 0; //  (a) allocations that still succeed
const COUNT = 1; //  (a) allocations to refuse; FOR_EVER: all
const ONE_IN = 2; // (a) each is refused with this chance
const SEED = 3; //   (a) where the generator began
const STATE = 4; //  (a) of the generator: moves by one step for each candidate

/** Bits of ARMED. */
const BY_CACHE = 1;
const BY_MACHINE = 2;

/** As a count: every allocation from then on. */
export const FOR_EVER = -1;

/** Which allocations are to fail. */
export interface FailurePlan {
  /** How many allocations succeed first. */
  readonly after: number;
  /** How many are refused then; FOR_EVER: all. */
  readonly count: number;
  /** Refuses each with a chance of one in this; 1: always. */
  readonly oneIn: number;
  /** Where the generator begins: 32 bits. */
  readonly seed: number;
}

/** Asks for failures of one cache, or with NULL of all together; a count of 0 asks for none. */
export function setFailures(cache: Cache<string> | null, plan: FailurePlan): void {
  const at = planAt(cache);
  const bit = cache === null ? BY_MACHINE : BY_CACHE;
  const armed = cache === null ? Array.from({ length: CACHES }, (_, id) => id) : [cache.id];
  // Disarmed while the words change, so that no worker mixes two plans for longer than one call.
  for (const id of armed) atomics.and(cacheAt(id) + ARMED, ~bit);
  atomics.store(at + AFTER, plan.after);
  atomics.store(at + ONE_IN, Math.max(1, plan.oneIn));
  atomics.store(at + SEED, plan.seed | 0);
  atomics.store(at + STATE, plan.seed | 0);
  atomics.store(at + COUNT, plan.count);
  if (plan.count === 0) return;
  for (const id of armed) atomics.or(cacheAt(id) + ARMED, bit);
}

/** What is still to come of a plan; the seed is where its generator began. */
export function readFailures(cache: Cache<string> | null): FailurePlan {
  const at = planAt(cache);
  return {
    after: atomics.load(at + AFTER),
    count: atomics.load(at + COUNT),
    oneIn: atomics.load(at + ONE_IN),
    seed: atomics.load(at + SEED) >>> 0,
  };
}

/** After `after` more allocations of a cache, `count` are refused (FOR_EVER: all, 0: none). */
export function cacheFail(cache: Cache<string>, after: number, count: number): void {
  setFailures(cache, { after, count, oneIn: 1, seed: 0 });
}

/** Called for an allocation of an armed cache. @returns whether it fails; then it was counted. */
export function isRefused(cache: Cache<string>): boolean {
  const line = cacheAt(cache.id);
  const armed = atomics.load(line + ARMED);
  // Both plans see every allocation, so neither depends on whether the other is there.
  const byCache = (armed & BY_CACHE) !== 0 && isNext(line + PLAN);
  const byMachine = (armed & BY_MACHINE) !== 0 && isNext(H_FAIL);
  if (!byCache && !byMachine) return false;
  atomics.add(line + REFUSED, 1);
  witness?.(cache.name, placeOfCaller());
  return true;
}

/** Counts an allocation that found no memory. */
export function noteExhausted(cache: Cache<string>): void {
  atomics.add(cacheAt(cache.id) + EXHAUSTED, 1);
}

/** Refused because it was asked for, and refused for want of memory. */
export interface Refusals {
  readonly refused: number;
  readonly exhausted: number;
}

export const refusalsOf = (cache: Cache<string>): Refusals => ({
  refused: atomics.load(cacheAt(cache.id) + REFUSED) >>> 0,
  exhausted: atomics.load(cacheAt(cache.id) + EXHAUSTED) >>> 0,
});

/** Hears of each failure of this worker's that was asked for: the cache, and who asked it. */
export type RefusalWitness = (cache: string, place: string) => void;

// This worker's own: it is about its stack, and no other could disagree.
let witness: RefusalWitness | null = null;

export function witnessRefusals(tell: RefusalWitness | null): void {
  witness = tell;
}

const planAt = (cache: Cache<string> | null): WordAt =>
  cache === null ? H_FAIL : cacheAt(cache.id) + PLAN;

/** Whether the next allocation is one that the plan is about. */
function isNext(plan: WordAt): boolean {
  if (atomics.load(plan + COUNT) === 0) return false;
  if (atomics.load(plan + AFTER) > 0 && atomics.add(plan + AFTER, -1) > 0) return false;
  if (!isDrawn(plan)) return false;
  // Ends: each round means that another worker took one of those that are left.
  for (;;) {
    const left = atomics.load(plan + COUNT);
    if (left <= 0) return left === FOR_EVER;
    if (atomics.cas(plan + COUNT, left, left - 1)) return true;
  }
}

/** Draws a number of the plan's generator: each worker takes the next step of one sequence. */
function isDrawn(plan: WordAt): boolean {
  const oneIn = atomics.load(plan + ONE_IN);
  if (oneIn <= 1) return true;
  const step = (atomics.add(plan + STATE, WEYL) + WEYL) | 0;
  return mix(step) % oneIn === 0;
}

const WEYL = 0x6d2b79f5;

/** Spreads a counter over 32 bits. */
function mix(step: number): number {
  let bits = Math.imul(step ^ (step >>> 15), step | 1);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
  return (bits ^ (bits >>> 14)) >>> 0;
}
