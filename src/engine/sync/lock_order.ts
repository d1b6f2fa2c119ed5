/**
 * The order of locks, in checked builds: whoever takes a lock that is ahead of one it holds, or one
 * that it holds, is reported at once, though this time nobody was in its way.
 *
 *   held     mmap_lock > VMA lock > ... > page lock > ... > depot of a cache
 *   takes                                                 ^ only what is further to the right
 *
 * A try waits for nobody, so it may be made out of order; what it got counts as held.
 */
import { broken } from '../arena/assert.ts';
import { thisCpu } from '../arena/cpu.ts';
import { C_RCU_NESTING } from '../arena/layout.ts';
import { word } from '../arena/memory.ts';
import { type Moment, placeOfCaller, thisMoment } from '../arena/place.ts';
import type { WordAt } from '../arena/ref.ts';
import { type HeldLock, type LockMode, locksHeld, SPIN } from './held_locks.ts';
import { type LockClass, lockName, PTE_LOCK } from './lock_class.ts';

/** When this worker last took each of the locks it took last. */
const moments = new Map<WordAt, Moment>();
const MOMENTS_MAX = 1000;

/** @throws Error that names both locks, and where each of them was taken. */
export function checkLockOrder(lock: WordAt, cls: LockClass, mode: LockMode): void {
  const now = thisMoment();
  for (const held of locksHeld(thisCpu)) {
    const wrong = refuse(held, lock, cls);
    if (wrong !== null) report(wrong, now, held);
  }
  if (mode !== SPIN && word(thisCpu + C_RCU_NESTING) > 0) {
    report(`${lockName(cls)} is slept on inside an RCU section`, now);
  }
  if (moments.size >= MOMENTS_MAX) moments.clear();
  moments.set(lock, now);
}

function report(wrong: string, now: Moment, held?: HeldLock): never {
  const then = held === undefined ? undefined : moments.get(held.lock);
  const since = then === undefined ? '' : `\n    held since ${placeOfCaller(then)}`;
  return broken(`${wrong}${since}\n    taken by ${placeOfCaller(now)}`);
}

function refuse(held: HeldLock, lock: WordAt, cls: LockClass): string | null {
  if (held.lock === lock) return `recursive lock: ${lockName(cls)} is taken by who holds it`;
  if (held.cls < cls || mayNest(held, cls)) return null;
  return `lock order: ${lockName(cls)} is taken under ${lockName(held.cls)}`;
}

/** Two leaf tables have an order of their own: that of their places, or child before parent. */
const mayNest = (held: HeldLock, cls: LockClass): boolean =>
  cls === PTE_LOCK && held.cls === PTE_LOCK;
