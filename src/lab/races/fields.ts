/** What the words of each kind of structure are called. */
import * as layout from '../../engine/arena/layout.ts';
import { COUNT, GAP, PIVOTS, SLOT } from '../../engine/maple/node_struct.ts';
import type { VmaRcu } from '../../engine/mm/held.ts';
import { MM_FIELDS } from '../../engine/mm/mm_struct.ts';
import { VMA_FIELDS, vmAttachedAt, vmLockSeqAt, vmRefcntAt } from '../../engine/mm/vma_struct.ts';
import {
  type Page,
  pageLockAt,
  pageMapcountAt,
  pageRefcountAt,
} from '../../engine/page/page_struct.ts';
import { entryAt, type PageTable } from '../../engine/page/table_struct.ts';
import * as line from '../../engine/slab/cache_line.ts';

/** Of a structure at word 0. */
const VMA = 0 as VmaRcu;
const PAGE = 0 as Page;
const ENTRIES = entryAt(0 as PageTable, 0);

const VMA_LOCK_FIELDS: ReadonlyMap<number, string> = new Map([
  [vmRefcntAt(VMA), 'vm_refcnt'],
  [vmLockSeqAt(VMA), 'vm_lock_seq'],
  [vmAttachedAt(VMA), 'attached'],
]);

const PAGE_FIELDS: ReadonlyMap<number, string> = new Map([
  [pageRefcountAt(PAGE), '_refcount'],
  [pageMapcountAt(PAGE), '_mapcount'],
  [pageMapcountAt(PAGE) + 1, 'flags'],
  [pageMapcountAt(PAGE) + 2, 'mapping'],
  [pageLockAt(PAGE), 'lock'],
]);

const FIELDS: Readonly<Record<string, (word: number) => string | undefined>> = {
  vma: (word) => VMA_LOCK_FIELDS.get(word) ?? VMA_FIELDS.get(word),
  mm: (word) => MM_FIELDS.get(word) ?? MM_FIELDS.get(word - (word % 2)),
  page: (word) => PAGE_FIELDS.get(word),
  table: (word) => (word >= ENTRIES ? `entry[${word - ENTRIES}]` : word === 0 ? 'lock' : undefined),
  node: nodeField,
};

function nodeField(word: number): string {
  if (word >= GAP) return `gap[${word - GAP}]`;
  if (word >= SLOT) return `slot[${word - SLOT}]`;
  if (word < 2 * PIVOTS) return `pivot[${word >> 1}]`;
  return word === COUNT ? 'count' : 'life';
}

/** The field of a structure by the number of the word; one without a name is its number. */
export const fieldOf = (structure: string, word: number): string =>
  FIELDS[structure]?.(word) ?? `word ${word}`;

/** The names of constants that begin so, by their values: 'RCU_EPOCH' of H_RCU_EPOCH. */
const namesOf = (constants: object, prefix: string): Map<number, string> =>
  new Map(
    Object.entries(constants).flatMap(([name, at]): [number, string][] =>
      name.startsWith(prefix) && typeof at === 'number'
        ? [[at, name.slice(prefix.length).toLowerCase()]]
        : [],
    ),
  );

const HEADER = namesOf(layout, 'H_');
const CPU = namesOf(layout, 'C_');
const DEPOT = namesOf(line, 'DEPOT_');
const CACHE = namesOf(line, '');

export const headerField = (word: number): string => nearest(HEADER, word);

export const cacheField = (word: number): string => DEPOT.get(word) ?? nearest(CACHE, word);

/** @param cacheName of a cache's number. */
export function cpuField(word: number, cacheName: (id: number) => string): string {
  const slabs = layout.C_SLABS + layout.CACHES * layout.SLAB_WORDS;
  if (word < layout.C_SLABS || word >= slabs) return nearest(CPU, word);
  const id = Math.floor((word - layout.C_SLABS) / layout.SLAB_WORDS);
  return `slab(${cacheName(id)})+${(word - layout.C_SLABS) % layout.SLAB_WORDS}`;
}

/** The name of a word, or that of the last one before it that has any. */
function nearest(names: ReadonlyMap<number, string>, word: number): string {
  const exact = names.get(word);
  if (exact !== undefined) return exact;
  const before = Math.max(...[...names.keys()].filter((at) => at < word));
  return `${names.get(before)}+${word - before}`;
}
