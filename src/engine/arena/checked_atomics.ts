/**
 * The atomic operations of a checked build: what `#atomics` is there. Each asks the shadow memory
 * whether its word may be looked at or changed, and then does what atomics.ts does; or leaves all
 * of it to the scheduler, if one is seated.
 */
import * as plain from './atomics.ts';
import { checkWord } from './guard.ts';
import type { WordAt } from './ref.ts';
import { scheduled } from './scheduler.ts';

export function load(at: WordAt): number {
  const scheduler = scheduled();
  if (scheduler !== null) return scheduler.load(at);
  checkWord(at, false);
  return plain.load(at);
}

/** An atomic load here: a checked build orders what ordinary ones only hope for. */
export function readOnce(at: WordAt): number {
  const scheduler = scheduled();
  if (scheduler !== null) return scheduler.loadPublished(at);
  checkWord(at, false);
  return plain.load(at);
}

/** An atomic load here. */
export const rcuDereference = readOnce;

export function store(at: WordAt, value: number): void {
  const scheduler = scheduled();
  if (scheduler !== null) return scheduler.store(at, value);
  checkWord(at, true);
  return plain.store(at, value);
}

/** An atomic store here. */
export const writeOnce = store;

export function exchange(at: WordAt, value: number): number {
  const scheduler = scheduled();
  if (scheduler !== null) return scheduler.exchange(at, value);
  checkWord(at, true);
  return plain.exchange(at, value);
}

/** @returns the value before the addition. */
export function add(at: WordAt, delta: number): number {
  const scheduler = scheduled();
  if (scheduler !== null) return scheduler.add(at, delta);
  checkWord(at, true);
  return plain.add(at, delta);
}

/** Sets bits. @returns the value before. */
export function or(at: WordAt, bits: number): number {
  const scheduler = scheduled();
  if (scheduler !== null) return scheduler.or(at, bits);
  checkWord(at, true);
  return plain.or(at, bits);
}

/** Keeps only these bits. @returns the value before. */
export function and(at: WordAt, bits: number): number {
  const scheduler = scheduled();
  if (scheduler !== null) return scheduler.and(at, bits);
  checkWord(at, true);
  return plain.and(at, bits);
}

/** @returns whether the word held `from` and now holds `to`. */
export function cas(at: WordAt, from: number, to: number): boolean {
  const scheduler = scheduled();
  if (scheduler !== null) return scheduler.cas(at, from, to);
  checkWord(at, true);
  return plain.cas(at, from, to);
}

/** Sleeps while the word holds `value`. */
export function wait(at: WordAt, value: number): void {
  const scheduler = scheduled();
  if (scheduler !== null) return scheduler.wait(at, value);
  checkWord(at, false);
  return plain.wait(at, value);
}

/** Wakes every sleeper on the word: an address is enough, whatever lives there now. */
export const wakeAll = (at: WordAt): void => (scheduled() ?? plain).wakeAll(at);
