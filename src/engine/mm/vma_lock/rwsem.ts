/**
 * The VMA lock as a readers-writer semaphore and a sequence: `vmaLock: 'rwsem'`, as in Linux from
 * 6.4 to 6.13.
 *
 *   writer   down_write, vm_lock_seq = mm_lock_seq, up_write: not held, only marked
 *   reader   marked? down_read or give up; marked now? attached?
 *
 * Freed VMAs wait for a grace period, so what a reader finds stays its own mm's VMA for as long as
 * its RCU section lasts; the semaphore is what keeps it longer.
 *
 * The protocol `vmaLockSeq: '4-bit'` lets readers see only so much of the sequences, so that they
 * wrap every eighth write lock. Then a reader is refused now and then, and nothing worse: whether a
 * writer has marked a VMA is always asked of the whole word, since one that is wrongly believed
 * would not wait for the readers inside.
 *
 * Source: include/linux/mm.h, vma_start_read() and on, v6.4.
 */
import * as atomics from '#atomics';
import {
  ADMIT_BEFORE_MARK,
  ATTACH_PLAINLY,
  NO_DETACHED_CHECK,
  NO_SECOND_SEQ_CHECK,
} from '#mutants';
import { assert } from '../../arena/assert.ts';
import { setWord } from '../../arena/memory.ts';
import { rcuReadLock, rcuReadUnlock } from '../../rcu/rcu.ts';
import { VMA_LOCK } from '../../sync/lock_class.ts';
import { downRead, downReadTrylock, downWrite, upRead, upWrite } from '../../sync/rwsem.ts';
import type { Mm, MmWrite, Vma, VmaRcu, VmaWrite } from '../held.ts';
import { mmLockSeqAt } from '../mm_struct.ts';
import { protocolEndsReadInRcu, protocolLockSeqMask } from '../protocol.ts';
import { vmAttachedAt, vmLockAt, vmLockSeqAt, vmMm } from '../vma_struct.ts';
import { NEVER_LOCKED, type ReadLock, VMA_DETACHED, VMA_LOCKED } from './read_lock.ts';

/** In this order: the sequence, cheaply; the semaphore; the sequence again; the mark of detaching. */
export function startRead(vma: VmaRcu): ReadLock {
  if (!downUnmarked(vmMm(vma), vma)) return VMA_LOCKED;
  // Detaching needs the mark, and the mark waits for us: from here on it stays as it is.
  if (NO_DETACHED_CHECK || !isDetached(vma)) return vma as Vma;
  upRead(vmLockAt(vma));
  return VMA_DETACHED;
}

/** @returns whether the semaphore is held for read, of a VMA whose mark is not that of `mm`. */
export function downUnmarked(mm: Mm, vma: VmaRcu): boolean {
  const mask = protocolLockSeqMask();
  // A cheap refusal. It orders nothing: the check that counts is the last one.
  if (
    ((atomics.rcuDereference(vmLockSeqAt(vma)) ^ atomics.rcuDereference(mmLockSeqAt(mm))) &
      mask) ===
    0
  )
    return false;
  if (!downReadTrylock(vmLockAt(vma), VMA_LOCK)) return false;
  // Write-locked between the first check and the semaphore. Pairs with vmaEndWriteAll().
  const differs =
    ((atomics.rcuDereference(vmLockSeqAt(vma)) ^ atomics.load(mmLockSeqAt(mm))) & mask) !== 0;
  if (differs || NO_SECOND_SEQ_CHECK) return true;
  upRead(vmLockAt(vma));
  return false;
}

/** Never fails: who has mmap_lock meets no writer of the semaphore. */
export function startReadLocked(vma: Vma): boolean {
  downRead(vmLockAt(vma), VMA_LOCK);
  return true;
}

/**
 * Who leaves may wake a writer after the semaphore is free, and that writer may be about to free
 * the VMA: the section keeps the memory what it is until all is done. Without it (`endReadRcu:
 * 'off'`) the last touch may meet memory of somebody else's.
 */
export function endRead(vma: Vma): void {
  const isInRcu = protocolEndsReadInRcu();
  if (isInRcu) rcuReadLock();
  upRead(vmLockAt(vma));
  if (isInRcu) rcuReadUnlock();
}

export function startWrite(mm: MmWrite, vma: Vma): void {
  downWrite(vmLockAt(vma), VMA_LOCK);
  if (ADMIT_BEFORE_MARK) upWrite(vmLockAt(vma));
  // Racy readers compare it; it only ever says "locked" too often.
  atomics.store(vmLockSeqAt(vma), atomics.rcuDereference(mmLockSeqAt(mm)));
  if (!ADMIT_BEFORE_MARK) upWrite(vmLockAt(vma));
}

/** The store releases the fields: pairs with the load of isDetached(). */
export function markAttached(vma: VmaWrite): void {
  assert(isDetached(vma), 'only a detached VMA is attached');
  if (ATTACH_PLAINLY) setWord(vmAttachedAt(vma), 1);
  else atomics.store(vmAttachedAt(vma), 1);
}

/** A late reader finds it in its own RCU section, and the VMA is not reused before that ends. */
export function markDetached(vma: VmaWrite): void {
  assert(!isDetached(vma), 'only an attached VMA is detached');
  atomics.store(vmAttachedAt(vma), 0);
}

export const isDetached = (vma: VmaRcu): boolean => atomics.load(vmAttachedAt(vma)) === 0;

/** A grace period has passed since the last life: nobody may be left inside. */
export function init(vma: VmaRcu): void {
  assert(isDetached(vma), 'a free VMA is detached');
  assert(atomics.load(vmLockAt(vma)) === 0, 'a VMA comes back without readers');
  atomics.store(vmLockSeqAt(vma), NEVER_LOCKED);
}
