/**
 * RSS: how many pages of each kind an address space maps.
 *
 * Source: include/linux/mm.h, add_mm_counter(), mm_counter(), v6.18.
 */
import * as atomics from '#atomics';
import type { Mm } from '../mm/held.ts';
import { mmHiwaterRssAt, mmRssAt } from '../mm/mm_struct.ts';
import { type Page, PG_ANON, PG_SWAPBACKED, pageHas } from './page_struct.ts';

export const MM_FILEPAGES = 0;
export const MM_ANONPAGES = 1;
export const MM_SHMEMPAGES = 2;

/** Which counter a page belongs to. */
export function mmCounter(page: Page): number {
  if (pageHas(page, PG_ANON)) return MM_ANONPAGES;
  return pageHas(page, PG_SWAPBACKED) ? MM_SHMEMPAGES : MM_FILEPAGES;
}

export function addMmCounter(mm: Mm, counter: number, pages: number): void {
  if (pages !== 0) atomics.add(mmRssAt(mm) + counter, pages);
}

export const mmRssOf = (mm: Mm, counter: number): number => atomics.load(mmRssAt(mm) + counter);
export const mmRss = (mm: Mm): number =>
  mmRssOf(mm, MM_FILEPAGES) + mmRssOf(mm, MM_ANONPAGES) + mmRssOf(mm, MM_SHMEMPAGES);

/** VmHWM is only written when pages are about to go; two that do so at once may miss the higher. */
export function updateHiwaterRss(mm: Mm): void {
  const at = mmRssAt(mm);
  // Plain loads: it is a mark of what was seen.
  const rss =
    atomics.readOnce(at + MM_FILEPAGES) +
    atomics.readOnce(at + MM_ANONPAGES) +
    atomics.readOnce(at + MM_SHMEMPAGES);
  if (rss > atomics.readOnce(mmHiwaterRssAt(mm))) atomics.writeOnce(mmHiwaterRssAt(mm), rss);
}

export const mmHiwaterRss = (mm: Mm): number =>
  Math.max(atomics.readOnce(mmHiwaterRssAt(mm)), mmRss(mm));
