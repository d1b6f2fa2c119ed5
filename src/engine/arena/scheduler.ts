/**
 * Who stands between a checked build and its memory: nobody, or a model checker, which decides at
 * every atomic access which worker goes on, and sees every other one. Its workers are functions
 * in one thread, so what a worker keeps in the JavaScript heap must be its own: keepWorkerState().
 *
 * Reached as `#shadow`; in every other build there is no scheduler.
 */
import type { WordAt } from './ref.ts';

/** Accesses that are no points where another worker may run. */
export interface PlainAccess {
  /** A byte has its number within the word; a whole word has none. */
  plainLoad(at: WordAt, byte?: number): number;
  plainStore(at: WordAt, value: number, byte?: number): void;
}

export interface Scheduler extends PlainAccess {
  load(at: WordAt): number;
  store(at: WordAt, value: number): void;
  exchange(at: WordAt, value: number): number;
  /** These three return what the word held. */
  add(at: WordAt, delta: number): number;
  or(at: WordAt, bits: number): number;
  and(at: WordAt, bits: number): number;
  cas(at: WordAt, from: number, to: number): boolean;
  wait(at: WordAt, value: number): void;
  wakeAll(at: WordAt): void;

  /** A plain load of a word that others write by atomics: rcuDereference(), readOnce(). */
  loadPublished(at: WordAt): number;
  /** The same for the allocator, which may look at what is free. */
  readonly unguarded: PlainAccess;

  /** Waits until the word holds something else: what stands for spinning and for standing in line. */
  rest(at: WordAt, value: number): void;
  /** Whether who finds a lock taken rests on its word, in place of the line that it would join. */
  readonly restsOnLocks: boolean;
  /** How often the first in line for a lock may be passed. */
  readonly passes: number;
  /** Objects freed under RCU that share a grace period. */
  readonly rcuBatch: number;
  /** Whether an allocation from a cache fails. */
  refuses(cache: string): boolean;
  /** Throws again what the scheduler itself has thrown; whoever catches anything calls it. */
  letThrough(thrown: unknown): void;
}

const seat: { scheduler: Scheduler | null } = { scheduler: null };

export const scheduled = (): Scheduler | null => seat.scheduler;

/** Seats a scheduler, or none. */
export function seatScheduler(scheduler: Scheduler | null): void {
  seat.scheduler = scheduler;
}
