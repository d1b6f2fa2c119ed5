/**
 * Taking the pages of a file out of every address space that maps them.
 *
 * Source: mm/memory.c, unmap_mapping_range(), mm/rmap.c, folio_mkclean(), v6.18.
 */
import * as atomics from '#atomics';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import type { Inode } from '../file/inode.ts';
import type { PageSpan } from '../file/page_cache.ts';
import type { Vma } from '../mm/held.ts';
import { hasFlag, VM_SHARED } from '../mm/vm_flags.ts';
import { vmaPages, vmFlags, vmMm, vmPgoff, vmStart } from '../mm/vma_struct.ts';
import { tlbFinishMmu, tlbGatherMmu } from '../page/mmu_gather.ts';
import { type Page, pageIndex, pageMapcount, pfnOf } from '../page/page_struct.ts';
import { isPtePresent, PTE_DIRTY, ptePfn, PTE_SPECIAL, PTE_WRITE } from '../page/pte.ts';
import { entryAt, leafTable, pteIndex, pteLock, pteUnlock } from '../page/table_struct.ts';
import { flushTlbMm } from '../page/tlb_flush.ts';
import { type ZapMode, zapRange } from '../page/zap.ts';
import { iMmapWalk } from './rmap_walk.ts';

/**
 * Empties the entries of a span of pages of a file, everywhere. Private copies go too when the
 * file is cut ('keep-markers'), and stay when a hole is punched ('file-pages').
 */
export function unmapMappingRange(inode: Inode, span: PageSpan, mode: ZapMode): void {
  iMmapWalk(inode, span, (vma) => {
    unmapVma(vma, span, mode);
    return true;
  });
}

function unmapVma(vma: Vma, { first, last }: PageSpan, mode: ZapMode): void {
  const pgoff = vmPgoff(vma);
  const from = Math.max(first - pgoff, 0);
  const to = Math.min(last + 1 - pgoff, vmaPages(vma));
  if (from >= to) return;
  const tlb = tlbGatherMmu(vmMm(vma));
  const start = vmStart(vma) + from * PAGE_SIZE;
  zapRange(tlb, vma, { start, end: vmStart(vma) + to * PAGE_SIZE, mode });
  tlbFinishMmu(tlb);
}

/**
 * Takes the right to write, and the mark of having been written, from every entry of a page of a
 * file; the next store to it faults. The page is locked, so no entry becomes writable meanwhile.
 *
 * @returns whether an entry was dirty.
 */
export function pageMkclean(inode: Inode, page: Page): boolean {
  if (pageMapcount(page) === 0) return false;
  const index = pageIndex(page);
  let wasDirty = false;
  iMmapWalk(inode, { first: index, last: index }, (vma) => {
    if (hasFlag(vmFlags(vma), VM_SHARED) && cleanEntry(vma, page)) wasDirty = true;
    return true;
  });
  return wasDirty;
}

function cleanEntry(vma: Vma, page: Page): boolean {
  const mm = vmMm(vma);
  const addr = vmStart(vma) + (pageIndex(page) - vmPgoff(vma)) * PAGE_SIZE;
  const leaf = leafTable(mm, addr);
  if (leaf === NULL) return false;
  const at = entryAt(leaf, pteIndex(addr));
  pteLock(leaf);
  const seen = atomics.load(at);
  const isOurs = isPtePresent(seen) && (seen & PTE_SPECIAL) === 0 && ptePfn(seen) === pfnOf(page);
  // A walker may mark the entry until it can no longer be written through.
  const before = isOurs ? atomics.and(at, ~(PTE_WRITE | PTE_DIRTY)) : 0;
  pteUnlock(leaf);
  if ((before & (PTE_WRITE | PTE_DIRTY)) !== 0) flushTlbMm(mm);
  return (before & PTE_DIRTY) !== 0;
}
