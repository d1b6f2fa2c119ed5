/**
 * Taking pages out of a range of a VMA, one leaf table at a time.
 *
 * Source: mm/memory.c, zap_page_range_single(), unmap_page_range(), zap_pte_range(), v6.18.
 */
import { keepShape } from '../arena/shape.ts';
import * as atomics from '#atomics';
import { setWord } from '../arena/memory.ts';
import { type WordAt } from '../arena/ref.ts';
import type { Vma } from '../mm/held.ts';
import { vmaIsAnonymous, vmMm } from '../mm/vma_struct.ts';
import { isTraced, traceRange, ZAP_RANGE } from '../trace/events.ts';
import { pageRemoveMap } from './page_alloc.ts';
import { type MmuGather, tlbFlushIfFull, tlbRemovePage } from './mmu_gather.ts';
import {
  type Page,
  pageHas,
  pageMapcount,
  pageMapcountAt,
  pageOf,
  PG_ANON,
  PG_DIRTY,
  PG_REFERENCED,
  setPageFlag,
} from './page_struct.ts';
import {
  isPtePresent,
  isPteSpecial,
  type Pte,
  PTE_DIRTY,
  PTE_MARKER_GUARD,
  PTE_MARKER_UFFD_WP,
  PTE_NONE,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  ptePfn,
} from './pte.ts';
import {
  addMmCounter,
  MM_ANONPAGES,
  MM_FILEPAGES,
  MM_SHMEMPAGES,
  mmCounter,
  updateHiwaterRss,
} from './rss.ts';
import { pteLock, pteUnlock } from './table_struct.ts';
import { type LeafPart, type PageRange, walkLeaves } from './walk.ts';

/** What goes and what stays. */
export type ZapMode =
  /** Everything: the mapping ends, or its pages are discarded for good. */
  | 'all'
  /** Markers of guard pages stay: MADV_DONTNEED, truncation. */
  | 'keep-markers'
  /** Only pages of the file: private copies stay, as when a hole is punched. */
  | 'file-pages';

/** Inside the VMA. */
export interface ZapRange extends PageRange {
  readonly mode: ZapMode;
}

keepShape({ start: Infinity, end: Infinity, mode: 'all' } satisfies ZapRange);

/** Clears every entry of the range. Pages are freed by tlbFinishMmu(). */
export function zapRange(tlb: MmuGather, vma: Vma, range: ZapRange): void {
  const mm = vmMm(vma);
  if (isTraced(ZAP_RANGE)) traceRange(ZAP_RANGE, mm, { arg: vma, a: range.start, b: range.end });
  const keepsWp = range.mode !== 'all' && !vmaIsAnonymous(vma);
  walkLeaves(mm, range, (part) => {
    updateHiwaterRss(mm);
    zapLeaf(tlb, part, { mode: range.mode, keepsWp });
    tlbFlushIfFull(tlb);
  });
}

interface ZapKind {
  readonly mode: ZapMode;
  /** Of a file's memory it is remembered which pages were write-protected by a userfaultfd. */
  readonly keepsWp: boolean;
}

/** Plain stores under the table's lock: an atomic for each entry would cost six times as much. */
function zapLeaf(tlb: MmuGather, { leaf, first, last }: LeafPart, zap: ZapKind): void {
  const { mode, keepsWp } = zap;
  const kept = PTE_MARKER_GUARD | (keepsWp ? PTE_MARKER_UFFD_WP : 0);
  let anonPages = 0;
  let shmemPages = 0;
  let filePages = 0;
  pteLock(leaf);
  for (let at = first; at < last; at++) {
    const pte = atomics.readOnce(at);
    if (pte === PTE_NONE) continue;
    if (!isPtePresent(pte)) {
      if (mode === 'all' || (pte & kept) === 0) atomics.writeOnce(at, PTE_NONE);
    } else if (isPteSpecial(pte)) {
      if (mode === 'file-pages') continue;
      atomics.writeOnce(at, PTE_NONE);
      tlb.needsFlush = true;
    } else if (!pageHas(pageOf(ptePfn(pte)), PG_ANON)) {
      if (zapFilePage(tlb, at) === MM_SHMEMPAGES) shmemPages++;
      else filePages++;
      if (keepsWp && (pte & PTE_UFFD_WP) !== 0) atomics.writeOnce(at, PTE_MARKER_UFFD_WP);
    } else if (mode !== 'file-pages') {
      atomics.writeOnce(at, keepsWp && (pte & PTE_UFFD_WP) !== 0 ? PTE_MARKER_UFFD_WP : PTE_NONE);
      removeAnonMap(pageOf(ptePfn(pte)));
      tlbRemovePage(tlb, pageOf(ptePfn(pte)));
      anonPages++;
    }
  }
  // Under the lock: whoever finds the entries gone finds them uncounted, as exit asserts.
  addMmCounter(tlb.mm, MM_ANONPAGES, -anonPages);
  addMmCounter(tlb.mm, MM_SHMEMPAGES, -shmemPages);
  addMmCounter(tlb.mm, MM_FILEPAGES, -filePages);
  pteUnlock(leaf);
}

/** @returns the counter that the page belongs to. */
function zapFilePage(tlb: MmuGather, at: WordAt): number {
  const pte = clearFileEntry(at);
  const page = pageOf(ptePfn(pte));
  keepAccessBits(page, pte);
  pageRemoveMap(page);
  tlbRemovePage(tlb, page);
  return mmCounter(page);
}

/** A walker may set the dirty bit of a writable entry until the very last moment. */
function clearFileEntry(at: WordAt): Pte {
  const pte = atomics.readOnce(at);
  if ((pte & (PTE_WRITE | PTE_DIRTY)) === PTE_WRITE) return atomics.exchange(at, PTE_NONE);
  atomics.writeOnce(at, PTE_NONE);
  return pte;
}

/** What the entry knew of the page, the page now knows itself. */
export function keepAccessBits(page: Page, pte: Pte): void {
  if ((pte & PTE_DIRTY) !== 0 && !pageHas(page, PG_DIRTY)) setPageFlag(page, PG_DIRTY);
  if ((pte & PTE_YOUNG) !== 0 && !pageHas(page, PG_REFERENCED)) setPageFlag(page, PG_REFERENCED);
}

/** The entry's lock is held. An entry that is the only one cannot get company: it was ours. */
export function removeAnonMap(page: Page): void {
  if (pageMapcount(page) === 1) setWord(pageMapcountAt(page), 0);
  else pageRemoveMap(page);
}
