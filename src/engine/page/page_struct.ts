/**
 * struct page: what is known of one frame of memory. 8 words, in one array, mem_map.
 *
 *   0      1      2      3        4     6       7
 *   refs   maps   flags  mapping  index (link)  lock
 *
 * A page's number is its frame's. Page 0 is the zero page: it is mapped without being
 * counted, and never allocated or freed.
 *
 *   (a) atomic   (c) constant while it is mapped or cached   (l) the page's lock
 *
 * Source: include/linux/mm_types.h, struct page; include/linux/page-flags.h, v6.18.
 */
import * as atomics from '#atomics';
import { takeWords } from '../arena/arena.ts';
import { H_FRAMES, H_MEM_MAP, H_PAGES_BRK, H_PAGES_END, H_RAM_AT } from '../arena/layout.ts';
import { setWord, views as shared, word } from '../arena/memory.ts';
import { NULL, type Ref, type WordAt } from '../arena/ref.ts';
import { type Cache, cacheKind } from '../slab/cache.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

export type Page = Ref<'page'>;

const REFCOUNT = 0; // (a) the page cache, each entry that maps it, whoever looks at it
const MAPCOUNT = 1; // (a) entries of page tables that map it
const FLAGS = 2; //    (a) PG_*
const MAPPING = 3; //  (c, l) an anon_vma or an inode; NULL once it was truncated
const INDEX = 4; //    (c) pages: in its file, or the page number of its first address; a double
const LINK = 6;
const LOCK = 7; //     (a) a spinlock

const PAGE_WORDS = 8;
/** Frames at the beginning that are never handed out; the first one is the zero page. */
const RESERVED = 8;

export const PAGE_CACHE: Cache<'page'> = cacheKind({
  name: 'page',
  id: 9,
  words: PAGE_WORDS,
  link: LINK,
  // Nobody locks a page that is free.
  inherits: [[LOCK, LOCK + 1]],
  area: { brk: H_PAGES_BRK, end: H_PAGES_END },
});

/** Of private memory: its mapping is an anon_vma. */
export const PG_ANON = 1 << 0;
/** One entry of one address space maps it, and may be made writable without a copy. */
export const PG_ANON_EXCLUSIVE = 1 << 1;
/** Has what its file does not have yet. */
export const PG_DIRTY = 1 << 2;
/** Has all that its file has. */
export const PG_UPTODATE = 1 << 3;
/** Has no file on a disk: anonymous, shmem. */
export const PG_SWAPBACKED = 1 << 4;
/** Was accessed since somebody last asked. */
export const PG_REFERENCED = 1 << 5;
/** Of a driver: never freed here. */
export const PG_RESERVED = 1 << 6;

export const PFN_ZERO = 0;

/** Makes the descriptors of all frames. @returns false when the arena has no room for them. */
export function initMemMap(): boolean {
  const frames = word(H_FRAMES);
  if (frames < 2 * RESERVED) return true;
  const map = takeWords(frames * PAGE_WORDS);
  if (map === NULL) return false;
  setWord(H_MEM_MAP, map);
  setWord(H_PAGES_END, map + frames * PAGE_WORDS);
  atomics.store(H_PAGES_BRK, map + RESERVED * PAGE_WORDS);
  return true;
}

export const pfnOf = (page: Page): number => (page - word(H_MEM_MAP)) >> 3;
export const pageOf = (pfn: number): Page => (word(H_MEM_MAP) + (pfn << 3)) as Page;

/** The first word of a frame. */
export const frameOf = (pfn: number): WordAt => word(H_RAM_AT) + pfn * 1024;
export const pageFrame = (page: Page): WordAt => frameOf(pfnOf(page));

/** How many frames have ever been handed out are below this number: what a copy has to save. */
export const framesUsed = (): number =>
  word(H_MEM_MAP) === NULL ? 0 : (atomics.load(H_PAGES_BRK) - word(H_MEM_MAP)) >> 3;

export const pageRefcountAt = (page: Page): WordAt => page + REFCOUNT;
export const pageMapcountAt = (page: Page): WordAt => page + MAPCOUNT;
export const pageLockAt = (page: Page): WordAt => page + LOCK;
/** Entries of page tables that map it, at this moment. */
export const pageMapcount = (page: Page): number => views.i32[page + MAPCOUNT]!;
export const pageRefcount = (page: Page): number => views.i32[page + REFCOUNT]!;

export const pageHas = (page: Page, flag: number): boolean =>
  (views.i32[page + FLAGS]! & flag) !== 0;
export const setPageFlag = (page: Page, flag: number): void => void atomics.or(page + FLAGS, flag);
/** @returns whether it was set. */
export const testClearPageFlag = (page: Page, flag: number): boolean =>
  (atomics.and(page + FLAGS, ~flag) & flag) !== 0;

export const pageMapping = (page: Page): number => views.i32[page + MAPPING]!;
export const pageIndex = (page: Page): number => views.f64[(page + INDEX) >> 1]!;

/** What a page that nobody else can see yet belongs to. */
export interface PageIdentity {
  /** An inode or an anon_vma. */
  readonly mapping: number;
  /** Pages. */
  readonly index: number;
  /** PG_* */
  readonly flags: number;
}

/** Gives a fresh page its identity: it is published later, by an entry or by the page cache. */
export function setPageIdentity(page: Page, { mapping, index, flags }: PageIdentity): void {
  views.i32[page + MAPPING] = mapping;
  views.f64[(page + INDEX) >> 1] = index;
  views.i32[page + FLAGS] = flags;
}

/**
 * Makes a fresh page private memory, mapped once, by an entry that is published later. Each fault
 * does it: an object that describes it would take as long as the rest.
 *
 * @param index the number of its address's page, by which the reverse map finds it
 */
export function setPageAnon(page: Page, anonVma: number, index: number): void {
  const { i32 } = views;
  i32[page + MAPPING] = anonVma;
  views.f64[(page + INDEX) >> 1] = index;
  i32[page + FLAGS] = PG_ANON | PG_ANON_EXCLUSIVE | PG_SWAPBACKED | PG_UPTODATE;
  i32[page + MAPCOUNT] = 1;
}

/** A page that leaves its file: (l) is held. */
export function clearPageMapping(page: Page): void {
  atomics.store(page + MAPPING, NULL);
}

/** A page moves to another anon_vma of the same family: its entry's lock is held. */
export function setPageAnonVma(page: Page, anonVma: number): void {
  atomics.store(page + MAPPING, anonVma);
}
