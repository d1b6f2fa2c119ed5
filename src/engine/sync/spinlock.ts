/**
 * A lock for a few words of work. It never sleeps unless its holder was
 * preempted: spinning against a holder that has no CPU costs milliseconds.
 */
import * as atomics from '#atomics';
import { NO_SPIN_BREAK_WAKE, NO_SPIN_WAKE, SPIN_NOT_MARKED, SPIN_WAKE_BEFORE_FREE } from '#mutants';
import { IS_SHADOWED, scheduled } from '#shadow';
import { assert } from '../arena/assert.ts';
import { thisCpu } from '../arena/cpu.ts';
import { C_HELD } from '../arena/layout.ts';
import { rawViews as shared } from '../arena/memory.ts';
import type { WordAt } from '../arena/ref.ts';
import { bringToTop, prepareHeld, SPIN } from './held_locks.ts';
import type { LockClass } from './lock_class.ts';
import { checkLockOrder } from './lock_order.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

const FREE = 0;
const HELD = 1;
/** Held, and somebody sleeps on the word. */
const CONTENDED = 2;

/** Looks before a waiter sleeps; in a checked build a scheduler takes each for a step. */
const SPINS = IS_SHADOWED ? 1 : 200;

export function spinLock(lock: WordAt, cls: LockClass): void {
  if (IS_SHADOWED) checkLockOrder(lock, cls, SPIN);
  const held = prepareHeld(lock, cls, SPIN);
  if (!atomics.cas(lock, FREE, HELD)) takeContended(lock);
  views.i32[thisCpu + C_HELD] = held + 1;
}

/** It has been taken when this returns: no call comes after the atomic that does it. */
function takeContended(lock: WordAt): void {
  if (IS_SHADOWED && restedUntilFree(lock)) return;
  for (let spin = 0; spin < SPINS; spin++) {
    if (atomics.readOnce(lock) === FREE && atomics.cas(lock, FREE, HELD)) return;
  }
  // Ends when the holder leaves; marking the lock contended keeps the wake-up from being lost.
  const mark = SPIN_NOT_MARKED ? HELD : CONTENDED;
  while (atomics.exchange(lock, mark) !== FREE) atomics.wait(lock, mark);
}

/** @returns false when nobody does that here; else it has been taken. */
function restedUntilFree(lock: WordAt): boolean {
  const scheduler = scheduled();
  if (scheduler === null || !scheduler.restsOnLocks) return false;
  // Ends when the scheduler lets the holder leave; else it tells of a deadlock.
  do scheduler.rest(lock, HELD);
  while (!atomics.cas(lock, FREE, HELD));
  return true;
}

/** @returns whether the lock was free, and is held now. */
export function spinTryLock(lock: WordAt, cls: LockClass): boolean {
  const held = prepareHeld(lock, cls, SPIN);
  if (!atomics.cas(lock, FREE, HELD)) return false;
  views.i32[thisCpu + C_HELD] = held + 1;
  return true;
}

/** Leaves, and wakes who sleeps. */
export function spinUnlock(lock: WordAt): void {
  const left = bringToTop(lock);
  assert(left >= 0, 'a spinlock is released by its holder');
  if (SPIN_WAKE_BEFORE_FREE) atomics.wakeAll(lock);
  const was = atomics.exchange(lock, FREE);
  views.i32[thisCpu + C_HELD] = left;
  if (NO_SPIN_WAKE || SPIN_WAKE_BEFORE_FREE) return;
  if (was === CONTENDED) atomics.wakeAll(lock);
}

/** Takes it away from a worker that is no more. */
export function spinBreak(lock: WordAt): void {
  atomics.store(lock, FREE);
  if (!NO_SPIN_BREAK_WAKE) atomics.wakeAll(lock);
}
