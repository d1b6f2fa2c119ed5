/**
 * What is present of a VMA: the numbers of smaps, found by walking its page tables.
 *
 * Source: fs/proc/task_mmu.c, struct mem_size_stats, smaps_account(), v6.18.
 */
import { word } from '../arena/memory.ts';
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
import { pteLock, pteUnlock } from '../page/table_struct.ts';
import { type LeafPart, walkLeaves } from '../page/walk.ts';

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
  /** Pages of files whose entry nobody used: mapped with a neighbour's fault. No line of smaps. */
  unused: number;
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
    unused: 0,
  };
  walkLeaves(vmMm(vma), { start: vmStart(vma), end: vmEnd(vma) }, (part) => addLeaf(stats, part));
  if (hasFlag(vmFlags(vma), VM_LOCKED)) stats.locked = stats.pss;
  return stats;
}

function addLeaf(stats: PageStats, { leaf, first, last }: LeafPart): void {
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
  else if ((pte & PTE_YOUNG) === 0) stats.unused += 4096;
}
