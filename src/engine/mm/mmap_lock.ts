/**
 * mmap_lock, and the sequence that ends every VMA write lock at once.
 *
 *   mmapWriteLock()      take the rwsem, then make mm_lock_seq odd
 *   mmapWriteUnlock()    make it even: all VMAs of the mm are unlocked; then leave
 *   mmapWriteDowngrade() the same, staying on as a reader
 *
 * The locked mm is the guard: what needs the lock takes an MmRead or an MmWrite.
 *
 * Source: include/linux/mmap_lock.h, v6.18.
 */
import * as atomics from '#atomics';
import { assert } from '../arena/assert.ts';
import { countEvent, MMAP_READ_LOCK, MMAP_WRITE_LOCK } from '../trace/counters.ts';
import {
  MMAP_LOCK_ACQUIRE_RETURNED,
  MMAP_LOCK_RELEASED,
  MMAP_LOCK_START_LOCKING,
  trace,
} from '../trace/events.ts';
import {
  downgradeWrite,
  downRead,
  downReadTrylock,
  downWrite,
  isHeld,
  isWriteHeld,
  upRead,
  upWrite,
} from '../sync/rwsem.ts';
import type { Mm, MmRead, MmWrite } from './held.ts';
import { mmLockSeqAt, mmMmapLockAt } from './mm_struct.ts';

const READ = 0;
const WRITE = 1;

export function mmapReadLock(mm: Mm): MmRead {
  trace(MMAP_LOCK_START_LOCKING, mm, READ);
  downRead(mmMmapLockAt(mm));
  countEvent(MMAP_READ_LOCK);
  trace(MMAP_LOCK_ACQUIRE_RETURNED, mm, READ);
  return mm as MmRead;
}

export function mmapReadTrylock(mm: Mm): MmRead | null {
  trace(MMAP_LOCK_START_LOCKING, mm, READ);
  if (!downReadTrylock(mmMmapLockAt(mm))) return null;
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
  downWrite(mmMmapLockAt(mm));
  countEvent(MMAP_WRITE_LOCK);
  trace(MMAP_LOCK_ACQUIRE_RETURNED, mm, WRITE);
  atomics.add(mmLockSeqAt(mm), 1);
  return mm as MmWrite;
}

/** @returns the mm without its lock: assign it over the locked one. */
export function mmapWriteUnlock(mm: MmWrite): Mm {
  trace(MMAP_LOCK_RELEASED, mm, WRITE);
  vmaEndWriteAll(mm);
  upWrite(mmMmapLockAt(mm));
  return mm;
}

export function mmapWriteDowngrade(mm: MmWrite): MmRead {
  trace(MMAP_LOCK_ACQUIRE_RETURNED, mm, READ);
  vmaEndWriteAll(mm);
  downgradeWrite(mmMmapLockAt(mm));
  return mm;
}

export function mmapAssertWriteLocked(mm: Mm): asserts mm is MmWrite {
  assert(isWriteHeld(mmMmapLockAt(mm)), 'mmap_lock is held for write');
}

export function mmapAssertLocked(mm: Mm): asserts mm is MmRead {
  assert(isHeld(mmMmapLockAt(mm)), 'mmap_lock is held');
}

/** Pairs with the last check of vmaStartRead(): who sees the new sequence sees the writes. */
function vmaEndWriteAll(mm: MmWrite): void {
  atomics.add(mmLockSeqAt(mm), 1);
}
