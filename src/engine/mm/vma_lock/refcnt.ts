/**
 * The VMA lock as a count of references: `vmaLock: 'refcnt'`, as in Linux since 6.15.
 *
 *   0                      detached: nobody can take it
 *   1                      attached; unlocked, or write-locked by its sequence
 *   2 ... READERS_MAX      attached, and that many readers less one
 *   + EXCLUDE_READERS      a writer waits for the readers to leave
 *
 * A writer, which must hold mmap_lock for write, waits for the readers once and
 * copies mm_lock_seq into the VMA. The VMA stays locked until that sequence
 * moves, when mmap_lock is released or downgraded: there is no unlock for one VMA.
 *
 * Source: mm/mmap_lock.c, include/linux/mmap_lock.h, v6.18.
 */
import * as atomics from '#atomics';
import {
  ADMIT_BEFORE_MARK,
  ATTACH_PLAINLY,
  MM_AFTER_PUT,
  NO_DETACH_WAIT,
  NO_EXCLUSION,
  NO_MMGRAB,
  NO_MM_CHECK,
  NO_READER_WAIT,
  NO_SECOND_SEQ_CHECK,
  NO_WRITER_WAKE,
  READ_DETACHED,
  WAKE_WITHOUT_EPOCH,
  WRITER_EPOCH_TOO_LATE,
  WRITER_WAKE_BEFORE_MOVE,
} from '#mutants';
import { IS_SHADOWED } from '#shadow';
import { assert } from '../../arena/assert.ts';
import { thisCpu } from '../../arena/cpu.ts';
import { C_HELD } from '../../arena/layout.ts';
import { rawViews as shared } from '../../arena/memory.ts';
import { bringToTop, type LockMode, prepareHeld, READ, WRITE } from '../../sync/held_locks.ts';
import { VMA_LOCK } from '../../sync/lock_class.ts';
import { checkLockOrder } from '../../sync/lock_order.ts';
import type { Mm, MmWrite, Vma, VmaRcu, VmaWrite } from '../held.ts';
import { mmgrab, mmdrop } from '../mm_refs.ts';
import { mmLockSeqAt, mmWriterWaitAt } from '../mm_struct.ts';
import { vmLockSeqAt, vmMm, vmRefcntAt } from '../vma_struct.ts';
import {
  isMarkedBySeq,
  NEVER_LOCKED,
  type ReadLock,
  VMA_DETACHED,
  VMA_LOCKED,
} from './read_lock.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

/** Set in vm_refcnt while a writer waits for the readers to leave. */
const EXCLUDE_READERS = 1 << 30;
const READERS_MAX = EXCLUDE_READERS - 1;

/**
 * In this order: the sequence, cheaply; the count; the mm; the sequence again.
 *
 * Source: include/linux/mmap_lock.h, vma_start_read(), v6.18.
 */
export function startRead(mm: Mm, vma: VmaRcu): ReadLock {
  // A cheap refusal. It orders nothing: the check that counts is the last one.
  if (isMarkedBySeq(mm, vma)) return VMA_LOCKED;

  const held = prepareHeld(vma, VMA_LOCK, READ);
  const before = incNotZero(vma);
  if (before > 0) views.i32[thisCpu + C_HELD] = held + 1;
  if (before === 0) return VMA_DETACHED;
  if (before < 0) return VMA_LOCKED;

  // Reused by another mm: its writer may be waiting for our count, in that mm's memory.
  if (vmMm(vma) !== mm && !NO_MM_CHECK) return leaveOther(vma);

  // Write-locked between the first check and the count. Pairs with vmaEndWriteAll().
  const isMarked = atomics.rcuDereference(vmLockSeqAt(vma)) === atomics.load(mmLockSeqAt(mm));
  if (isMarked && !NO_SECOND_SEQ_CHECK) {
    vmaPutRead(vma);
    return VMA_LOCKED;
  }
  return vma as Vma;
}

/** Apart from the way that is taken: what is compiled as one has a limit. */
function leaveOther(vma: VmaRcu): typeof VMA_LOCKED {
  const owner = vmMm(vma);
  if (!NO_MMGRAB) mmgrab(owner);
  vmaPutRead(vma);
  if (!NO_MMGRAB) mmdrop(owner);
  return VMA_LOCKED;
}

/** Fails only for too many readers. */
export function startReadLocked(vma: Vma): boolean {
  const held = prepareHeld(vma, VMA_LOCK, READ);
  if (incNotZero(vma) <= 0) return false;
  views.i32[thisCpu + C_HELD] = held + 1;
  return true;
}

export function endRead(vma: Vma): void {
  vmaPutRead(vma);
}

/** Waits for the readers inside and marks. Source: mm/mmap_lock.c, __vma_start_write(), v6.18. */
export function startWrite(mm: MmWrite, vma: Vma): void {
  const isAttached = excludeReaders(mm, vma, 1);
  if (ADMIT_BEFORE_MARK && isAttached) admitReaders(vma);
  // Racy readers compare it; it only ever says "locked" too often.
  atomics.store(vmLockSeqAt(vma), atomics.rcuDereference(mmLockSeqAt(mm)));
  if (isAttached && !ADMIT_BEFORE_MARK) admitReaders(vma);
}

/** The store releases the fields: pairs with incNotZero(). */
export function markAttached(vma: VmaWrite): void {
  assert(isDetached(vma), 'only a detached VMA is attached');
  if (ATTACH_PLAINLY) views.i32[vmRefcntAt(vma)] = 1;
  else atomics.store(vmRefcntAt(vma), 1);
}

/**
 * Some readers may have counted themselves just now, on the way to finding it locked: they are
 * waited for. Source: mm/mmap_lock.c, vma_mark_detached(), v6.18.
 */
export function markDetached(mm: MmWrite, vma: VmaWrite): void {
  const left = atomics.add(vmRefcntAt(vma), -1) - 1;
  assert(left >= 0, 'only an attached VMA is detached');
  if (left === 0 || NO_DETACH_WAIT) return;
  if (excludeReaders(mm, vma, 0)) admitReaders(vma);
}

export const isDetached = (vma: VmaRcu): boolean => atomics.rcuDereference(vmRefcntAt(vma)) === 0;

/** The count is inherited from the last life: setting it could wipe out a late reader's step. */
export function init(vma: VmaRcu): void {
  assert(isDetached(vma), 'a free VMA has no readers');
  atomics.store(vmLockSeqAt(vma), NEVER_LOCKED);
}

/** @returns false for a detached VMA; else waits until `base` references are left. */
function excludeReaders(mm: MmWrite, vma: Vma, base: number): boolean {
  if (IS_SHADOWED) checkLockOrder(vma, VMA_LOCK, WRITE);
  const at = vmRefcntAt(vma);
  const held = prepareHeld(vma, VMA_LOCK, WRITE);
  for (let count = atomics.rcuDereference(at); ; count = atomics.load(at)) {
    if (count === 0) return false;
    if (!atomics.cas(at, count, count + EXCLUDE_READERS)) continue;
    views.i32[thisCpu + C_HELD] = held + 1;
    if (count === base || NO_READER_WAIT) return true; // nobody was inside, and nobody gets in now
    break;
  }
  // Ends when the readers inside have left: no new one gets past the bit.
  for (;;) {
    const epoch = atomics.load(mmWriterWaitAt(mm));
    if (atomics.load(at) === EXCLUDE_READERS + base) return true;
    const seen = WRITER_EPOCH_TOO_LATE ? atomics.load(mmWriterWaitAt(mm)) : epoch;
    atomics.wait(mmWriterWaitAt(mm), seen);
  }
}

/** Ends what excludeReaders() has begun. */
function admitReaders(vma: Vma): void {
  const left = bringToTop(vma);
  assert(left >= 0, 'readers are let in by who has excluded them');
  atomics.add(vmRefcntAt(vma), -EXCLUDE_READERS);
  views.i32[thisCpu + C_HELD] = left;
}

/** Takes it away from a worker that is no more. */
export function breakLock(vma: VmaRcu, mode: LockMode): void {
  if (mode === READ) dropCount(vma);
  else atomics.and(vmRefcntAt(vma), ~EXCLUDE_READERS);
}

/** @returns the count before, 0 when detached, -1 when readers are excluded or too many. */
function incNotZero(vma: VmaRcu): number {
  const at = vmRefcntAt(vma);
  for (let count = atomics.rcuDereference(at); ; count = atomics.load(at)) {
    if (count === 0 && !READ_DETACHED) return 0;
    if (count >= READERS_MAX && !NO_EXCLUSION) return -1;
    if (atomics.cas(at, count, count + 1)) return READ_DETACHED ? count + 1 : count;
  }
}

/** The mm is read first: once the count is dropped the VMA may be freed and reused. */
function vmaPutRead(vma: VmaRcu): void {
  const held = bringToTop(vma);
  assert(held >= 0, 'a VMA is unlocked by who has locked it');
  const mm = vmMm(vma);
  const left = atomics.add(vmRefcntAt(vma), -1) - 1;
  views.i32[thisCpu + C_HELD] = held;
  if (left >= EXCLUDE_READERS) wakeWriter(MM_AFTER_PUT ? vmMm(vma) : mm, left);
}

function dropCount(vma: VmaRcu): void {
  const mm = vmMm(vma);
  wakeWriter(mm, atomics.add(vmRefcntAt(vma), -1) - 1);
}

function wakeWriter(mm: Mm, left: number): void {
  if (left < EXCLUDE_READERS || left > EXCLUDE_READERS + 1) return; // none, or not the last one
  if (NO_WRITER_WAKE) return;
  if (WRITER_WAKE_BEFORE_MOVE) atomics.wakeAll(mmWriterWaitAt(mm));
  // First move the epoch, then wake: a writer about to sleep sees the move.
  if (!WAKE_WITHOUT_EPOCH) atomics.add(mmWriterWaitAt(mm), 1);
  if (!WRITER_WAKE_BEFORE_MOVE) atomics.wakeAll(mmWriterWaitAt(mm));
}
