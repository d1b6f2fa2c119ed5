/**
 * Handing out frames, and what is done to a whole one.
 *
 * Each worker takes from a list of its own, as for every cache; the contents of a frame
 * that comes from it are those of its last life.
 *
 * Source: mm/page_alloc.c, include/linux/mm.h, v6.18.
 */
import * as atomics from '#atomics';
import { assert } from '../arena/assert.ts';
import { setWord, views as shared } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { cacheAlloc, cacheFree, cacheFreeAll, cacheFreeRcu } from '../slab/cache.ts';
import { refcountDecAndTest, refcountInc } from '../sync/refcount.ts';
import { PAGE_LOCK } from '../sync/lock_class.ts';
import { spinLock, spinTryLock, spinUnlock } from '../sync/spinlock.ts';
import { LIMIT_RAM, noteLimit } from '../trace/verdict.ts';
import {
  frameOf,
  type Page,
  PAGE_CACHE,
  pageFrame,
  pageHas,
  pageLockAt,
  pageMapcount,
  pageMapcountAt,
  pageRefcount,
  pageRefcountAt,
  PFN_ZERO,
  PG_ANON,
} from './page_struct.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

/** @returns a page with one reference and any contents, or NULL without memory. */
export function allocPage(): Page | Null {
  const page = cacheAlloc(PAGE_CACHE);
  if (page === NULL) {
    noteLimit(LIMIT_RAM, 1, 0);
    return NULL;
  }
  setWord(pageRefcountAt(page), 1);
  setWord(pageMapcountAt(page), 0);
  return page;
}

/** @returns a page of zeroes with one reference, or NULL without memory. */
export function allocZeroedPage(): Page | Null {
  const page = allocPage();
  if (page !== NULL) clearPage(page);
  return page;
}

export function getPage(page: Page): Page {
  refcountInc(pageRefcountAt(page));
  return page;
}

/**
 * Drops a reference; the last one frees the page. Private memory that only the caller knows is
 * found by nobody: its last reference needs no atomic. A page of a file may still be met by a
 * lookup that began before it left the page cache, and is used again only when that is over.
 */
export function putPage(page: Page): void {
  const isPrivate = pageHas(page, PG_ANON);
  const isLast = isPrivate && pageRefcount(page) === 1;
  if (!isLast && !refcountDecAndTest(pageRefcountAt(page))) return;
  assert(pageMapcount(page) === 0, 'a page is freed when no entry maps it');
  if (isPrivate) {
    setWord(pageRefcountAt(page), 0);
    cacheFree(PAGE_CACHE, page);
  } else cacheFreeRcu(PAGE_CACHE, page);
}

/** Drops a reference of each of the first `count` pages, of a list that is the caller's own. */
export function putPages(pages: Page[], count: number): void {
  let freed = 0;
  for (let i = 0; i < count; i++) {
    const page = pages[i] ?? (NULL as Page | Null);
    if (page === NULL) continue;
    // As in putPage().
    if (pageHas(page, PG_ANON) && pageRefcount(page) === 1) {
      assert(pageMapcount(page) === 0, 'a page is freed when no entry maps it');
      setWord(pageRefcountAt(page), 0);
      pages[freed++] = page;
    } else putPage(page);
  }
  cacheFreeAll(PAGE_CACHE, pages, freed);
}

/** Another entry maps the page. */
export const pageAddMap = (page: Page): void => void atomics.add(pageMapcountAt(page), 1);

export function pageRemoveMap(page: Page): void {
  const before = atomics.add(pageMapcountAt(page), -1);
  assert(before > 0, 'an entry that maps a page was counted');
}

export const lockPage = (page: Page): void => spinLock(pageLockAt(page), PAGE_LOCK);
/** @returns whether it is locked now; false when somebody else has it. */
export const tryLockPage = (page: Page): boolean => spinTryLock(pageLockAt(page), PAGE_LOCK);
export const unlockPage = (page: Page): void => spinUnlock(pageLockAt(page));

/** Eight doubles at a time: `fill` of shared memory is sixteen times slower. */
export function clearPage(page: Page): void {
  const { f64 } = views;
  const first = pageFrame(page) >> 1;
  const end = first + 512;
  for (let i = first; i < end; i += 8) {
    f64[i] = 0;
    f64[i + 1] = 0;
    f64[i + 2] = 0;
    f64[i + 3] = 0;
    f64[i + 4] = 0;
    f64[i + 5] = 0;
    f64[i + 6] = 0;
    f64[i + 7] = 0;
  }
}

/** Bytes, of the page: [from, to) become zero. */
export function zeroPageRange(page: Page, from: number, to: number): void {
  const bytes = pageBytes(page);
  for (let i = from; i < to; i++) bytes[i] = 0;
}

export function copyPage(to: Page, from: Page): void {
  const source = pageFrame(from);
  views.i32.copyWithin(pageFrame(to), source, source + 1024);
}

/** The 4096 bytes of a page, as they are: not a copy. */
export function pageBytes(page: Page): Uint8Array {
  const at = pageFrame(page) * 4;
  return views.u8.subarray(at, at + 4096);
}

export const zeroFrame = (): number => frameOf(PFN_ZERO);
