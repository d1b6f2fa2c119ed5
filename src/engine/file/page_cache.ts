/**
 * The page cache: which pages of a file are in memory.
 *
 * A page that is in the cache holds one reference for it, and says whose it is and which: its
 * mapping is the inode, its index the page of the file. It leaves under its lock, and then has no
 * mapping. Whoever found a page must look at that again once it holds the page's lock.
 *
 *   lookup:   RCU section ; slot ; reference unless it is 0
 *   removal:  page locked ; slot emptied ; mapping cleared ; reference dropped
 *
 * A page is used again only after a grace period (page/page_alloc.ts), so a lookup never comes by
 * a page of somebody else.
 *
 * Source: mm/filemap.c, filemap_get_entry(), filemap_add_folio(), filemap_remove_folio(), v6.18.
 */
import { assert } from '../arena/assert.ts';
import { ENOSPC, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { chargeMemory, unchargeMemory } from '../mm/accounting.ts';
import { getPage, putPage } from '../page/page_alloc.ts';
import {
  clearPageMapping,
  type Page,
  pageIndex,
  pageMapcount,
  pageMapping,
  pageRefcountAt,
} from '../page/page_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../rcu/rcu.ts';
import { refcountIncNotZero } from '../sync/refcount.ts';
import { addNrpages, inodePagesAt, pagesLock, pagesUnlock } from './address_space.ts';
import { type Inode, inodeChargesPages } from './inode.ts';
import { xaErase, xaFind, xaInsert, xaLoad } from './xarray.ts';

/** Pages of a file; both inclusive. */
export interface PageSpan {
  readonly first: number;
  readonly last: number;
}

/** @returns the page of a file with one more reference, or NULL when it is not in memory. */
export function findGetPage(inode: Inode, index: number): Page | Null {
  rcuReadLock();
  const page = xaLoad(inodePagesAt(inode), index) as Page | Null;
  const isHeld = page !== NULL && refcountIncNotZero(pageRefcountAt(page));
  rcuReadUnlock();
  return isHeld ? page : NULL;
}

/** @returns the first page in the span that is in memory, with one more reference, or NULL. */
export function findGetNextPage(inode: Inode, { first, last }: PageSpan): Page | Null {
  let page: Page | Null;
  let isHeld: boolean;
  rcuReadLock();
  // Ends: a page without a reference is one whose slot was emptied before.
  do {
    page = xaFind(inodePagesAt(inode), first, last) as Page | Null;
    isHeld = page !== NULL && refcountIncNotZero(pageRefcountAt(page));
  } while (page !== NULL && !isHeld);
  rcuReadUnlock();
  return page;
}

/**
 * Adds a page, which has its identity already and which nobody else knows; the cache takes a
 * reference of its own.
 *
 * @returns EEXIST when another page has the place, ENOMEM, ENOSPC when it may not be charged for.
 */
export function addToPageCache(inode: Inode, page: Page): 0 | Errno {
  assert(pageMapping(page) === inode, 'a page is told whose it is before it is published');
  const isCharged = inodeChargesPages(inode);
  if (isCharged && chargeMemory(NULL, 1) !== OK) return ENOSPC;
  getPage(page);
  pagesLock(inode);
  const result = xaInsert(inodePagesAt(inode), pageIndex(page), page);
  pagesUnlock(inode);
  if (isErr(result)) {
    putPage(page);
    if (isCharged) unchargeMemory(1);
    return result;
  }
  addNrpages(inode, 1);
  return OK;
}

/** Takes a page out. The caller holds its lock and a reference, and nothing maps it. */
export function removeFromPageCache(inode: Inode, page: Page): void {
  assert(pageMapping(page) === inode, 'a page leaves the file that it is of');
  assert(pageMapcount(page) === 0, 'a page leaves its file when no entry maps it');
  pagesLock(inode);
  const erased = xaErase(inodePagesAt(inode), pageIndex(page));
  pagesUnlock(inode);
  assert(erased === page, 'the page cache holds the page that is taken out');
  clearPageMapping(page);
  addNrpages(inode, -1);
  if (inodeChargesPages(inode)) unchargeMemory(1);
  putPage(page);
}
