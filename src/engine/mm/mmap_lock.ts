/**
 * mmap_lock, and the sequence that ends every VMA write lock at once.
 *
 *   mmapWriteLock()      take the rwsem, then make mm_lock_seq odd
 *   mmapWriteUnlock()    make it even: all VMAs of the mm are unlocked; then leave
 *   mmapWriteDowngrade() the same, staying on as a reader
 *
 * Who looks without the lock at what may be looked at without it asks the sequence whether anybody
 * wrote meanwhile: speculate.ts.
 *
 * The locked mm is the guard: what needs the lock takes an MmRead or an MmWrite.
 *
 * Source: include/linux/mmap_lock.h, v6.18.
 */
import * as atomics from '#atomics';
import {
  BUMP_AFTER_DOWNGRADE,
  BUMP_AFTER_RELEASE,
  BUMP_PLAINLY,
  NO_BUMP_AT_LOCK,
  NO_DOWNGRADE_BUMP,
} from '#mutants';
import { assert } from '../arena/assert.ts';
import { setWord, word } from '../arena/memory.ts';
import { countEvent, MMAP_READ_LOCK, MMAP_WRITE_LOCK } from '../trace/counters.ts';
import {
  isTraced,
  MMAP_LOCK_ACQUIRE_RETURNED,
  MMAP_LOCK_RELEASED,
  MMAP_LOCK_START_LOCKING,
  trace,
  traceRange,
} from '../trace/events.ts';
import { MMAP_LOCK, MMAP_LOCK_CHILD } from '../sync/lock_class.ts';
import {
  downgradeWrite,
  downRead,
  downReadTrylock,
  downWrite,
  downWriteUnless,
  isHeld,
  isWriteHeld,
  upRead,
  upWrite,
} from '../sync/rwsem.ts';
import type { Mm, MmRead, MmWrite } from './held.ts';
import { mmLockSeqAt, mmMmapLockAt } from './mm_struct.ts';
import { fatalSignalPending } from './task_struct.ts';

const READ = 0;
const WRITE = 1;

export function mmapReadLock(mm: Mm): MmRead {
  trace(MMAP_LOCK_START_LOCKING, mm, READ);
  downRead(mmMmapLockAt(mm), MMAP_LOCK);
  countEvent(MMAP_READ_LOCK);
  trace(MMAP_LOCK_ACQUIRE_RETURNED, mm, READ);
  return mm as MmRead;
}

export function mmapReadTrylock(mm: Mm): MmRead | null {
  trace(MMAP_LOCK_START_LOCKING, mm, READ);
  if (!downReadTrylock(mmMmapLockAt(mm), MMAP_LOCK)) return traceRefused(mm, READ);
  countEvent(MMAP_READ_LOCK);
  trace(MMAP_LOCK_ACQUIRE_RETURNED, mm, READ);
  return mm as MmRead;
}

/** @returns the mm without its lock: assign it over the locked one. */
export function mmapReadUnlock(mm: MmRead): Mm {
  trace(MMAP_LOCK_RELEASED, mm, READ);
  upRead(mmMmapLockAt(mm));
  return mm;
}

export function mmapWriteLock(mm: Mm): MmWrite {
  trace(MMAP_LOCK_START_LOCKING, mm, WRITE);
  downWrite(mmMmapLockAt(mm), MMAP_LOCK);
  return beginWrite(mm);
}

/** The same for a child that nobody knows yet, by who has locked its parent. */
export function mmapWriteLockNested(mm: Mm): MmWrite {
  trace(MMAP_LOCK_START_LOCKING, mm, WRITE);
  downWrite(mmMmapLockAt(mm), MMAP_LOCK_CHILD);
  return beginWrite(mm);
}

/** @returns null when the running task has to wait, and is to die: its call ends with EINTR. */
export function mmapWriteLockKillable(mm: Mm): MmWrite | null {
  trace(MMAP_LOCK_START_LOCKING, mm, WRITE);
  const isTaken = downWriteUnless(mmMmapLockAt(mm), MMAP_LOCK, fatalSignalPending);
  if (!isTaken) return traceRefused(mm, WRITE);
  return beginWrite(mm);
}

/** Linux tells of it as acquired without success. */
function traceRefused(mm: Mm, arg: number): null {
  if (isTraced(MMAP_LOCK_ACQUIRE_RETURNED)) {
    traceRange(MMAP_LOCK_ACQUIRE_RETURNED, mm, { arg, a: 1, b: 0 });
  }
  return null;
}

function beginWrite(mm: Mm): MmWrite {
  countEvent(MMAP_WRITE_LOCK);
  trace(MMAP_LOCK_ACQUIRE_RETURNED, mm, WRITE);
  if (!NO_BUMP_AT_LOCK) atomics.add(mmLockSeqAt(mm), 1);
  return mm as MmWrite;
}

/** @returns the mm without its lock: assign it over the locked one. */
export function mmapWriteUnlock(mm: MmWrite): Mm {
  trace(MMAP_LOCK_RELEASED, mm, WRITE);
  if (!BUMP_AFTER_RELEASE) vmaEndWriteAll(mm);
  upWrite(mmMmapLockAt(mm));
  if (BUMP_AFTER_RELEASE) vmaEndWriteAll(mm);
  return mm;
}

export function mmapWriteDowngrade(mm: MmWrite): MmRead {
  trace(MMAP_LOCK_ACQUIRE_RETURNED, mm, READ);
  if (!NO_DOWNGRADE_BUMP && !BUMP_AFTER_DOWNGRADE) vmaEndWriteAll(mm);
  downgradeWrite(mmMmapLockAt(mm));
  if (BUMP_AFTER_DOWNGRADE) vmaEndWriteAll(mm);
  return mm;
}

/** Of a writer that is no more: what it has marked is not marked any longer. */
export function mmapEndDeadWrite(mm: Mm): void {
  const seq = atomics.load(mmLockSeqAt(mm));
  if ((seq & 1) !== 0) atomics.add(mmLockSeqAt(mm), 1);
}

/** What a planted bug has in place of the lock that it does not take. */
export const mmapUnlocked = (mm: Mm): MmRead => mm as MmRead;

export function mmapAssertWriteLocked(mm: Mm): asserts mm is MmWrite {
  assert(isWriteHeld(mmMmapLockAt(mm)), 'mmap_lock is held for write');
}

/** What no reader is: for the planted bug GROWTH_UNDER_READ_LOCK, which takes one for a writer. */
export const mmapReaderAsWriter = (mm: MmRead): MmWrite => mm as MmWrite;

export function mmapAssertLocked(mm: Mm): asserts mm is MmRead {
  assert(isHeld(mmMmapLockAt(mm)), 'mmap_lock is held');
}

/** Pairs with the last check of vmaStartRead(): who sees the new sequence sees the writes. */
function vmaEndWriteAll(mm: MmWrite): void {
  if (BUMP_PLAINLY) setWord(mmLockSeqAt(mm), word(mmLockSeqAt(mm)) + 1);
  else atomics.add(mmLockSeqAt(mm), 1);
}
