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
