/**
 * The atomic operations, over the one shared memory. All are sequentially
 * consistent; JavaScript has no weaker kind.
 *
 * Reached as `#atomics`, never by path: a model checker can stand in its place
 * and make each call a point where another worker may run. Each costs 5 to 9 ns
 * in V8, so plain loads are used where a later atomic check makes them safe.
 */
import { rawViews as shared } from './memory.ts';
import type { WordAt } from './ref.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

export const load = (at: WordAt): number => Atomics.load(views.i32, at);
/**
 * A plain load of a word that others change by atomics, as READ_ONCE(): what it says may be old by
 * the time it is used, so whoever asks checks it again, or only takes it for a hint. A plain load
 * costs a tenth of an atomic one.
 */
export const readOnce = (at: WordAt): number => views.i32[at]!;
/**
 * The same of a word that others publish: it is followed in an RCU section, or asked again once
 * what guards it is held: docs/locking.md says which.
 */
export const rcuDereference = readOnce;
export const store = (at: WordAt, value: number): void => void Atomics.store(views.i32, at, value);
/**
 * A plain store of a word that others read by readOnce(), as WRITE_ONCE(): it publishes nothing, so
 * what it leads to must have been there for all to see before.
 */
export function writeOnce(at: WordAt, value: number): void {
  views.i32[at] = value;
}
export const exchange = (at: WordAt, value: number): number =>
  Atomics.exchange(views.i32, at, value);

/** @returns the value before the addition. */
export const add = (at: WordAt, delta: number): number => Atomics.add(views.i32, at, delta);

/** Sets bits. @returns the value before. */
export const or = (at: WordAt, bits: number): number => Atomics.or(views.i32, at, bits);
/** Keeps only these bits. @returns the value before. */
export const and = (at: WordAt, bits: number): number => Atomics.and(views.i32, at, bits);

/** @returns whether the word held `from` and now holds `to`. */
export const cas = (at: WordAt, from: number, to: number): boolean =>
  Atomics.compareExchange(views.i32, at, from, to) === from;

/** Sleeps while the word holds `value`; a thread that may not sleep returns at once and spins. */
export function wait(at: WordAt, value: number): void {
  if (canSleep) Atomics.wait(views.i32, at, value);
}

/** Wakes every sleeper on the word. */
export const wakeAll = (at: WordAt): void => void Atomics.notify(views.i32, at);

/** False on a browser's main thread, where Atomics.wait throws. */
const canSleep = ((): boolean => {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
})();
