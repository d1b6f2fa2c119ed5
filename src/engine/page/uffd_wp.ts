/**
 * Write protection that a userfaultfd asked for: a bit of present entries, and markers in
 * the place of pages that are not there.
 *
 *   present         set: the bit, and no right to write        cleared: the next store decides
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
import { vmMm } from '../mm/vma_struct.ts';
import type { MmuGather } from './mmu_gather.ts';
import { isPtePresent, PTE_MARKER_UFFD_WP, PTE_NONE, PTE_UFFD_WP, PTE_WRITE } from './pte.ts';
import {
  entryAt,
  leafAlloc,
  leafEnd,
  leafTable,
  nextLeaf,
  type PageTable,
  pteIndex,
  pteLock,
  pteUnlock,
} from './table_struct.ts';

/** Bytes, end exclusive, inside one VMA. */
export interface UffdWpRange {
  readonly start: number;
  readonly end: number;
  /** What is not there is marked too. */
  readonly marks: boolean;
}

/** Protects every page of the range. @returns ENOMEM with some of them protected. */
export function uffdWpProtect(tlb: MmuGather, vma: Vma, range: UffdWpRange): 0 | Errno {
  const { end, marks } = range;
  const mm = vmMm(vma);
  const next = (at: number): number => (marks ? at : nextLeaf(mm, at, end));
  for (let at = next(range.start); at < end; at = next(leafEnd(at, end))) {
    const leaf = marks ? leafAlloc(mm, at) : leafTable(mm, at);
    if (leaf === NULL) return ENOMEM;
    eachEntry(leaf, { start: at, end: leafEnd(at, end) }, (entry) => {
      if (isPtePresent(word(entry))) protectEntry(entry);
      else if (marks && word(entry) === PTE_NONE) setWord(entry, PTE_MARKER_UFFD_WP);
    });
    tlb.needsFlush = true;
  }
  return OK;
}

/** Ends that, for every page of the range. The right to write comes back with the next store. */
export function uffdWpResolve(vma: Vma, range: { start: number; end: number }): void {
  const mm = vmMm(vma);
  const { end } = range;
  for (let at = nextLeaf(mm, range.start, end); at < end;) {
    const until = leafEnd(at, end);
    const leaf = leafTable(mm, at);
    if (leaf !== NULL) eachEntry(leaf, { start: at, end: until }, resolveEntry);
    at = nextLeaf(mm, until, end);
  }
}

function eachEntry(
  leaf: PageTable,
  { start, end }: { start: number; end: number },
  change: (at: WordAt) => void,
): void {
  const first = entryAt(leaf, pteIndex(start));
  const last = first + (end - start) / 4096;
  pteLock(leaf);
  for (let at = first; at < last; at++) change(at);
  pteUnlock(leaf);
}

/** A walker may set a bit meanwhile: then again. */
function protectEntry(at: WordAt): void {
  for (;;) {
    const pte = word(at);
    if (atomics.cas(at, pte, (pte | PTE_UFFD_WP) & ~PTE_WRITE)) return;
  }
}

function resolveEntry(at: WordAt): void {
  const pte = word(at);
  if (isPtePresent(pte)) {
    if ((pte & PTE_UFFD_WP) !== 0) atomics.and(at, ~PTE_UFFD_WP);
  } else if ((pte & PTE_MARKER_UFFD_WP) !== 0) setWord(at, pte & ~PTE_MARKER_UFFD_WP);
}
