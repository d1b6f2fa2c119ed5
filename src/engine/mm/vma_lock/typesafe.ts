/**
 * The semaphore of rwsem.ts over VMAs that are used again at once: `vmaLock: 'typesafe'`, as posted
 * for Linux in November 2024.
 *
 * What a reader finds may be freed, be another range of its mm, or another mm's, by the time it
 * looks. The memory is always a VMA's, and its semaphore lives on from one life to the next: memory
 * that was never used is a free semaphore and a detached VMA, which is all that a constructor would
 * set. So a reader locks first and asks then, in this order:
 *
 *   attached?   it is in some tree, and what follows was written before it got there
 *   our mm?     the sequence it was compared with is the one that counts
 *   our range?  the caller's check
 *
 * As posted, a VMA could be detached, freed and given new fields while a reader of another mm was
 * between these questions, since that mm's mark does not keep it out: it could see the old life
 * attached and the new one's fields. So here who detaches waits for who is inside, as 6.15 does.
 */
import * as atomics from '#atomics';
import {
  DETACHED_PLAINLY,
  LOCK_REINIT,
  MM_BEFORE_DETACHED,
  NO_DETACHED_CHECK,
  NO_DETACH_WAIT,
  NO_MM_CHECK,
  SEQ_OF_OWNER,
} from '#mutants';
import { assert } from '../../arena/assert.ts';
import { word } from '../../arena/memory.ts';
import { VMA_LOCK } from '../../sync/lock_class.ts';
import { downWrite, upRead, upWrite } from '../../sync/rwsem.ts';
import type { Mm, Vma, VmaRcu, VmaWrite } from '../held.ts';
import { vmAttachedAt, vmLockAt, vmLockSeqAt, vmMm } from '../vma_struct.ts';
import { NEVER_LOCKED, type ReadLock, VMA_DETACHED, VMA_LOCKED } from './read_lock.ts';
import { downUnmarked, isDetached } from './rwsem.ts';

export { endRead, isDetached, markAttached, startReadLocked, startWrite } from './rwsem.ts';

/**
 * Compares with the sequence of the caller's mm, and never follows vm_mm, which may change at any
 * moment. So a VMA of another mm can pass for unlocked until vm_mm is asked; what is granted is not
 * write-locked.
 */
export function startRead(mm: Mm, vma: VmaRcu): ReadLock {
  if (!downUnmarked(SEQ_OF_OWNER ? vmMm(vma) : mm, vma)) return VMA_LOCKED;
  const wasOurs = MM_BEFORE_DETACHED && vmMm(vma) === mm;
  // Pairs with markAttached(): before it, the fields are not to be looked at.
  const attached = DETACHED_PLAINLY ? word(vmAttachedAt(vma)) : atomics.load(vmAttachedAt(vma));
  const isGone = attached === 0 && !NO_DETACHED_CHECK;
  if (!isGone && (wasOurs || NO_MM_CHECK || vmMm(vma) === mm)) return vma as Vma;
  upRead(vmLockAt(vma));
  return isGone ? VMA_DETACHED : VMA_LOCKED;
}

/** Readers of another mm may be inside, on their way out: they wait for nothing. */
export function markDetached(vma: VmaWrite): void {
  assert(!isDetached(vma), 'only an attached VMA is detached');
  if (!NO_DETACH_WAIT) downWrite(vmLockAt(vma), VMA_LOCK);
  atomics.store(vmAttachedAt(vma), 0);
  if (!NO_DETACH_WAIT) upWrite(vmLockAt(vma));
}

/** The semaphore is left as it is: a late reader may hold it. */
export function init(vma: VmaRcu): void {
  assert(isDetached(vma), 'a free VMA is detached');
  if (LOCK_REINIT) atomics.store(vmLockAt(vma), 0);
  atomics.store(vmLockSeqAt(vma), NEVER_LOCKED);
}
