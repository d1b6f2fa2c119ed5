/**
 * Merging: a range becomes part of its neighbours in one store.
 *
 *   new range       AA**BB   ->  AAAAAA   both sides: A takes all, B is removed
 *                   AA**..   ->  AAAA..   left
 *                   ..**BB   ->  ..BBBB   right: B grows down
 *   existing, whole AA**BB   ->  AAAAAA   middle and B are removed
 *            left   AA**MM   ->  AAAAMM   A takes the front of the middle
 *            right  MM**BB   ->  MMBBBB   B takes its tail
 *
 * Source: mm/vma.c, vma_merge_new_range(), vma_merge_existing_range(), v6.18.
 */
import { MARK_AFTER_DUP, MERGE_FORGETS_ANON_VMA, NO_MARK_MERGE } from '#mutants';
import { OK } from '../arena/errno.ts';
import { assert } from '../arena/assert.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import type { Vma, VmaHidden, VmaWrite } from '../mm/held.ts';
import { mmapAssertWriteLocked } from '../mm/mmap_lock.ts';
import {
  vmaIterator,
  vmaIterConfig,
  vmaIterPrealloc,
  vmaIterStore,
  vmaLookup,
} from '../mm/vma_iterator.ts';
import { vmaStartWrite, vmaUnmarked } from '../mm/vma_lock.ts';
import { hasFlag, VM_SPECIAL, VM_STICKY, type VmFlags, withFlags } from '../mm/vm_flags.ts';
import {
  setVmFlags,
  setVmPgoff,
  setVmRange,
  vmAnonVma,
  vmEnd,
  vmFlags,
  vmPgoff,
  vmStart,
} from '../mm/vma_struct.ts';
import { dupAnonVma, unlinkAnonVmas } from '../rmap/anon_vma.ts';
import {
  MERGED_NEW_BOTH,
  MERGED_NEW_LEFT,
  MERGED_NEW_RIGHT,
  MERGED_PART_LEFT,
  MERGED_PART_RIGHT,
  MERGED_WHOLE_BOTH,
  MERGED_WHOLE_LEFT,
  MERGED_WHOLE_RIGHT,
  noteChange,
} from '../trace/changes.ts';
import { countEvent, VMA_MERGE } from '../trace/counters.ts';
import {
  noteRefusedLeft,
  noteRefusedRight,
  REFUSED_CLOSE,
  REFUSED_INSIDE,
  REFUSED_NO_NEIGHBOUR,
  REFUSED_SPECIAL,
} from '../trace/verdict.ts';
import { canMergeRemove, refusalsLeft, refusalsRight } from './mergeable.ts';
import { vmaComplete, vmaPrepare } from './prepare.ts';
import type { VmaMerge } from './vma_merge.ts';

/** What a merge will do once nothing can fail any more. */
interface Commit {
  readonly target: VmaWrite;
  /** The range that is stored; the target may reach further to the left. */
  readonly start: number;
  readonly end: number;
  /** The VMA that gives the target its anon_vma, if the target lacks one. */
  readonly anonFrom: Vma | Null;
  /** Loses its front, up to `end`, or its tail, from `start`. */
  readonly trimmed: VmaWrite | Null;
  /** Covered by the target from now on, and freed. */
  readonly removedMiddle: VmaWrite | Null;
  readonly removedNext: VmaWrite | Null;
}

keepShape({
  target: 0,
  start: Infinity,
  end: Infinity,
  anonFrom: 0,
  trimmed: 0,
  removedMiddle: 0,
  removedNext: 0,
});

/**
 * Tries to make a new range part of the VMAs beside it.
 *
 * What the range covers now must have been gathered for replacement, or nothing.
 * On failure nothing has changed.
 *
 * @returns the VMA that now covers the range, or NULL; `vmg.state` tells 'nomem' from 'nomerge'.
 *
 * Source: mm/vma.c, vma_merge_new_range(), v6.18.
 */
export function vmaMergeNewRange(vmg: VmaMerge): Vma | Null {
  assert(vmg.middle === NULL, 'a new range has no VMA of its own');
  assert(vmg.state === 'start', 'a merge is described anew each time');
  mmapAssertWriteLocked(vmg.mm);

  if (hasFlag(vmg.flags, VM_SPECIAL)) return refuse(vmg, REFUSED_SPECIAL);
  findNeighbours(vmg);
  const left = refusalsLeft(vmg);
  let right = vmg.justExpand ? REFUSED_NO_NEIGHBOUR : refusalsRight(vmg, left === 0);
  // Three into one would remove next: with a close hook it stays, and prev grows alone.
  if (left === 0 && right === 0 && !canMergeRemove(asVma(vmg.next))) right = REFUSED_CLOSE;
  noteRefusedLeft(left);
  noteRefusedRight(right);

  if (left === 0) return growLeft(vmg, right === 0);
  if (right === 0) return growRight(vmg);
  return refuse(vmg, 0);
}

function growLeft(vmg: VmaMerge, removesNext: boolean): Vma | Null {
  const target = markOf(vmg, asVma(vmg.prev));
  const next = removesNext ? vmaStartWrite(vmg.mm, asVma(vmg.next)) : NULL;
  const copied = MERGE_FORGETS_ANON_VMA ? NULL : vmg.copiedFrom;
  const faulted = next !== NULL && vmAnonVma(next) !== NULL ? next : copied;
  return commit(vmg, {
    target,
    start: vmStart(target),
    end: next === NULL ? vmg.end : vmEnd(next),
    anonFrom: faulted,
    trimmed: NULL,
    removedMiddle: NULL,
    removedNext: next,
  });
}

function growRight(vmg: VmaMerge): Vma | Null {
  const target = markOf(vmg, asVma(vmg.next));
  return commit(vmg, {
    target,
    start: vmg.start,
    end: vmEnd(target),
    anonFrom: vmg.copiedFrom,
    trimmed: NULL,
    removedMiddle: NULL,
    removedNext: NULL,
  });
}

/**
 * Tries to make a part of a VMA, with changed attributes, part of the VMAs beside
 * it. The caller sets the attributes afterwards, on what is returned.
 *
 * @returns the VMA that now covers the range, or NULL; `vmg.state` tells 'nomem' from 'nomerge'.
 *
 * Source: mm/vma.c, vma_merge_existing_range(), v6.18.
 */
export function vmaMergeExistingRange(vmg: VmaMerge): Vma | Null {
  const middle = asVma(vmg.middle);
  assert(vmg.start >= vmStart(middle), 'the range is inside its VMA');
  assert(vmg.end <= vmEnd(middle), 'the range is inside its VMA');
  mmapAssertWriteLocked(vmg.mm);

  const atFront = vmg.start === vmStart(middle);
  const atTail = vmg.end === vmEnd(middle);
  if (hasFlag(vmg.flags, VM_SPECIAL)) return refuse(vmg, REFUSED_SPECIAL);
  if (!atFront && !atTail) return refuse(vmg, REFUSED_INSIDE);

  findNeighbours(vmg);
  const left = atFront ? refusalsLeft(vmg) : REFUSED_INSIDE;
  let right = atTail ? refusalsRight(vmg, left === 0) : REFUSED_INSIDE;
  noteRefusedLeft(left);
  noteRefusedRight(right);
  if (left !== 0 && right !== 0) return refuse(vmg, 0);

  // The whole middle would vanish: not with a close hook.
  if (atFront && atTail && !canMergeRemove(middle)) return refuse(vmg, REFUSED_CLOSE);
  if (left === 0 && right === 0 && !canMergeRemove(asVma(vmg.next))) {
    right = REFUSED_CLOSE;
    noteRefusedRight(right);
  }
  if (left === 0) return absorbLeft(vmg, { removesNext: right === 0, removesMiddle: atTail });
  return absorbRight(vmg, atFront);
}

function absorbLeft(
  vmg: VmaMerge,
  { removesNext, removesMiddle }: { removesNext: boolean; removesMiddle: boolean },
): Vma | Null {
  const middle = vmaStartWrite(vmg.mm, asVma(vmg.middle));
  const target = markOf(vmg, asVma(vmg.prev));
  const next = removesNext ? vmaStartWrite(vmg.mm, asVma(vmg.next)) : NULL;
  return commit(vmg, {
    target,
    start: vmStart(target),
    end: next === NULL ? vmg.end : vmEnd(next),
    anonFrom: next !== NULL && vmAnonVma(next) !== NULL ? next : middle,
    trimmed: removesMiddle ? NULL : middle,
    removedMiddle: removesMiddle ? middle : NULL,
    removedNext: next,
  });
}

function absorbRight(vmg: VmaMerge, removesMiddle: boolean): Vma | Null {
  const middle = vmaStartWrite(vmg.mm, asVma(vmg.middle));
  const target = markOf(vmg, asVma(vmg.next));
  return commit(vmg, {
    target,
    start: vmg.start,
    end: vmEnd(target),
    anonFrom: middle,
    trimmed: removesMiddle ? NULL : middle,
    removedMiddle: removesMiddle ? middle : NULL,
    removedNext: NULL,
  });
}

/** Who takes the range is marked before anything of it changes. */
const markOf = (vmg: VmaMerge, target: Vma): VmaWrite =>
  MARK_AFTER_DUP || NO_MARK_MERGE ? vmaUnmarked(target) : vmaStartWrite(vmg.mm, target);

function commit(vmg: VmaMerge, change: Commit): Vma | Null {
  const { target, anonFrom, trimmed, removedMiddle, removedNext } = change;
  const duplicates =
    anonFrom !== NULL && vmAnonVma(target) === NULL && vmAnonVma(anonFrom) !== NULL;
  if (duplicates && dupAnonVma(target, anonFrom) !== OK) return refuseNomem(vmg);

  if (MARK_AFTER_DUP) vmaStartWrite(vmg.mm, target);
  const vmi = vmaIterator(vmg.mm, change.start);
  vmaIterConfig(vmi, change.start, change.end);
  if (vmaIterPrealloc(vmi, target) !== OK) {
    if (duplicates) unlinkAnonVmas(target);
    return refuseNomem(vmg);
  }

  // Nothing below can fail.
  vmg.beforeStore?.();
  const vp = vmaPrepare({
    mm: vmg.mm,
    vma: target,
    adjust: trimmed,
    insert: NULL,
    removedMiddle,
    removedNext,
    inode: NULL,
    family: NULL,
  });
  grow(vp.vma, change);
  if (vp.adjust !== NULL) trim(vp.adjust, vmg);
  setVmFlags(target, stickyUnion(vmg, change));
  vmaIterStore(vmi, target);
  vmaComplete(vp);
  countEvent(VMA_MERGE);
  noteChange(mergeCase(vmg, change));
  vmg.state = 'success';
  return target;
}

/** Which of the pictures above it was. */
function mergeCase(vmg: VmaMerge, { target, removedMiddle, removedNext }: Commit): number {
  const isLeft = target === vmg.prev;
  if (vmg.middle === NULL) {
    if (removedNext !== NULL) return MERGED_NEW_BOTH;
    return isLeft ? MERGED_NEW_LEFT : MERGED_NEW_RIGHT;
  }
  if (removedNext !== NULL) return MERGED_WHOLE_BOTH;
  if (removedMiddle === NULL) return isLeft ? MERGED_PART_LEFT : MERGED_PART_RIGHT;
  return isLeft ? MERGED_WHOLE_LEFT : MERGED_WHOLE_RIGHT;
}

function grow(target: VmaHidden, { start, end }: Commit): void {
  if (start < vmStart(target)) {
    setVmPgoff(target, vmPgoff(target) - (vmStart(target) - start) / 4096);
  }
  setVmRange(target, start, end);
}

/** The middle keeps what the range does not cover. */
function trim(vma: VmaHidden, vmg: VmaMerge): void {
  if (vmg.start > vmStart(vma)) return setVmRange(vma, vmStart(vma), vmg.start);
  setVmPgoff(vma, vmPgoff(vma) + (vmg.end - vmStart(vma)) / 4096);
  setVmRange(vma, vmg.end, vmEnd(vma));
}

/** There is one sticky flag: who has it gives it to the target. */
function stickyUnion(vmg: VmaMerge, { target, removedMiddle, removedNext }: Commit): VmFlags {
  const isSticky =
    hasFlag(vmg.flags, VM_STICKY) ||
    (removedMiddle !== NULL && hasFlag(vmFlags(removedMiddle), VM_STICKY)) ||
    (removedNext !== NULL && hasFlag(vmFlags(removedNext), VM_STICKY));
  return isSticky ? withFlags(vmFlags(target), VM_STICKY) : vmFlags(target);
}

/** The VMAs that touch the range. What lies inside a new range is about to be replaced. */
function findNeighbours(vmg: VmaMerge): void {
  vmg.prev = vmg.start === 0 ? NULL : vmaLookup(vmg.mm, vmg.start - 1);
  vmg.next = vmaLookup(vmg.mm, vmg.end);
}

function refuse(vmg: VmaMerge, rules: number): Null {
  if (rules !== 0) {
    noteRefusedLeft(rules);
    noteRefusedRight(rules);
  }
  vmg.state = 'nomerge';
  return NULL;
}

function refuseNomem(vmg: VmaMerge): Null {
  vmg.state = 'nomem';
  return NULL;
}

function asVma(vma: Vma | Null): Vma {
  assert(vma !== NULL, 'a side that merges has a VMA');
  return vma;
}
