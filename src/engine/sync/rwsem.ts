/**
 * A sleeping readers-writer lock in one word.
 *
 *   31                              3        2          1         0
 *   ┌───────────────────────────────┬────────┬──────────┬─────────┐
 *   │ readers                       │SLEEPERS│ WAITING  │ WRITER  │
 *   └───────────────────────────────┴────────┴──────────┴─────────┘
 *
 * WAITING keeps new readers out while a writer waits, so writers do not starve.
 * SLEEPERS says that leaving must wake; without it, leaving is one atomic.
 *
 * Source: the behaviour of kernel/locking/rwsem.c, v6.18; the algorithm is ours.
 */
import * as atomics from '#atomics';
import { assert } from '../arena/assert.ts';
import type { WordAt } from '../arena/ref.ts';
import { SPINS } from './spinlock.ts';

const WRITER = 1;
const WAITING = 2;
const SLEEPERS = 4;
const READER = 8;

export function downRead(sem: WordAt): void {
  for (let tries = 0; ; tries++) {
    if (downReadTrylock(sem)) return;
    if (tries >= SPINS) sleepWhile(sem, WRITER | WAITING, 0);
  }
}

/** @returns false when a writer holds the lock or waits for it. */
export function downReadTrylock(sem: WordAt): boolean {
  const seen = atomics.load(sem);
  return (seen & (WRITER | WAITING)) === 0 && atomics.cas(sem, seen, seen + READER);
}

export function upRead(sem: WordAt): void {
  const before = atomics.add(sem, -READER);
  assert(before >= READER, 'upRead() without a reader');
  if (before - READER < READER) wakeSleepers(sem);
}

export function downWrite(sem: WordAt): void {
  for (let tries = 0; ; tries++) {
    const seen = atomics.load(sem);
    const isFree = (seen & WRITER) === 0 && seen < READER;
    if (isFree && atomics.cas(sem, seen, (seen & SLEEPERS) | WRITER)) return;
    if (tries >= SPINS) sleepWhile(sem, ~(WAITING | SLEEPERS), WAITING);
  }
}

export function upWrite(sem: WordAt): void {
  const before = atomics.add(sem, -WRITER);
  assert((before & WRITER) !== 0, 'upWrite() by a writer');
  wakeSleepers(sem);
}

/** The writer becomes a reader; no other writer gets in between. */
export function downgradeWrite(sem: WordAt): void {
  const before = atomics.add(sem, READER - WRITER);
  assert((before & WRITER) !== 0, 'downgradeWrite() by a writer');
  wakeSleepers(sem);
}

export const isWriteHeld = (sem: WordAt): boolean => (atomics.load(sem) & WRITER) !== 0;
export const isHeld = (sem: WordAt): boolean => (atomics.load(sem) & ~(WAITING | SLEEPERS)) !== 0;

/** Sleeps once if the lock is still taken by `obstacles`, leaving `mark` for newcomers. */
function sleepWhile(sem: WordAt, obstacles: number, mark: number): void {
  const seen = atomics.load(sem);
  if ((seen & obstacles) === 0) return;
  const marked = seen | SLEEPERS | mark;
  if (marked !== seen && !atomics.cas(sem, seen, marked)) return;
  atomics.wait(sem, marked);
}

/**
 * Clearing WAITING too lets readers race with the woken writer, which sets it again if it loses.
 */
function wakeSleepers(sem: WordAt): void {
  for (;;) {
    const seen = atomics.load(sem);
    if ((seen & (SLEEPERS | WAITING)) === 0) return;
    if (atomics.cas(sem, seen, seen & ~(SLEEPERS | WAITING))) break;
  }
  atomics.wakeAll(sem);
}
