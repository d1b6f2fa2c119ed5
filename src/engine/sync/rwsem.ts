/**
 * A sleeping readers-writer lock in one word.
 *
 *   31                              3         2          1         0
 *   ┌───────────────────────────────┬─────────┬──────────┬─────────┐
 *   │ readers                       │ HANDOFF │ WAITING  │ WRITER  │
 *   └───────────────────────────────┴─────────┴──────────┴─────────┘
 *
 * WAITING   somebody stands in line (wait_line.ts): new readers join it, and leaving must wake
 * HANDOFF   the first in line has been passed too often: nobody else gets in before it
 *
 * Fair, and not strictly first come first served: a new writer may pass while nobody is inside,
 * since waking a sleeper takes longer than most of what is done under the lock. The first in line
 * is passed at most PASSES times. If it reads, all readers in line go in with it; writers go in by
 * their tickets. So neither readers nor writers starve.
 *
 * Source: the behaviour of kernel/locking/rwsem.c, v6.18; the algorithm is ours.
 */
import * as atomics from '#atomics';
import {
  DOWNGRADE_IN_TWO_STEPS,
  NO_BREAK_WAKE,
  NO_DOWNGRADE_WAKE,
  NO_HANDOFF,
  NO_RWSEM_WAKE,
  NO_WAKE_ON_GIVING_UP,
  ONLY_HEAD_WOKEN,
  RWSEM_WAKE_BEFORE_FREE,
  WAKE_EPOCH_TOO_LATE,
} from '#mutants';
import { IS_SHADOWED, scheduled } from '#shadow';
import { assert } from '../arena/assert.ts';
import { thisCpu } from '../arena/cpu.ts';
import { C_HELD } from '../arena/layout.ts';
import { rawViews as shared, word } from '../arena/memory.ts';
import { NULL, type WordAt } from '../arena/ref.ts';
import { bringToTop, type LockMode, prepareHeld, READ, setTopMode, WRITE } from './held_locks.ts';
import type { LockClass } from './lock_class.ts';
import { checkLockOrder } from './lock_order.ts';
import {
  headOfLine,
  joinLine,
  leaveLine,
  lineOf,
  sleepInLine,
  waitMode,
  wakeEpoch,
  wakeInLine,
} from './wait_line.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

const WRITER = 1;
const WAITING = 2;
const HANDOFF = 4;
const READER = 8;

/**
 * Looks before a waiter stands in line: some ten microseconds, as what is done under the lock takes
 * a few, and to sleep and be woken takes more. Two workers that map and unmap get twice as much
 * done as with a tenth of it. In a checked build a scheduler takes each look for a step.
 */
const SPINS = IS_SHADOWED ? 1 : 30_000;

/** How often the first in line is woken and finds that somebody has passed it. */
const PASSES = 4;
/** Fewer where a scheduler tries every way in which it can be. */
const mostPasses = (): number => (IS_SHADOWED ? (scheduled()?.passes ?? PASSES) : PASSES);

const never = (): boolean => false;

/** Takes it together with other readers. */
export function downRead(sem: WordAt, cls: LockClass): void {
  if (IS_SHADOWED) checkLockOrder(sem, cls, READ);
  const held = prepareHeld(sem, cls, READ);
  // Nobody there is what is met most, and then needs no look.
  if (atomics.cas(sem, 0, READER) || takeRead(sem)) views.i32[thisCpu + C_HELD] = held + 1;
  else takeContended(sem, READ, never);
}

/** @returns false when a writer holds the lock, or somebody waits for it. */
export function downReadTrylock(sem: WordAt, cls: LockClass): boolean {
  const held = prepareHeld(sem, cls, READ);
  if (!takeRead(sem)) return false;
  views.i32[thisCpu + C_HELD] = held + 1;
  return true;
}

function takeRead(sem: WordAt): boolean {
  const seen = atomics.load(sem);
  return !mustWait(seen, READ) && atomics.cas(sem, seen, seen + READER);
}

export function upRead(sem: WordAt): void {
  const left = bringToTop(sem);
  assert(left >= 0, 'upRead() without a reader');
  const before = atomics.add(sem, -READER);
  views.i32[thisCpu + C_HELD] = left;
  if (before < 2 * READER && (before & (WAITING | HANDOFF)) !== 0) wakeLine(sem);
}

export function downWrite(sem: WordAt, cls: LockClass): void {
  if (IS_SHADOWED) checkLockOrder(sem, cls, WRITE);
  const held = prepareHeld(sem, cls, WRITE);
  if (atomics.cas(sem, 0, WRITER)) views.i32[thisCpu + C_HELD] = held + 1;
  else takeContended(sem, WRITE, never);
}

/** @returns false when it had to wait, and `isOver` then told it to give up. */
export function downWriteUnless(sem: WordAt, cls: LockClass, isOver: () => boolean): boolean {
  if (IS_SHADOWED) checkLockOrder(sem, cls, WRITE);
  const held = prepareHeld(sem, cls, WRITE);
  if (!atomics.cas(sem, 0, WRITER)) return takeContended(sem, WRITE, isOver);
  views.i32[thisCpu + C_HELD] = held + 1;
  return true;
}

/** Spins, and then waits in line. @returns false when it has given up. */
function takeContended(sem: WordAt, mode: LockMode, isOver: () => boolean): boolean {
  const held = word(thisCpu + C_HELD);
  if (IS_SHADOWED && restedUntilFree(sem, mode)) {
    views.i32[thisCpu + C_HELD] = held + 1;
    return true;
  }
  for (let tries = 0; tries < SPINS; tries++) {
    // A plain look, which leaves the holder its line; the atomics take it.
    if (mustWait(atomics.readOnce(sem), mode)) continue;
    if (!(mode === READ ? takeRead(sem) : takeWrite(sem))) continue;
    views.i32[thisCpu + C_HELD] = held + 1;
    return true;
  }
  return waitInLine(sem, mode, isOver);
}

/** @returns false when nobody does that here; else it has been taken. */
function restedUntilFree(sem: WordAt, mode: LockMode): boolean {
  const scheduler = scheduled();
  if (scheduler === null || !scheduler.restsOnLocks) return false;
  // Ends when the scheduler lets those inside leave; else it tells of a deadlock.
  for (;;) {
    const seen = atomics.load(sem);
    const isFree = mode === READ ? (seen & WRITER) === 0 : seen === 0;
    if (!isFree) scheduler.rest(sem, seen);
    else if (atomics.cas(sem, seen, mode === READ ? seen + READER : WRITER)) return true;
  }
}

/** Whether a new one would have to stand in line. */
const mustWait = (seen: number, mode: LockMode): boolean =>
  (seen & (mode === READ ? WRITER | WAITING | HANDOFF : ~WAITING)) !== 0;

function takeWrite(sem: WordAt): boolean {
  const seen = atomics.load(sem);
  return !mustWait(seen, WRITE) && atomics.cas(sem, seen, seen | WRITER);
}

/** Leaves, and wakes who waits. */
export function upWrite(sem: WordAt): void {
  const left = bringToTop(sem);
  assert(left >= 0, 'upWrite() by a writer');
  if (RWSEM_WAKE_BEFORE_FREE) wakeLine(sem);
  const before = atomics.add(sem, -WRITER);
  views.i32[thisCpu + C_HELD] = left;
  assert((before & WRITER) !== 0, 'upWrite() by a writer');
  if (NO_RWSEM_WAKE || RWSEM_WAKE_BEFORE_FREE) return;
  if ((before & (WAITING | HANDOFF)) !== 0) wakeLine(sem);
}

/** The writer becomes a reader; no other writer gets in between. */
export function downgradeWrite(sem: WordAt): void {
  assert(bringToTop(sem) >= 0, 'downgradeWrite() by a writer');
  if (DOWNGRADE_IN_TWO_STEPS) atomics.add(sem, -WRITER);
  const before = atomics.add(sem, DOWNGRADE_IN_TWO_STEPS ? READER : READER - WRITER);
  setTopMode(READ);
  if (NO_DOWNGRADE_WAKE) return;
  if ((before & (WAITING | HANDOFF)) !== 0) wakeLine(sem);
}

export const isWriteHeld = (sem: WordAt): boolean => (atomics.load(sem) & WRITER) !== 0;
export const isHeld = (sem: WordAt): boolean => (atomics.load(sem) & ~(WAITING | HANDOFF)) !== 0;

/** Takes it away from a worker that is no more. */
export function rwsemBreak(sem: WordAt, mode: LockMode): void {
  atomics.add(sem, mode === READ ? -READER : -WRITER);
  if (!NO_BREAK_WAKE) wakeLine(sem);
}

/** Waits for its turn. @returns false when it has given up. */
function waitInLine(sem: WordAt, mode: LockMode, isOver: () => boolean): boolean {
  const held = word(thisCpu + C_HELD);
  joinLine(sem, mode);
  for (let wakes = 0; ; wakes++) {
    // First: whoever leaves, or condemns this task, after it has been looked for moves the epoch.
    const epoch = wakeEpoch();
    atomics.or(sem, WAITING);
    if (takeInLine(sem, mode)) {
      views.i32[thisCpu + C_HELD] = held + 1;
      return leave(sem, true);
    }
    if (isOver()) return leave(sem, false);
    const isPassed = wakes >= mostPasses() && headOfLine(sem) === thisCpu;
    if (isPassed && !NO_HANDOFF) atomics.or(sem, HANDOFF);
    sleepInLine(WAKE_EPOCH_TOO_LATE ? wakeEpoch() : epoch);
  }
}

/** No call comes after the atomic that takes it. */
function takeInLine(sem: WordAt, mode: LockMode): boolean {
  const head = headOfLine(sem);
  const isFirst = head === thisCpu;
  if (mode === WRITE && !isFirst) return false;
  if (!isFirst && (head === NULL || waitMode(head) !== READ)) return false;
  // Ends when the word stands still: others mark it, or are readers that come and go.
  for (;;) {
    const seen = atomics.load(sem);
    if ((seen & WRITER) !== 0 || (mode === WRITE && seen >= READER)) return false;
    const kept = isFirst ? seen & ~HANDOFF : seen;
    if (atomics.cas(sem, seen, mode === READ ? kept + READER : kept | WRITER)) return true;
  }
}

/** Who got in wakes nobody: it has passed the others, or they have been woken with it. */
function leave(sem: WordAt, isTaken: boolean): boolean {
  leaveLine(thisCpu);
  if (!isTaken && !NO_WAKE_ON_GIVING_UP) wakeLine(sem);
  else if (headOfLine(sem) === NULL) unmark(sem);
  return isTaken;
}

/** Wakes whoever may get in now. */
export function wakeLine(sem: WordAt): void {
  const head = headOfLine(sem);
  if (head === NULL) {
    unmark(sem);
    return;
  }
  const isReader = waitMode(head) === READ;
  for (const cpu of lineOf(sem)) {
    if (cpu === head || (isReader && waitMode(cpu) === READ && !ONLY_HEAD_WOKEN)) wakeInLine(cpu);
  }
}

/** Nobody is in line. Who joins from now on marks the word itself; who just did is found again. */
function unmark(sem: WordAt): void {
  atomics.and(sem, ~(WAITING | HANDOFF));
  if (headOfLine(sem) === NULL) return;
  atomics.or(sem, WAITING);
  wakeLine(sem); // its lock may have become free unmarked
}
