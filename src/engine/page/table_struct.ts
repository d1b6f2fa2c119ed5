/**
 * Page tables: four levels of 512 entries, allocated as they are needed.
 *
 *   address bits   47..39   38..30   29..21   20..12   11..0
 *   level          pgd      pud      pmd      leaf     byte of the page
 *   an entry       a table  a table  a table  see pte.ts
 *
 *   0      1      2      16 ...
 *   lock   -      link   512 entries        528 words
 *
 * An entry of an upper level is the handle of a table, published once by an atomic and
 * removed only when no VMA is left that could need it. The entries of a leaf table are
 * changed under its lock, but for the accessed and dirty bits, which a walker sets as a CPU
 * does. A freed table has only empty entries, and is reused after a grace period: walkers
 * hold no lock.
 *
 * Source: mm/memory.c, __pte_alloc() and its like, v6.18.
 */
import * as atomics from '#atomics';
import { NULL, type Null, type Ref, type WordAt } from '../arena/ref.ts';
import { PMD_SIZE } from '../arena/units.ts';
import type { Mm } from '../mm/held.ts';
import { mmPgdAt, mmPgtablesAt } from '../mm/mm_struct.ts';
import { type Cache, cacheAlloc, cacheKind, cacheFree } from '../slab/cache.ts';
import { PTE_LOCK } from '../sync/lock_class.ts';
import { spinLock, spinUnlock } from '../sync/spinlock.ts';

export type PageTable = Ref<'page_table'>;

const LOCK = 0; // (a)
const LINK = 2;
const ENTRIES = 16;

export const ENTRIES_PER_TABLE = 512;

export const PAGE_TABLE_CACHE: Cache<'page_table'> = cacheKind({
  name: 'page_table',
  id: 8,
  words: ENTRIES + ENTRIES_PER_TABLE,
  link: LINK,
  // Only empty entries, and a lock that nobody has.
  filling: 0,
});

/** Bytes of the address space below one table of each level. */
export const PUD_SIZE = PMD_SIZE * 512;
export const PGDIR_SIZE = PUD_SIZE * 512;

const TWO_32 = 2 ** 32;

// Addresses are split once into two 32-bit halves: a division at every level would cost six times
// as much.
const pgdIndex = (hi: number): number => (hi >>> 7) & 511;
const pudIndex = (hi: number, lo: number): number => ((hi << 2) | (lo >>> 30)) & 511;
const pmdIndex = (lo: number): number => (lo >>> 21) & 511;
const leafIndex = (lo: number): number => (lo >>> 12) & 511;

export const entryAt = (table: PageTable, index: number): WordAt => table + ENTRIES + index;
/** The index of an address in its leaf table. */
export const pteIndex = (addr: number): number => leafIndex(addr | 0);

/** The pte lock: of one leaf table. */
export const pteLock = (leaf: PageTable): void => spinLock(leaf + LOCK, PTE_LOCK);
export const pteUnlock = (leaf: PageTable): void => spinUnlock(leaf + LOCK);

/** @returns the leaf table of an address, or NULL when there is none. */
export function leafTable(mm: Mm, addr: number): PageTable | Null {
  const hi = (addr / TWO_32) | 0;
  const lo = addr | 0;
  const pgd = atomics.rcuDereference(mmPgdAt(mm));
  if (pgd === NULL) return NULL;
  const pud = atomics.rcuDereference(pgd + ENTRIES + pgdIndex(hi));
  if (pud === NULL) return NULL;
  const pmd = atomics.rcuDereference(pud + ENTRIES + pudIndex(hi, lo));
  if (pmd === NULL) return NULL;
  return atomics.rcuDereference(pmd + ENTRIES + pmdIndex(lo)) as PageTable | Null;
}

/** @returns where the entry of an address is, or NULL. What is there may change at any moment. */
export function ptePtr(mm: Mm, addr: number): WordAt | Null {
  const leaf = leafTable(mm, addr);
  return leaf === NULL ? NULL : leaf + ENTRIES + leafIndex(addr | 0);
}

/** @returns the leaf table of an address, made if need be; NULL without memory. */
export function leafAlloc(mm: Mm, addr: number): PageTable | Null {
  const found = leafTable(mm, addr);
  return found === NULL ? leafMake(mm, addr) : found;
}

function leafMake(mm: Mm, addr: number): PageTable | Null {
  const hi = (addr / TWO_32) | 0;
  const lo = addr | 0;
  const pgd = tableAlloc(mm, mmPgdAt(mm));
  if (pgd === NULL) return NULL;
  const pud = tableAlloc(mm, pgd + ENTRIES + pgdIndex(hi));
  if (pud === NULL) return NULL;
  const pmd = tableAlloc(mm, pud + ENTRIES + pudIndex(hi, lo));
  if (pmd === NULL) return NULL;
  return tableAlloc(mm, pmd + ENTRIES + pmdIndex(lo));
}

/** Two workers may find the entry empty: the second one gives its table back. */
function tableAlloc(mm: Mm, at: WordAt): PageTable | Null {
  const found = atomics.rcuDereference(at) as PageTable | Null;
  if (found !== NULL) return found;
  const fresh = cacheAlloc(PAGE_TABLE_CACHE);
  if (fresh === NULL) return NULL;
  if (!atomics.cas(at, NULL, fresh)) {
    cacheFree(PAGE_TABLE_CACHE, fresh);
    return atomics.load(at) as PageTable;
  }
  if (at !== mmPgdAt(mm)) atomics.add(mmPgtablesAt(mm), 1);
  return fresh;
}

/**
 * @returns the first address from `addr` on that has a leaf table, or `end` when none before it
 *   has: absent tables are passed over whole.
 */
export function nextLeaf(mm: Mm, addr: number, end: number): number {
  const pgd = atomics.rcuDereference(mmPgdAt(mm)) as PageTable | Null;
  if (pgd === NULL) return end;
  let at = addr;
  while (at < end) {
    const hi = (at / TWO_32) | 0;
    const lo = at | 0;
    const pud = atomics.rcuDereference(entryAt(pgd, pgdIndex(hi)));
    const pmd = pud === NULL ? NULL : atomics.rcuDereference(pud + ENTRIES + pudIndex(hi, lo));
    const leafAt = pmd + ENTRIES + pmdIndex(lo);
    if (pmd !== NULL && atomics.rcuDereference(leafAt) !== NULL) return at;
    at = boundaryAfter(at, levelSize(pud, pmd));
  }
  return end;
}

const levelSize = (pud: number, pmd: number): number => {
  if (pud === NULL) return PGDIR_SIZE;
  return pmd === NULL ? PUD_SIZE : PMD_SIZE;
};

/** The first multiple of `size` behind `addr`. */
export const boundaryAfter = (addr: number, size: number): number =>
  (Math.floor(addr / size) + 1) * size;

/** Where the leaf table of `addr` ends, or `end` if that comes first. */
export const leafEnd = (addr: number, end: number): number =>
  Math.min(boundaryAfter(addr, PMD_SIZE), end);
