/**
 * From VMA to VMA, in address order, each under a lock of its own.
 *
 *   at ──> [ A ) [ B )      [ C )
 *            └─ end of A: the next search begins here, whatever has become of A
 *
 * `at` only rises, so a walk ends. What ends at or below it has been passed; a VMA that has
 * grown leftwards over it is given whole, once more. That nothing lies between `at` and what is
 * given was true at one moment at least, while the walk was on its way.
 *
 * Source: mm/mmap_lock.c, lock_next_vma(), v6.18.
 */
import { STALE_CURSOR } from '#mutants';
import { NULL, type Null } from '../arena/ref.ts';
import { type Mas, masFind, masSet, masState, masWalk, MT_MAX } from '../maple/maple.ts';
import { rcuReadLock, rcuReadUnlock } from '../rcu/rcu.ts';
import type { Mm, MmRead, Vma, VmaRcu } from './held.ts';
import { mmMt } from './mm_struct.ts';
import { mmapReadLock, mmapReadUnlock } from './mmap_lock.ts';
import { mmapLockSpeculateRetry, mmapLockSpeculateTryBegin, NO_SPECULATION } from './speculate.ts';
import { findVma, isMarker } from './vma_iterator.ts';
import {
  VMA_DETACHED,
  VMA_LOCKED,
  vmaEndRead,
  vmaStartRead,
  vmaStartReadLocked,
} from './vma_lock.ts';
import { vmEnd, vmStart } from './vma_struct.ts';

export interface NextVma {
  readonly mm: Mm;
  /** Bytes: where the last VMA ended. */
  at: number;

  // Internal: a place in the tree, as long as mm_lock_seq is `seq`.
  readonly mas: Mas;
  seq: number;
  /** What the walk stands on, and mmap_lock, if that is what keeps it. */
  held: Vma | null;
  reader: MmRead | null;
}

/** A walk that begins with the first VMA that ends after `at`. */
export const nextVma = (mm: Mm, at: number): NextVma => ({
  mm,
  at,
  mas: masState(mmMt(mm), at, at),
  seq: NO_SPECULATION,
  held: null,
  reader: null,
});

/**
 * Lets go of the VMA it stands on, and locks the next one.
 *
 * Takes mmap_lock, for as long as it takes to lock the VMA under it, where a writer is at work
 * on what it finds, or may have been.
 *
 * @returns it, or NULL behind the last.
 */
export function lockNextVma(next: NextVma): Vma | Null {
  unlockNextVma(next);
  rcuReadLock();
  const vma = tryNextVma(next);
  rcuReadUnlock();
  if (vma === VMA_LOCKED) return lockNextUnderMmapLock(next);
  if (vma === NULL) return NULL;
  next.held = vma;
  next.at = vmEnd(vma);
  return vma;
}

/** Ends a walk, or lets its VMA go before its time. */
export function unlockNextVma(next: NextVma): void {
  if (next.reader !== null) mmapReadUnlock(next.reader);
  else if (next.held !== null) vmaEndRead(next.held);
  next.reader = null;
  next.held = null;
}

/**
 * The first entry that ends after `at`. In an RCU section.
 *
 * @param seq of this moment. The place in the tree is used again only as long as it is the
 *   same: a step from a place of another moment could pass over what has been merged since.
 */
export function findNextVma(next: NextVma, seq: number): VmaRcu | Null {
  const isStale = seq !== next.seq || seq === NO_SPECULATION;
  if (isStale && !(STALE_CURSOR && next.seq !== NO_SPECULATION)) masSet(next.mas, next.at);
  next.seq = seq;
  const entry = masFind(next.mas, MT_MAX);
  return isMarker(entry) ? NULL : (entry as VmaRcu | Null);
}

/** @returns it, NULL behind the last; VMA_LOCKED: only mmap_lock can tell. */
function tryNextVma(next: NextVma): Vma | Null | typeof VMA_LOCKED {
  // Repeats only when the VMA left while we looked: whoever took it away made progress.
  for (;;) {
    const seq = mmapLockSpeculateTryBegin(next.mm);
    const found = findNextVma(next, seq);
    if (found === NULL) return isEmptyUntil(next, seq, MT_MAX) ? NULL : VMA_LOCKED;

    const vma = vmaStartRead(next.mm, found);
    if (vma === VMA_DETACHED) {
      next.seq = NO_SPECULATION;
      continue;
    }
    if (vma === VMA_LOCKED) return VMA_LOCKED;
    const isNext = next.at < vmEnd(vma) && isEmptyUntil(next, seq, vmStart(vma));
    if (isNext) return vma;
    vmaEndRead(vma);
    return VMA_LOCKED;
  }
}

/**
 * Whether nothing was mapped from `at` to `end` at one moment. The search is of one moment if
 * nobody has written; else a gap is looked at again, in its leaf, which is of one moment too.
 */
function isEmptyUntil(next: NextVma, seq: number, end: number): boolean {
  if (end <= next.at || !mmapLockSpeculateRetry(next.mm, seq)) return true;
  const gap = masState(mmMt(next.mm), next.at, next.at);
  return masWalk(gap) === NULL && gap.last >= end - 1;
}

/** Source: mm/mmap_lock.c, lock_next_vma_under_mmap_lock(), v6.18. */
function lockNextUnderMmapLock(next: NextVma): Vma | Null {
  next.seq = NO_SPECULATION;
  const reader = mmapReadLock(next.mm);
  const found = findVma(reader, next.at);
  const vma = isMarker(found) ? NULL : found;
  // With too many readers of the VMA, mmap_lock itself keeps it.
  const isLocked = vma !== NULL && vmaStartReadLocked(reader, vma) !== null;
  if (vma === NULL || isLocked) mmapReadUnlock(reader);
  else next.reader = reader;
  if (vma === NULL) return NULL;
  next.held = vma;
  next.at = vmEnd(vma);
  return vma;
}
