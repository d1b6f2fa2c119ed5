/**
 * Pages on their way out: their entries are gone, then all translations are flushed, then
 * the pages are freed.
 *
 * Source: mm/mmu_gather.c, v6.18.
 */
import type { Mm } from '../mm/held.ts';
import { type Page } from './page_struct.ts';
import { putPage } from './page_alloc.ts';
import { flushTlbMm } from './tlb_flush.ts';

/** Pages that wait for one flush. */
const BATCH = 16_384;

export interface MmuGather {
  readonly mm: Mm;
  /** Each holds the reference that its entry had. Only this operation sees the list. */
  readonly pages: Page[];
  /** An entry was cleared or lost a right. */
  needsFlush: boolean;
}

export const tlbGatherMmu = (mm: Mm): MmuGather => ({ mm, pages: [], needsFlush: false });

/** A page loses an entry: its reference is dropped after the flush. */
export function tlbRemovePage(tlb: MmuGather, page: Page): void {
  tlb.pages.push(page);
  tlb.needsFlush = true;
}

/** Between two tables: the list must not grow without bounds. */
export function tlbFlushIfFull(tlb: MmuGather): void {
  if (tlb.pages.length >= BATCH) tlbFinishMmu(tlb);
}

/** Flushes, then frees. */
export function tlbFinishMmu(tlb: MmuGather): void {
  if (tlb.needsFlush) flushTlbMm(tlb.mm);
  tlb.needsFlush = false;
  for (const page of tlb.pages) putPage(page);
  tlb.pages.length = 0;
}
