/**
 * The per-VMA lock, in vm_refcnt.
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
import { IS_SHADOWED } from '#shadow';
import { assert } from '../arena/assert.ts';
import { thisCpu } from '../arena/cpu.ts';
import { C_HELD } from '../arena/layout.ts';
import { rawViews as shared, word } from '../arena/memory.ts';
import { bringToTop, type LockMode, prepareHeld, READ, WRITE } from '../sync/held_locks.ts';
import { VMA_LOCK } from '../sync/lock_class.ts';
import { checkLockOrder } from '../sync/lock_order.ts';
import { trace, VMA_START_WRITE } from '../trace/events.ts';
import type { Mm, MmRead, MmWrite, Vma, VmaRcu, VmaWrite } from './held.ts';
import { mmgrab, mmdrop } from './mm_refs.ts';
import { mmLockSeqAt, mmWriterWaitAt } from './mm_struct.ts';
import { vmLockSeqAt, vmMm, vmRefcntAt } from './vma_struct.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

/** Set in vm_refcnt while a writer waits for the readers to leave. */
const EXCLUDE_READERS = 1 << 30;
const READERS_MAX = EXCLUDE_READERS - 1;

/** What vmaStartRead() says of a VMA it could not lock. */
export const VMA_LOCKED = -1;
/** It left its address space after it was found: look the address up again. */
export const VMA_DETACHED = -2;

/**
 * Tries to read-lock a VMA found under RCU.
 *
 * May refuse a VMA that is free; never grants one that is write-locked. After a
 * refusal the VMA may not be touched again: it can belong to anybody.
 *
 * @returns the VMA, now stable, or VMA_LOCKED or VMA_DETACHED; vmaEndRead() ends it.
 *
 * Source: include/linux/mmap_lock.h, vma_start_read(), v6.18.
 */
export function vmaStartRead(mm: Mm, vma: VmaRcu): Vma | typeof VMA_LOCKED | typeof VMA_DETACHED {
  // A cheap refusal. It orders nothing: the check that counts is the last one.
  if (word(vmLockSeqAt(vma)) === word(mmLockSeqAt(mm))) return VMA_LOCKED;

  const held = prepareHeld(vma, VMA_LOCK, READ);
  const before = incNotZero(vma);
  if (before > 0) views.i32[thisCpu + C_HELD] = held + 1;
  if (before === 0) return VMA_DETACHED;
  if (before < 0) return VMA_LOCKED;

  // Reused by another mm: its writer may be waiting for our count, in that mm's memory.
  const owner = vmMm(vma);
  if (owner !== mm) {
    mmgrab(owner);
    vmaPutRead(vma);
    mmdrop(owner);
    return VMA_LOCKED;
  }

  // Write-locked between the first check and the count. Pairs with vmaEndWriteAll().
  if (word(vmLockSeqAt(vma)) === atomics.load(mmLockSeqAt(mm))) {
    vmaPutRead(vma);
    return VMA_LOCKED;
  }
  return vma as Vma;
}

/** Read-locks a VMA that mmap_lock keeps stable, to keep it after mmap_lock is dropped. */
export function vmaStartReadLocked(_mm: MmRead, vma: Vma): Vma | null {
  const held = prepareHeld(vma, VMA_LOCK, READ);
  if (incNotZero(vma) <= 0) return null;
  views.i32[thisCpu + C_HELD] = held + 1;
  return vma;
}

export function vmaEndRead(vma: Vma): void {
  vmaPutRead(vma);
}

/**
 * Write-locks a VMA until mmap_lock is released or downgraded. Waits for present
 * readers; taking it again costs two loads.
 *
 * Source: mm/mmap_lock.c, __vma_start_write(), v6.18.
 */
export function vmaStartWrite(mm: MmWrite, vma: Vma): VmaWrite {
  if (isWriteLocked(mm, vma)) return vma as VmaWrite;

  trace(VMA_START_WRITE, mm, vma);
  const isAttached = excludeReaders(mm, vma, 1);
  // Racy readers compare it; it only ever says "locked" too often.
  atomics.store(vmLockSeqAt(vma), word(mmLockSeqAt(mm)));
  if (isAttached) admitReaders(vma);
  return vma as VmaWrite;
}

/** The same with nothing held: it may be a mark that has just ended, or just begins. */
export const isMarked = (mm: Mm, vma: VmaRcu): boolean =>
  word(vmLockSeqAt(vma)) === word(mmLockSeqAt(mm));

export const isWriteLocked = (mm: MmRead, vma: VmaRcu): boolean => isMarked(mm, vma);

/**
 * Makes a VMA whose fields are complete reachable by readers. The store releases
 * the fields: pairs with incNotZero().
 */
export function vmaMarkAttached(vma: VmaWrite): void {
  assert(word(vmRefcntAt(vma)) === 0, 'only a detached VMA is attached');
  atomics.store(vmRefcntAt(vma), 1);
}

/**
 * Takes a VMA away from readers. Some may have counted themselves just now, on
 * the way to finding it locked: they are waited for.
 *
 * Source: mm/mmap_lock.c, vma_mark_detached(), v6.18.
 */
export function vmaMarkDetached(mm: MmWrite, vma: VmaWrite): void {
  assert(isWriteLocked(mm, vma), 'a VMA is write-locked before it is detached');
  const left = atomics.add(vmRefcntAt(vma), -1) - 1;
  assert(left >= 0, 'only an attached VMA is detached');
  if (left === 0) return;
  if (excludeReaders(mm, vma, 0)) admitReaders(vma);
}

/** A gathered VMA goes back to its readers when the operation is given up. */
export function vmaReattach(vma: VmaWrite): void {
  vmaMarkAttached(vma);
}

/** A detached VMA can be found by nobody, so whoever has it may write it. */
export function vmaAssertDetached(vma: Vma): asserts vma is VmaWrite {
  assert(isVmaDetached(vma), 'the VMA is detached');
}

export const isVmaDetached = (vma: VmaRcu): boolean => word(vmRefcntAt(vma)) === 0;

/** @returns false for a detached VMA; else waits until `base` references are left. */
function excludeReaders(mm: MmWrite, vma: Vma, base: number): boolean {
  if (IS_SHADOWED) checkLockOrder(vma, VMA_LOCK, WRITE);
  const at = vmRefcntAt(vma);
  const held = prepareHeld(vma, VMA_LOCK, WRITE);
  for (let count = word(at); ; count = atomics.load(at)) {
    if (count === 0) return false;
    if (!atomics.cas(at, count, count + EXCLUDE_READERS)) continue;
    views.i32[thisCpu + C_HELD] = held + 1;
    if (count === base) return true; // nobody was inside, and nobody gets in now
    break;
  }
  // Ends when the readers inside have left: no new one gets past the bit.
  for (;;) {
    const epoch = atomics.load(mmWriterWaitAt(mm));
    if (atomics.load(at) === EXCLUDE_READERS + base) return true;
    atomics.wait(mmWriterWaitAt(mm), epoch);
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
export function vmaLockBreak(vma: VmaRcu, mode: LockMode): void {
  if (mode === READ) dropCount(vma);
  else atomics.and(vmRefcntAt(vma), ~EXCLUDE_READERS);
}

/** @returns the count before, 0 when detached, -1 when readers are excluded or too many. */
function incNotZero(vma: VmaRcu): number {
  const at = vmRefcntAt(vma);
  for (let count = word(at); ; count = atomics.load(at)) {
    if (count === 0) return 0;
    if (count >= READERS_MAX) return -1;
    if (atomics.cas(at, count, count + 1)) return count;
  }
}

/** The mm is read first: once the count is dropped the VMA may be freed and reused. */
function vmaPutRead(vma: VmaRcu): void {
  const held = bringToTop(vma);
  assert(held >= 0, 'a VMA is unlocked by who has locked it');
  const mm = vmMm(vma);
  const left = atomics.add(vmRefcntAt(vma), -1) - 1;
  views.i32[thisCpu + C_HELD] = held;
  wakeWriter(mm, left);
}

function dropCount(vma: VmaRcu): void {
  const mm = vmMm(vma);
  wakeWriter(mm, atomics.add(vmRefcntAt(vma), -1) - 1);
}

function wakeWriter(mm: Mm, left: number): void {
  if (left < EXCLUDE_READERS || left > EXCLUDE_READERS + 1) return;
  // First move the epoch, then wake: a writer about to sleep sees the move.
  atomics.add(mmWriterWaitAt(mm), 1);
  atomics.wakeAll(mmWriterWaitAt(mm));
}
