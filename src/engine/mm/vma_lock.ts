/**
 * The lock of one VMA, in the generation that the machine was made with:
 *
 *   protocol     the lock                           a freed VMA is used again
 *   'refcnt'     vm_refcnt, the default             at once
 *   'typesafe'   a semaphore and a sequence         at once
 *   'rwsem'      the same                           after a grace period
 *   'off'        none: mmap_lock does it            after a grace period
 *
 * A writer, which must hold mmap_lock for write, waits for the readers once and copies mm_lock_seq
 * into the VMA. The VMA stays locked until that sequence moves, when mmap_lock is released or
 * downgraded: there is no unlock for one VMA.
 *
 * The default pays one load and one comparison for the others: vma_lock/older.ts chooses from them.
 *
 * Source: mm/mmap_lock.c, include/linux/mmap_lock.h, v6.18.
 */
import { assert, broken } from '../arena/assert.ts';
import type { WordAt } from '../arena/ref.ts';
import { isHeldHere, type LockMode } from '../sync/held_locks.ts';
import { isWriteHeld, rwsemBreak } from '../sync/rwsem.ts';
import { trace, VMA_START_WRITE } from '../trace/events.ts';
import type { Mm, MmRead, MmWrite, Vma, VmaRcu, VmaWrite } from './held.ts';
import { mmMmapLockAt } from './mm_struct.ts';
import { isDefaultVmaLock } from './protocol.ts';
import * as older from './vma_lock/older.ts';
import { isMarkedBySeq, type ReadLock } from './vma_lock/read_lock.ts';
import * as refcnt from './vma_lock/refcnt.ts';
import { vmaLockText } from './vma_text.ts';

export { VMA_DETACHED, VMA_LOCKED } from './vma_lock/read_lock.ts';

/**
 * Tries to read-lock a VMA found under RCU.
 *
 * May refuse a VMA that is free; never grants one that is write-locked. After a
 * refusal the VMA may not be touched again: it can belong to anybody.
 *
 * @returns the VMA, now stable, or VMA_LOCKED or VMA_DETACHED; vmaEndRead() ends it.
 */
export const vmaStartRead = (mm: Mm, vma: VmaRcu): ReadLock =>
  isDefaultVmaLock() ? refcnt.startRead(mm, vma) : older.startRead(mm, vma);

/** Read-locks a VMA that mmap_lock keeps stable, to keep it after mmap_lock is dropped. */
export function vmaStartReadLocked(_mm: MmRead, vma: Vma): Vma | null {
  const isHeld = isDefaultVmaLock() ? refcnt.startReadLocked(vma) : older.startReadLocked(vma);
  return isHeld ? vma : null;
}

export function vmaEndRead(vma: Vma): void {
  if (isDefaultVmaLock()) refcnt.endRead(vma);
  else older.endRead(vma);
}

/**
 * Write-locks a VMA until mmap_lock is released or downgraded. Waits for present
 * readers; taking it again costs two loads.
 */
export function vmaStartWrite(mm: MmWrite, vma: Vma): VmaWrite {
  if (isWriteLocked(mm, vma)) return vma as VmaWrite;
  if (!mayMark(mm)) broken(`only who has mmap_lock for write marks a VMA: ${vmaLockText(vma)}`);
  trace(VMA_START_WRITE, mm, vma);
  if (isDefaultVmaLock()) refcnt.startWrite(mm, vma);
  else older.startWrite(mm, vma);
  return vma as VmaWrite;
}

/** The type of the mm says so; here it is asked of this very worker. */
const mayMark = (mm: MmWrite): boolean =>
  isWriteHeld(mmMmapLockAt(mm)) && isHeldHere(mmMmapLockAt(mm));
/** What a planted bug has in place of the mark that it leaves out. */
export const vmaUnmarked = (vma: Vma): VmaWrite => vma as VmaWrite;

/** With nothing held: it may be a mark that has just ended, or just begins. */
export const isMarked = (mm: Mm, vma: VmaRcu): boolean =>
  isDefaultVmaLock() ? isMarkedBySeq(mm, vma) : older.isMarked(mm, vma);

export const isWriteLocked = (mm: MmRead, vma: VmaRcu): boolean => isMarked(mm, vma);

/** Both must hold: mmap_lock for write, which the type says, and the VMA's own. */
export function vmaAssertWriteLocked(mm: MmWrite, vma: Vma): asserts vma is VmaWrite {
  if (!mayMark(mm)) broken(`mmap_lock is held for write: ${vmaLockText(vma)}`);
  if (!isWriteLocked(mm, vma)) broken(`the VMA is write-locked: ${vmaLockText(vma)}`);
}

/** Makes a VMA whose fields are complete reachable by readers. */
export function vmaMarkAttached(vma: VmaWrite): void {
  if (isDefaultVmaLock()) refcnt.markAttached(vma);
  else older.markAttached(vma);
}

/** Takes a VMA away from readers: nobody is inside who could take it for attached. */
export function vmaMarkDetached(mm: MmWrite, vma: VmaWrite): void {
  assert(isWriteLocked(mm, vma), 'a VMA is write-locked before it is detached');
  if (isDefaultVmaLock()) refcnt.markDetached(mm, vma);
  else older.markDetached(vma);
}

/** A gathered VMA goes back to its readers when the operation is given up. */
export function vmaReattach(vma: VmaWrite): void {
  vmaMarkAttached(vma);
}

/** A detached VMA can be found by nobody, so whoever has it may write it. */
export function vmaAssertDetached(vma: Vma): asserts vma is VmaWrite {
  assert(isVmaDetached(vma), 'the VMA is detached');
}

export function vmaAssertAttached(vma: Vma): void {
  const isAttached = isDefaultVmaLock() ? !refcnt.isDetached(vma) : older.isAttached(vma);
  assert(isAttached, 'a VMA in the tree is attached');
}

/** Where nobody keeps it (`off`), every VMA may pass for detached. */
export const isVmaDetached = (vma: VmaRcu): boolean =>
  isDefaultVmaLock() ? refcnt.isDetached(vma) : older.isDetached(vma);

/** Prepares the lock of a VMA that has just been allocated: detached, and not write-locked. */
export function vmaLockInit(vma: VmaRcu): void {
  if (isDefaultVmaLock()) refcnt.init(vma);
  else older.init(vma);
}

/** Takes it away from a worker that is no more; `lock` is what its list of held locks names. */
export function vmaLockBreak(lock: WordAt, mode: LockMode): void {
  if (isDefaultVmaLock()) refcnt.breakLock(lock as VmaRcu, mode);
  else rwsemBreak(lock, mode);
}

/** Whether the memory of a freed VMA must wait until readers who may have found it are gone. */
export const vmaWaitsForReaders = (): boolean => !isDefaultVmaLock() && older.waitsForReaders();
