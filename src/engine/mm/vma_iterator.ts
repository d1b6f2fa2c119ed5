/**
 * Walking and writing the tree of VMAs. The tree's ranges are inclusive; here,
 * as everywhere in the VMA layer, ends are exclusive.
 *
 * Source: include/linux/mm.h, mm/vma.h (vma_iterator), v6.18.
 */
import {
  ANON_VMA_BEFORE_LOCK,
  LOOKUP_WITHOUT_RCU,
  NO_RANGE_CHECK,
  STALE_MAPLE_STATE,
} from '#mutants';
import { assert } from '../arena/assert.ts';
import type { Errno } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { rcuReadLock, rcuReadLockHeld, rcuReadUnlock } from '../rcu/rcu.ts';
import {
  type Mas,
  masDestroy,
  masFind,
  masPreallocate,
  masPrev,
  masReplace,
  masSetRange,
  masState,
  masStoreGfp,
  masStorePrealloc,
  masWalk,
  MT_MAX,
  mtFind,
  mtreeLoad,
} from '../maple/maple.ts';
import { countEvent, VMA_LOCK_ABORT, VMA_LOCK_MISS } from '../trace/counters.ts';
import { isTraced, traceRange, TREE_STORE } from '../trace/events.ts';
import type { Mm, MmRead, Vma, VmaRcu } from './held.ts';
import { mmMt } from './mm_struct.ts';
import { hasNoVmaLock } from './protocol.ts';
import { VMA_DETACHED, VMA_LOCKED, vmaEndRead, vmaStartRead } from './vma_lock.ts';
import { vmAnonVma, vmEnd, vmStart } from './vma_struct.ts';

/** A place in the tree, and the lock that keeps it there. */
export interface VmaIterator<Held extends MmRead = MmRead> {
  readonly mm: Held;
  readonly mas: Mas;
}

export const vmaIterator = <Held extends MmRead>(mm: Held, addr: number): VmaIterator<Held> => ({
  mm,
  mas: masState(mmMt(mm), addr, addr),
});

/** First the VMA at or after the iterator, then each later one, if it starts before `max`. */
export const vmaFind = (vmi: VmaIterator, max: number): Vma | Null =>
  masFind(vmi.mas, max - 1) as Vma | Null;

export const vmaNext = (vmi: VmaIterator): Vma | Null => masFind(vmi.mas, MT_MAX) as Vma | Null;
export const vmaPrev = (vmi: VmaIterator): Vma | Null => masPrev(vmi.mas, 0) as Vma | Null;

/** Moves to a range: the next find starts there, the next store covers it. */
export function vmaIterConfig(vmi: VmaIterator, start: number, end: number): void {
  masSetRange(vmi.mas, start, end - 1);
}

/** Reserves what storing `vma` over the configured range takes. @returns 0 or ENOMEM. */
export const vmaIterPrealloc = (vmi: VmaIterator, vma: Vma): 0 | Errno =>
  masPreallocate(vmi.mas, vma);

export const vmaIterFree = (vmi: VmaIterator): void => masDestroy(vmi.mas);

/** Stores with what vmaIterPrealloc() reserved: one publication, which cannot fail. */
export function vmaIterStore(vmi: VmaIterator, vma: Vma): void {
  traceStore(vmi, vma);
  masStorePrealloc(vmi.mas, vma);
}

/** Reserves what emptying the configured range takes. @returns 0 or ENOMEM. */
export const vmaIterPreallocHole = (vmi: VmaIterator): 0 | Errno => masPreallocate(vmi.mas, NULL);

/** Empties the range with what vmaIterPreallocHole() reserved; it cannot fail. */
export function vmaIterStoreHole(vmi: VmaIterator): void {
  traceStore(vmi, NULL);
  masStorePrealloc(vmi.mas, NULL);
}

/** Puts `vma` in the place of the one the iterator stands on, over the same range; cannot fail. */
export function vmaIterReplace(vmi: VmaIterator, vma: Vma): void {
  traceStore(vmi, vma);
  masReplace(vmi.mas, vma);
}

/** Empties [start, end). @returns 0, or ENOMEM with nothing changed. */
export function vmaIterClear(vmi: VmaIterator, start: number, end: number): 0 | Errno {
  vmaIterConfig(vmi, start, end);
  traceStore(vmi, NULL);
  return masStoreGfp(vmi.mas, NULL);
}

/**
 * What a fork that failed leaves in its child's tree, under `forkRecovery: 'xa-zero'`, where the
 * child's VMAs end. It is no VMA: the kernel's own word for it, which no handle is.
 *
 * Source: include/linux/xarray.h, XA_ZERO_ENTRY, v6.18.
 */
const XA_ZERO_ENTRY = 1030;

/** Puts the mark in the place of the entry that the iterator stands on; cannot fail. */
export function vmaIterMark(vmi: VmaIterator): void {
  traceStore(vmi, XA_ZERO_ENTRY);
  masReplace(vmi.mas, XA_ZERO_ENTRY);
}

export const isMarker = (entry: number): boolean => entry === XA_ZERO_ENTRY;

/** @returns the VMA that contains `addr`. */
export const vmaLookup = (mm: MmRead, addr: number): Vma | Null =>
  mtreeLoad(mmMt(mm), addr) as Vma | Null;

/** @returns the first VMA that ends after `addr`; it may start after it too. */
export const findVma = (mm: MmRead, addr: number): Vma | Null =>
  mtFind(mmMt(mm), addr, MT_MAX) as Vma | Null;

/**
 * The same without any lock, in an RCU section: what is found may have left, changed, or be
 * another's by now, and is read-locked before it is looked at (vmaStartRead()).
 */
export function findVmaRcu(mm: Mm, addr: number): VmaRcu | Null {
  assert(rcuReadLockHeld(), 'a lookup without a lock is inside an RCU section');
  return mtFind(mmMt(mm), addr, MT_MAX) as VmaRcu | Null;
}

/** @returns the first VMA that has a part of [start, end). */
export const findVmaIntersection = (mm: MmRead, start: number, end: number): Vma | Null =>
  mtFind(mmMt(mm), start, end - 1) as Vma | Null;

/** Every VMA, in address order; the tree may not change meanwhile. A mark is its end. */
export function* eachVma(mm: MmRead, from = 0): Generator<Vma> {
  const vmi = vmaIterator(mm, from);
  for (let vma = vmaNext(vmi); vma !== NULL && !isMarker(vma); vma = vmaNext(vmi)) yield vma;
}

/**
 * Finds and read-locks the VMA that contains `addr`, without mmap_lock.
 *
 * May refuse while a writer works on it: the caller falls back to mmap_lock.
 * vmaEndRead() ends it.
 *
 * Source: mm/mmap_lock.c, lock_vma_under_rcu(), v6.18.
 */
export function lockVmaUnderRcu(mm: Mm, addr: number): Vma | null {
  if (LOOKUP_WITHOUT_RCU) return lockVmaInSection(mm, addr);
  rcuReadLock();
  const vma = lockVmaInSection(mm, addr);
  rcuReadUnlock();
  return vma;
}

/** The same in an RCU section of the caller's. */
export function lockVmaInSection(mm: Mm, addr: number): Vma | null {
  if (hasNoVmaLock()) return null;
  const stale = STALE_MAPLE_STATE ? masState(mmMt(mm), addr, addr) : null;
  // Repeats only when the VMA left while we looked: whoever took it away made progress.
  for (;;) {
    const found = (stale === null ? mtreeLoad(mmMt(mm), addr) : masWalk(stale)) as VmaRcu | Null;
    const isUnready = ANON_VMA_BEFORE_LOCK && found !== NULL && vmAnonVma(found as Vma) === NULL;
    const vma = found === NULL || isUnready ? VMA_LOCKED : vmaStartRead(mm, found);
    if (vma === VMA_DETACHED) {
      countEvent(VMA_LOCK_MISS);
      if (STALE_MAPLE_STATE) leaveAndEnterRcu();
      continue;
    }
    if (vma !== VMA_LOCKED) {
      // Reused for another range of this mm, or split, since it was found.
      if (NO_RANGE_CHECK || (addr >= vmStart(vma) && addr < vmEnd(vma))) return vma;
      vmaEndRead(vma);
    }
    countEvent(VMA_LOCK_ABORT);
    return null;
  }
}

function leaveAndEnterRcu(): void {
  rcuReadUnlock();
  rcuReadLock();
}

function traceStore(vmi: VmaIterator, entry: number): void {
  if (!isTraced(TREE_STORE)) return;
  traceRange(TREE_STORE, vmi.mm, { arg: entry, a: vmi.mas.index, b: vmi.mas.last });
}
