/**
 * Which locks a worker holds: a list in its own lines, so that whoever buries it knows what to
 * break, and a checked build what may be taken next.
 *
 *   C_HELD:  how many | lock, class * 4 + mode | lock, class * 4 + mode | ...
 *
 * A worker can be ended from outside at the entry of any function and at the end of any round of
 * a loop, and nowhere else. So the list is true at each of those points if it changes in the same
 * statement sequence as the lock, without a call in between:
 *
 *   prepareHeld(lock, ...) = n ; the atomic that takes it     ; views.i32[thisCpu + C_HELD] = n + 1
 *   bringToTop(lock) = n       ; the atomic that gives it up  ; views.i32[thisCpu + C_HELD] = n
 */
import { assert } from '../arena/assert.ts';
import { type Cpu, thisCpu } from '../arena/cpu.ts';
import { C_HELD, HELD_MAX } from '../arena/layout.ts';
import { setWord, views, word } from '../arena/memory.ts';
import type { WordAt } from '../arena/ref.ts';
import type { LockClass } from './lock_class.ts';

export const SPIN = 0;
export const READ = 1;
export const WRITE = 2;
export type LockMode = typeof SPIN | typeof READ | typeof WRITE;

export interface HeldLock {
  readonly lock: WordAt;
  readonly cls: LockClass;
  readonly mode: LockMode;
}

const entryAt = (cpu: Cpu, index: number): WordAt => cpu + C_HELD + 1 + 2 * index;

/** Writes down a lock above those that count. @returns how many do. */
export function prepareHeld(lock: WordAt, cls: LockClass, mode: LockMode): number {
  const count = word(thisCpu + C_HELD);
  assert(count < HELD_MAX, 'a worker holds no more locks than there are kinds');
  const at = entryAt(thisCpu, count);
  setWord(at, lock);
  setWord(at + 1, cls * 4 + mode);
  return count;
}

/** Makes a lock the last of the list. @returns how many there are beside it; -1: it is not held. */
export function bringToTop(lock: WordAt): number {
  const last = word(thisCpu + C_HELD) - 1;
  if (last < 0 || word(entryAt(thisCpu, last)) === lock) return last;
  return dig(lock, last);
}

function dig(lock: WordAt, last: number): number {
  const index = indexOf(lock, last + 1);
  if (index < 0) return -1;
  const kind = word(entryAt(thisCpu, index) + 1);
  const behind = entryAt(thisCpu, index + 1);
  views.i32.copyWithin(entryAt(thisCpu, index), behind, entryAt(thisCpu, last + 1));
  setWord(entryAt(thisCpu, last), lock);
  setWord(entryAt(thisCpu, last) + 1, kind);
  return last;
}

/** It was held for write, and now is for read. */
export function setTopMode(mode: LockMode): void {
  const at = entryAt(thisCpu, word(thisCpu + C_HELD) - 1) + 1;
  setWord(at, (word(at) & ~3) | mode);
}

/** Whether the worker that runs this holds a lock. */
export const isHeldHere = (lock: WordAt): boolean => indexOf(lock, word(thisCpu + C_HELD)) >= 0;

function indexOf(lock: WordAt, count: number): number {
  let index = count - 1;
  while (index >= 0 && views.i32[entryAt(thisCpu, index)] !== lock) index--;
  return index;
}

/** The locks of a worker, in the order it took them. */
export function locksHeld(cpu: Cpu): HeldLock[] {
  return Array.from({ length: word(cpu + C_HELD) }, (_, index) => {
    const at = entryAt(cpu, index);
    const kind = word(at + 1);
    return { lock: word(at), cls: kind >> 2, mode: (kind & 3) as LockMode };
  });
}

/** Nobody has them any more: of a worker that is buried. */
export function forgetHeld(cpu: Cpu): void {
  setWord(cpu + C_HELD, 0);
}
