/**
 * The atomic operations, over the one shared memory. All are sequentially
 * consistent; JavaScript has no weaker kind.
 *
 * Reached as `#atomics`, never by path: a model checker can stand in its place
 * and make each call a point where another worker may run. Each costs 5 to 9 ns
 * in V8, so plain loads are used where a later atomic check makes them safe.
 */
import { assert } from './assert.ts';
import { rawViews as shared } from './memory.ts';
import type { WordAt } from './ref.ts';
import { maySleep } from './sleep.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

export const load = (at: WordAt): number => Atomics.load(views.i32, at);
export const store = (at: WordAt, value: number): void => void Atomics.store(views.i32, at, value);

/**
 * A word that others publish, read without what guards it: a plain load, which costs a tenth of an
 * atomic one. Whoever uses it asks again once it holds what guards the word, or follows it inside
 * an RCU section: docs/locking.md says which. A checked build reads it atomically.
 */
export const rcuDereference = (at: WordAt): number => views.i32[at]!;
/** The same of a word that leads nowhere, as READ_ONCE(): a hint, which a later atomic makes sure. */
export const readOnce = rcuDereference;

/**
 * Publishes a word for rcuDereference(), plainly. Only under a lock that was taken when all that
 * the word leads to was complete, and that every other writer of the word takes: taking and leaving
 * it are the atomics between which this store stands. A checked build stores it atomically.
 */
export function rcuAssignPointer(at: WordAt, value: number): void {
  views.i32[at] = value;
}

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

/**
 * Sleeps while the word holds `value`. A thread that may not makes calls only while it is alone, by
 * turn.ts. So it finds no lock taken, and who waits for an event asks `maySleep` first.
 */
export function wait(at: WordAt, value: number): void {
  assert(maySleep, 'a thread that may not sleep has nobody to wait for');
  Atomics.wait(views.i32, at, value);
}

/** Wakes every sleeper on the word. */
export const wakeAll = (at: WordAt): void => void Atomics.notify(views.i32, at);
