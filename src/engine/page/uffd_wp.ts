/**
 * Write protection that a userfaultfd asked for: a bit of present entries, and markers in
 * the place of pages that are not there.
 *
 *   present         set: the bit, and no right to write        cleared: as mprotect leaves it
 *   empty           set: a marker, of memory that has a file   cleared: empty
 *   another marker  stays
 *
 * Source: mm/mprotect.c, change_pte_range(), mm/userfaultfd.c, uffd_wp_range(), v6.18.
 */
import * as atomics from '#atomics';
import { ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type WordAt } from '../arena/ref.ts';
import type { Vma } from '../mm/held.ts';
import type { VmFlags } from '../mm/vm_flags.ts';
import { vmFlags, vmMm } from '../mm/vma_struct.ts';
import { type ProtectRange, type WritableAtOnce, withProtection } from './change_protection.ts';
import type { MmuGather } from './mmu_gather.ts';
import { isPtePresent, PTE_MARKER_UFFD_WP, PTE_NONE, PTE_UFFD_WP, PTE_WRITE } from './pte.ts';
import { leafAlloc, leafEnd, pteLock, pteUnlock } from './table_struct.ts';
import { type LeafPart, leafPart, type PageRange, walkLeaves } from './walk.ts';

/** Inside one VMA. */
export interface UffdWpRange extends PageRange {
  /** What is not there is marked too. */
  readonly marks: boolean;
}

/** Protects every page of the range. @returns ENOMEM with some of them protected. */
export function uffdWpProtect(tlb: MmuGather, vma: Vma, range: UffdWpRange): 0 | Errno {
  tlb.needsFlush = true;
  if (range.marks) return protectAll(vma, range);
  walkLeaves(vmMm(vma), range, (part) => eachEntry(part, protectPresent));
  return OK;
}

/** Markers need tables. */
function protectAll(vma: Vma, { start, end }: PageRange): 0 | Errno {
  for (let at = start; at < end; at = leafEnd(at, end)) {
    const leaf = leafAlloc(vmMm(vma), at);
    if (leaf === NULL) return ENOMEM;
    eachEntry(leafPart(leaf, { start: at, end: leafEnd(at, end) }), protectOrMark);
  }
  return OK;
}

/** Ends that, for every page of the range; also pages that were not protected lose rights. */
export function uffdWpResolve(tlb: MmuGather, vma: Vma, range: ProtectRange): void {
  tlb.needsFlush = true;
  const flags = vmFlags(vma);
  walkLeaves(vmMm(vma), range, (part) =>
    eachEntry(part, (at) => resolveEntry(at, flags, range.writable)),
  );
}

function eachEntry({ leaf, first, last }: LeafPart, change: (at: WordAt) => void): void {
  pteLock(leaf);
  for (let at = first; at < last; at++) change(at);
  pteUnlock(leaf);
}

function protectPresent(at: WordAt): void {
  if (isPtePresent(word(at))) protectEntry(at);
}

function protectOrMark(at: WordAt): void {
  if (isPtePresent(word(at))) protectEntry(at);
  else if (word(at) === PTE_NONE) setWord(at, PTE_MARKER_UFFD_WP);
}

/** A walker may set a bit meanwhile: then again. */
function protectEntry(at: WordAt): void {
  for (;;) {
    const pte = word(at);
    if (atomics.cas(at, pte, (pte | PTE_UFFD_WP) & ~PTE_WRITE)) return;
  }
}

/** A walker may set a bit meanwhile: then again. */
function resolveEntry(at: WordAt, flags: VmFlags, writable: WritableAtOnce): void {
  for (;;) {
    const pte = word(at);
    if (!isPtePresent(pte)) {
      if ((pte & PTE_MARKER_UFFD_WP) !== 0) setWord(at, pte & ~PTE_MARKER_UFFD_WP);
      return;
    }
    const changed = withProtection(pte & ~PTE_UFFD_WP, flags, writable);
    if (changed === pte || atomics.cas(at, pte, changed)) return;
  }
}
