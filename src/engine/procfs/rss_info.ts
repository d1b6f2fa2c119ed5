/** How much of an address space is present: the RSS lines of /proc/PID/status, in pages. */
import * as atomics from '#atomics';
import type { Mm } from '../mm/held.ts';
import { mmPgtablesAt } from '../mm/mm_struct.ts';
import { MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, mmHiwaterRss, mmRssOf } from '../page/rss.ts';

export interface RssInfo {
  readonly anon: number;
  readonly file: number;
  readonly shmem: number;
  /** The most that was ever present: VmHWM. */
  readonly hiwater: number;
  /** Page tables: VmPTE. */
  readonly tables: number;
}

/** @returns the counters; a moment old while other workers fault. */
export const rssInfo = (mm: Mm): RssInfo => ({
  anon: mmRssOf(mm, MM_ANONPAGES),
  file: mmRssOf(mm, MM_FILEPAGES),
  shmem: mmRssOf(mm, MM_SHMEMPAGES),
  hiwater: mmHiwaterRss(mm),
  tables: atomics.load(mmPgtablesAt(mm)),
});
