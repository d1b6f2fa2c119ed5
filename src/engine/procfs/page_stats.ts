/**
 * What is present of a VMA: the numbers of smaps, found by walking its page tables.
 *
 * Source: fs/proc/task_mmu.c, struct mem_size_stats, smaps_account(), v6.18.
 */
import { word } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import type { Vma } from '../mm/held.ts';
import { hasFlag, VM_LOCKED } from '../mm/vm_flags.ts';
import { vmEnd, vmFlags, vmMm, vmStart } from '../mm/vma_struct.ts';
import {
  type Page,
  pageHas,
  pageMapcount,
  pageOf,
  PG_ANON,
  PG_DIRTY,
  PG_REFERENCED,
} from '../page/page_struct.ts';
import { isPtePresent, isPteSpecial, type Pte, PTE_DIRTY, PTE_YOUNG, ptePfn } from '../page/pte.ts';
import {
  entryAt,
  leafEnd,
  leafTable,
  nextLeaf,
  type PageTable,
  pteIndex,
  pteLock,
  pteUnlock,
} from '../page/table_struct.ts';

/** Bytes, but for `pss` and `locked` all multiples of a page. */
export interface PageStats {
  rss: number;
  /** Each page divided by how many entries map it. */
  pss: number;
  pssDirty: number;
  sharedClean: number;
  sharedDirty: number;
  privateClean: number;
  privateDirty: number;
  referenced: number;
  /** Private memory, copies of a file's pages included. */
  anonymous: number;
  /** As pss, of locked memory. */
  locked: number;
}

/** @returns what is present now; pages that are only special entries are not counted. */
export function vmaPageStats(vma: Vma): PageStats {
  const stats: PageStats = {
    rss: 0,
    pss: 0,
    pssDirty: 0,
    sharedClean: 0,
    sharedDirty: 0,
    privateClean: 0,
    privateDirty: 0,
    referenced: 0,
    anonymous: 0,
    locked: 0,
  };
  const mm = vmMm(vma);
  const limit = vmEnd(vma);
  for (let at = nextLeaf(mm, vmStart(vma), limit); at < limit;) {
    const end = leafEnd(at, limit);
    const leaf = leafTable(mm, at);
    if (leaf !== NULL) addLeaf(stats, leaf, { start: at, end });
    at = nextLeaf(mm, end, limit);
  }
  if (hasFlag(vmFlags(vma), VM_LOCKED)) stats.locked = stats.pss;
  return stats;
}

function addLeaf(
  stats: PageStats,
  leaf: PageTable,
  { start, end }: { start: number; end: number },
): void {
  const first = entryAt(leaf, pteIndex(start));
  const last = first + (end - start) / 4096;
  pteLock(leaf);
  for (let at = first; at < last; at++) {
    const pte = word(at);
    if (isPtePresent(pte) && !isPteSpecial(pte)) addPage(stats, pte, pageOf(ptePfn(pte)));
  }
  pteUnlock(leaf);
}

function addPage(stats: PageStats, pte: Pte, page: Page): void {
  const isDirty = (pte & PTE_DIRTY) !== 0 || pageHas(page, PG_DIRTY);
  const maps = pageMapcount(page);
  // The kernel divides in fixed point, with twelve bits after the point.
  const share = Math.floor((4096 * 4096) / Math.max(maps, 1)) / 4096;
  stats.rss += 4096;
  stats.pss += share;
  if (isDirty) stats.pssDirty += share;
  if (maps > 1) stats[isDirty ? 'sharedDirty' : 'sharedClean'] += 4096;
  else stats[isDirty ? 'privateDirty' : 'privateClean'] += 4096;
  if ((pte & PTE_YOUNG) !== 0 || pageHas(page, PG_REFERENCED)) stats.referenced += 4096;
  if (pageHas(page, PG_ANON)) stats.anonymous += 4096;
}
