/**
 * The atomic operations of a checked build: what `#atomics` is there. Each asks the shadow memory
 * whether its word may be looked at or changed, and then does what atomics.ts does.
 */
import * as plain from './atomics.ts';
import { checkWord } from './guard.ts';
import type { WordAt } from './ref.ts';

export function load(at: WordAt): number {
  checkWord(at, false);
  return plain.load(at);
}

export function store(at: WordAt, value: number): void {
  checkWord(at, true);
  plain.store(at, value);
}

export function rcuDereference(at: WordAt): number {
  checkWord(at, false);
  return plain.load(at);
}

export function rcuAssignPointer(at: WordAt, value: number): void {
  checkWord(at, true);
  plain.store(at, value);
}

export function exchange(at: WordAt, value: number): number {
  checkWord(at, true);
  return plain.exchange(at, value);
}

/** @returns the value before the addition. */
export function add(at: WordAt, delta: number): number {
  checkWord(at, true);
  return plain.add(at, delta);
}

/** Sets bits. @returns the value before. */
export function or(at: WordAt, bits: number): number {
  checkWord(at, true);
  return plain.or(at, bits);
}

/** Keeps only these bits. @returns the value before. */
export function and(at: WordAt, bits: number): number {
  checkWord(at, true);
  return plain.and(at, bits);
}

/** @returns whether the word held `from` and now holds `to`. */
export function cas(at: WordAt, from: number, to: number): boolean {
  checkWord(at, true);
  return plain.cas(at, from, to);
}

/** Sleeps while the word holds `value`. */
export function wait(at: WordAt, value: number): void {
  checkWord(at, false);
  plain.wait(at, value);
}

/** Wakes every sleeper on the word: an address is enough, whatever lives there now. */
export const wakeAll = (at: WordAt): void => plain.wakeAll(at);
