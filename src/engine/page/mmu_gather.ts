/**
 * Pages on their way out: their entries are gone, then all translations are flushed, then
 * the pages are freed.
 *
 * Source: mm/mmu_gather.c, v6.18.
 */
import { NO_FLUSH_BEFORE_FREE } from '#mutants';
import type { Mm } from '../mm/held.ts';
import { putPages } from './page_alloc.ts';
import { type Page } from './page_struct.ts';
import { flushTlbMm } from './tlb_flush.ts';

/** Pages that wait for one flush. */
const BATCH = 16_384;

export interface MmuGather {
  readonly mm: Mm;
  /** Each holds the reference that its entry had. Only this operation sees the list. */
  readonly pages: Page[];
  /** How many of them; the list stays as long as it once was. */
  count: number;
  /** An entry was cleared or lost a right. */
  needsFlush: boolean;
}

export function tlbGatherMmu(mm: Mm): MmuGather {
  const pages = spare.pages ?? [];
  spare.pages = null;
  return { mm, pages, count: 0, needsFlush: false };
}

/** The list of the operation before, of this worker's own: growing one costs more than using it. */
const spare: { pages: Page[] | null } = { pages: null };

/** A page loses an entry: its reference is dropped after the flush. */
export function tlbRemovePage(tlb: MmuGather, page: Page): void {
  tlb.pages[tlb.count++] = page;
  tlb.needsFlush = true;
}

/** Between two tables: the list must not grow without bounds. */
export function tlbFlushIfFull(tlb: MmuGather): void {
  if (tlb.count >= BATCH) flushAndFree(tlb);
}

/** Flushes, then frees: the end of the operation. */
export function tlbFinishMmu(tlb: MmuGather): void {
  flushAndFree(tlb);
  spare.pages = tlb.pages;
}

function flushAndFree(tlb: MmuGather): void {
  if (tlb.needsFlush && !NO_FLUSH_BEFORE_FREE) flushTlbMm(tlb.mm);
  tlb.needsFlush = false;
  putPages(tlb.pages, tlb.count);
  tlb.count = 0;
}
