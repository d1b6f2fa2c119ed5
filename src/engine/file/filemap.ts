/**
 * Page faults of files: finding the page or making it.
 *
 *   not cached ──> a new page, locked, in the cache ──> filled ──> below the end? ──> given
 *   cached     ──> locked ──> still of this file? ──────────────────┘
 *
 * The size is looked at last, under the page's lock. Who cuts a file sets its size first and then
 * takes its pages away, each under its lock: it waits for the fault and meets the entry it made,
 * or the fault waits for it and meets the new size.
 *
 * Source: mm/filemap.c, filemap_fault(), next_uptodate_folio(), filemap_page_mkwrite(),
 * mm/shmem.c, shmem_fault(), mm/secretmem.c, secretmem_fault(), v6.18.
 */
import { EEXIST, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import { allocZeroedPage, lockPage, putPage, tryLockPage, unlockPage } from '../page/page_alloc.ts';
import {
  type Page,
  pageHas,
  pageIndex,
  pageMapping,
  PG_DIRTY,
  PG_SWAPBACKED,
  PG_UPTODATE,
  setPageFlag,
  setPageIdentity,
} from '../page/page_struct.ts';
import { FAULT_NOPAGE, FAULT_OOM, FAULT_SIGBUS, type FaultError } from '../page/vm_fault.ts';
import { type Inode, inodeKind, inodeSize } from './inode.ts';
import { addToPageCache, findGetNextPage, findGetPage, type PageSpan } from './page_cache.ts';

/** How many pages a file has; the last may be there in part. */
export const inodePages = (inode: Inode): number => Math.ceil(inodeSize(inode) / PAGE_SIZE);

/** Of the last fault of this worker; read at once. */
const outcome = { isMajor: false };
/** Whether the fault that just ended had to wait for bytes of a real file. */
export const wasMajorFault = (): boolean => outcome.isMajor;

/**
 * Finds or makes a page of a file.
 *
 * @returns the page, locked, up to date, below the end of the file, and with one reference for the
 *   caller; FAULT_SIGBUS beyond the end, or when it cannot be read; FAULT_OOM.
 */
export function filemapFault(inode: Inode, index: number): Page | FaultError {
  outcome.isMajor = false;
  // Ends: another round means that somebody took the page away, or was first to make it.
  for (;;) {
    if (index >= inodePages(inode)) return FAULT_SIGBUS;
    const page = lockedPage(inode, index);
    if (page === EEXIST) continue;
    if (isErr(page)) return FAULT_OOM;
    if (pageMapping(page) === inode) return checkSize(inode, page);
    unlockPage(page);
    putPage(page);
  }
}

function checkSize(inode: Inode, page: Page): Page | FaultError {
  if (pageIndex(page) < inodePages(inode)) return page;
  unlockPage(page);
  putPage(page);
  return FAULT_SIGBUS;
}

/** @returns a page that was of this file when it was found, locked; ENOMEM, or EEXIST: again. */
function lockedPage(inode: Inode, index: number): Page | Errno {
  const found = findGetPage(inode, index);
  if (found === NULL) return addPage(inode, index);
  lockPage(found);
  return found;
}

/** Makes a page of zeroes. @returns it, locked and in the cache; ENOMEM, EEXIST. */
function addPage(inode: Inode, index: number): Page | Errno {
  const page = allocZeroedPage();
  if (page === NULL) return ENOMEM;
  const swapBacked = inodeKind(inode) === 'shmem' ? PG_SWAPBACKED : 0;
  setPageIdentity(page, { mapping: inode, index, flags: PG_UPTODATE | swapBacked });
  lockPage(page);
  const added = addToPageCache(inode, page);
  if (added === OK) return page;
  unlockPage(page);
  putPage(page);
  return added;
}

/**
 * Looks at a page that is already there: it is locked, up to date, and has a reference.
 *
 * @returns whether the reference was kept, for an entry.
 */
export type MapVisit = (page: Page) => boolean;

/** Fault-around: visits what is in memory of a span, below the end, without waiting or reading. */
export function filemapMapPages(inode: Inode, span: PageSpan, visit: MapVisit): void {
  const last = Math.min(span.last, inodePages(inode) - 1);
  let first = span.first;
  while (first <= last) {
    const page = findGetNextPage(inode, { first, last });
    if (page === NULL) return;
    first = pageIndex(page) + 1;
    if (!mapPage(inode, page, visit)) putPage(page);
  }
}

function mapPage(inode: Inode, page: Page, visit: MapVisit): boolean {
  if (!pageHas(page, PG_UPTODATE) || !tryLockPage(page)) return false;
  const isThere = pageMapping(page) === inode && pageIndex(page) < inodePages(inode);
  const isKept = isThere && visit(page);
  unlockPage(page);
  return isKept;
}

/**
 * A page of a file that is written back is about to become writable: it is dirty from now on. The
 * caller holds a reference and the page's lock, and keeps both.
 *
 * @returns FAULT_NOPAGE when it is no longer of the file: the fault begins again.
 */
export function filemapPageMkwrite(inode: Inode, page: Page): 0 | FaultError {
  if (pageMapping(page) !== inode || pageIndex(page) >= inodePages(inode)) return FAULT_NOPAGE;
  setPageFlag(page, PG_DIRTY);
  return OK;
}
