/**
 * Pages of files: finding one or making it, and what faults need of that.
 *
 *   not cached ──> a new page, locked, in the cache ──> filled ──> below the end? ──> given
 *   cached     ──> locked ──> still of this file? ──────────────────┘
 *
 * The size is looked at last, under the page's lock. Who cuts a file sets its size first and then
 * takes its pages away, each under its lock: it waits for the fault and meets the entry it made,
 * or the fault waits for it and meets the new size. No page is brought into memory while others
 * are taken away: what is read from a host file is never older than a hole that was punched.
 *
 * Source: mm/filemap.c, filemap_fault(), next_uptodate_folio(), filemap_page_mkwrite(),
 * mm/shmem.c, shmem_fault(), mm/secretmem.c, secretmem_fault(), v6.18.
 */
import { EEXIST, EIO, ENOMEM, ENXIO, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import {
  allocZeroedPage,
  lockPage,
  pageBytes,
  putPage,
  tryLockPage,
  unlockPage,
  zeroPageRange,
} from '../page/page_alloc.ts';
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
import { rcuReadLock, rcuReadUnlock } from '../rcu/rcu.ts';
import { INVALIDATE_LOCK } from '../sync/lock_class.ts';
import { downRead, upRead } from '../sync/rwsem.ts';
import { inodeHostFd, invalidateSemAt, isHostInode } from './address_space.ts';
import { hostRead } from './host.ts';
import { I_CACHED, type Inode, inodeHas, inodeKind, inodeSize } from './inode.ts';
import {
  addToPageCache,
  findGetNextPage,
  findGetPage,
  type PageSpan,
  removeFromPageCache,
} from './page_cache.ts';

/** How many pages a file has; the last may be there in part. */
export const inodePages = (inode: Inode): number => Math.ceil(inodeSize(inode) / PAGE_SIZE);

/** Of the last fault of this worker; read at once. */
const outcome = { isMajor: false };
/** Whether the fault that just ended had to wait for bytes of a real file. */
export const wasMajorFault = (): boolean => outcome.isMajor;
/** A fault begins: what was read before, perhaps by a call, was not for it. */
export function forgetMajorFault(): void {
  outcome.isMajor = false;
}

/**
 * Finds or makes a page of a file for a fault.
 *
 * @returns the page, locked, up to date, below the end of the file, and with one reference for the
 *   caller; FAULT_SIGBUS beyond the end, or when it cannot be read; FAULT_OOM.
 */
export function filemapFault(inode: Inode, index: number): Page | FaultError {
  const page = filemapGetPage(inode, { index, purpose: 'below-end' });
  if (isErr(page)) return page === ENOMEM ? FAULT_OOM : FAULT_SIGBUS;
  if (index < inodePages(inode)) return page;
  unlockPage(page);
  putPage(page);
  return FAULT_SIGBUS;
}

export interface PageWanted {
  readonly index: number;
  /**
   * Below the end of the file, with what the file has there; or to be written, at whatever place,
   * by one who keeps the file from being cut; or all of it to be overwritten, so that nobody needs
   * what it was.
   */
  readonly purpose: 'below-end' | 'write' | 'overwrite';
}

/**
 * Finds or makes a page.
 *
 * @returns it, locked, of this file and with one reference for the caller; ENXIO beyond the end,
 *   ENOMEM, ENOSPC, or the error of the host.
 */
export function filemapGetPage(inode: Inode, wanted: PageWanted): Page | Errno {
  // Ends: another round means that somebody took the page away, or was first to make it.
  for (;;) {
    const page = findLockPage(inode, wanted.index);
    if (page === NULL) {
      const made = makePage(inode, wanted);
      if (made !== EEXIST) return made;
    } else if (pageMapping(page) === inode) return page;
    else {
      unlockPage(page);
      putPage(page);
    }
  }
}

/** @returns a page that was of this file when it was found, locked; or NULL. */
function findLockPage(inode: Inode, index: number): Page | Null {
  const page = findGetPage(inode, index);
  if (page !== NULL) lockPage(page);
  return page;
}

/** @returns a new page in the cache; EEXIST: look again. */
function makePage(inode: Inode, wanted: PageWanted): Page | Errno {
  downRead(invalidateSemAt(inode), INVALIDATE_LOCK);
  const isBeyond = wanted.purpose === 'below-end' && wanted.index >= inodePages(inode);
  const page = isBeyond ? ENXIO : addPage(inode, wanted.index);
  const result = isErr(page) ? page : fillPage(inode, page, wanted);
  upRead(invalidateSemAt(inode));
  return result;
}

/** Makes a page of zeroes. @returns it, locked and in the cache. */
function addPage(inode: Inode, index: number): Page | Errno {
  const page = allocZeroedPage();
  if (page === NULL) return ENOMEM;
  const swapBacked = inodeKind(inode) === 'shmem' ? PG_SWAPBACKED : 0;
  const uptodate = isHostInode(inode) ? 0 : PG_UPTODATE;
  setPageIdentity(page, { mapping: inode, index, flags: uptodate | swapBacked });
  lockPage(page);
  const added = addToPageCache(inode, page);
  if (added === OK) return page;
  unlockPage(page);
  putPage(page);
  return added;
}

/** Reads what a host has. A page that cannot be read does not stay in the cache. */
function fillPage(inode: Inode, page: Page, { index, purpose }: PageWanted): Page | Errno {
  if (!isHostInode(inode)) return page;
  if (purpose !== 'overwrite') {
    const count = hostRead(inodeHostFd(inode), index * PAGE_SIZE, pageBytes(page));
    if (count < 0) {
      removeFromPageCache(inode, page);
      unlockPage(page);
      putPage(page);
      return EIO;
    }
    outcome.isMajor = true;
    // The host's file may be longer than ours, if somebody else makes it so.
    const end = inodeSize(inode) - index * PAGE_SIZE;
    zeroPageRange(page, Math.max(0, Math.min(count, end)), PAGE_SIZE);
  }
  setPageFlag(page, PG_UPTODATE);
  return page;
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
  if (inodeHas(inode, I_CACHED) && !isHostInode(inode)) cachePages(inode, { first, last });
  rcuReadLock(); // one section, instead of one for each page
  while (first <= last) {
    const page = findGetNextPage(inode, { first, last });
    if (page === NULL) break;
    first = pageIndex(page) + 1;
    if (!mapPage(inode, page, visit)) putPage(page);
  }
  rcuReadUnlock();
}

/** Brings a span below the end into the cache; without memory some pages stay missing. */
export function cachePages(inode: Inode, { first, last }: PageSpan): void {
  for (let index = first; index <= last; index++) {
    const found = findGetPage(inode, index);
    const page = found === NULL ? makePage(inode, { index, purpose: 'below-end' }) : found;
    if (isErr(page)) continue;
    if (found === NULL) unlockPage(page);
    putPage(page);
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
 * caller holds a reference and the page's lock, and keeps both until the entry is writable.
 *
 * @returns FAULT_NOPAGE when it is no longer of the file: the fault begins again.
 */
export function filemapPageMkwrite(inode: Inode, page: Page): 0 | FaultError {
  if (pageMapping(page) !== inode || pageIndex(page) >= inodePages(inode)) return FAULT_NOPAGE;
  setPageFlag(page, PG_DIRTY);
  return OK;
}
