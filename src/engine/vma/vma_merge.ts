/**
 * Describes a merge: a range with attributes that would like to become part of
 * its neighbours. Threaded through the whole operation.
 *
 * Source: mm/vma.h, struct vma_merge_struct, v6.18.
 */
import { NULL, type Null } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import type { MmWrite, Vma } from '../mm/held.ts';
import type { VmFlags } from '../mm/vm_flags.ts';
import {
  type AnonVma,
  type File,
  vmAnonName,
  vmAnonVma,
  vmCaching,
  vmFile,
  vmFlags,
  vmOps,
  vmPgoff,
  vmPolicy,
  vmPrivateData,
  vmStart,
  vmUserfaultfdCtx,
} from '../mm/vma_struct.ts';
import type { Text } from '../slab/text.ts';

export type MergeState = 'start' | 'nomerge' | 'nomem' | 'success';

export interface VmaMerge {
  // Given by the caller.
  readonly mm: MmWrite;
  /** The VMA that is being modified over [start, end), or NULL for a new range. */
  middle: Vma | Null;
  /** Bytes, inclusive. */
  readonly start: number;
  /** Bytes, exclusive. */
  readonly end: number;
  /** Pages, of `start`. */
  readonly pgoff: number;
  flags: VmFlags;
  file: File | Null;
  anonVma: AnonVma | Null;
  policy: number;
  uffdCtx: number;
  anonName: Text | Null;
  /** The next three are known, and must be the neighbour's: a merge may not overwrite them. */
  isDescribed: boolean;
  vmOps: number;
  privateData: number;
  caching: number;
  /** Called when nothing can fail any more, before the merge is stored. */
  beforeStore: (() => void) | null;
  /** mremap: the VMA whose pages will move in. */
  copiedFrom: Vma | Null;
  /** brk: extend what is on the left and look no further. */
  justExpand: boolean;

  // Found by the merge.
  prev: Vma | Null;
  next: Vma | Null;

  // Result.
  state: MergeState;
}

keepShape({
  mm: 0,
  middle: 0,
  start: Infinity,
  end: Infinity,
  pgoff: Infinity,
  flags: Infinity,
  file: 0,
  anonVma: 0,
  policy: 0,
  uffdCtx: 0,
  anonName: 0,
  isDescribed: false,
  vmOps: 0,
  privateData: 0,
  caching: 0,
  beforeStore: null,
  copiedFrom: 0,
  justExpand: false,
  prev: 0,
  next: 0,
  state: 'start',
});

/** What a new range brings along. */
export interface NewRange {
  readonly start: number;
  readonly end: number;
  readonly pgoff: number;
  readonly flags: VmFlags;
  readonly file: File | Null;
}

/** A range that no VMA covers yet, or that is about to be replaced. */
export function vmgForNewRange(mm: MmWrite, range: NewRange): VmaMerge {
  return {
    mm,
    middle: NULL,
    start: range.start,
    end: range.end,
    pgoff: range.pgoff,
    flags: range.flags,
    file: range.file,
    anonVma: NULL,
    policy: 0,
    uffdCtx: 0,
    anonName: NULL,
    isDescribed: false,
    vmOps: 0,
    privateData: 0,
    caching: 0,
    beforeStore: null,
    copiedFrom: NULL,
    justExpand: false,
    prev: NULL,
    next: NULL,
    state: 'start',
  };
}

/** [start, end) of `vma`, as it is: the caller then changes the attribute it means to change. */
export function vmgForModify(mm: MmWrite, vma: Vma, { start, end }: ByteRange): VmaMerge {
  const pgoff = vmPgoff(vma) + (start - vmStart(vma)) / 4096;
  const vmg = vmgForCopy(mm, vma, { start, end, pgoff });
  vmg.middle = vma;
  return vmg;
}

/** A new range with the attributes of a VMA. */
export function vmgForCopy(mm: MmWrite, vma: Vma, place: Place): VmaMerge {
  return {
    mm,
    middle: NULL,
    start: place.start,
    end: place.end,
    pgoff: place.pgoff,
    flags: vmFlags(vma),
    file: vmFile(vma),
    anonVma: vmAnonVma(vma),
    policy: vmPolicy(vma),
    uffdCtx: vmUserfaultfdCtx(vma),
    anonName: vmAnonName(vma),
    isDescribed: true,
    vmOps: vmOps(vma),
    privateData: vmPrivateData(vma),
    caching: vmCaching(vma),
    beforeStore: null,
    copiedFrom: NULL,
    justExpand: false,
    prev: NULL,
    next: NULL,
    state: 'start',
  };
}

/** Where a range is, and the page of its file, or of its first place, that it begins with. */
export interface Place extends ByteRange {
  readonly pgoff: number;
}

/** Bytes, end exclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

keepShape({ start: Infinity, end: Infinity } satisfies ByteRange);
keepShape({ start: Infinity, end: Infinity, pgoff: Infinity } satisfies Place);
