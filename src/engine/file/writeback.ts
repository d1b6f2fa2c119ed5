/**
 * Writing dirty pages to where their file is kept.
 *
 *   lock page ; take the right to write from its entries ; clean ; write the bytes below the end
 *
 * Whoever stores to the page meanwhile faults, waits for the lock and makes it dirty again: a
 * store is in what is written now, or in a page that is dirty afterwards.
 *
 * As in Linux, a page that could not be written is clean nevertheless, and the error is told to
 * everyone who asks by fsync() or msync().
 *
 * Source: mm/page-writeback.c, write_cache_pages(), clear_page_dirty_for_io(), v6.18.
 */
import { EBADF } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import {
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
  testClearPageFlag,
} from '../page/page_struct.ts';
import {
  inodeHostNext,
  inodeHostWriteFd,
  inodePagesAt,
  isHostInode,
  noteWritebackError,
} from './address_space.ts';
import { hostWrite } from './host.ts';
import { firstHostInode } from './host_inodes.ts';
import { type Inode, inodeKind, inodeSize } from './inode.ts';
import { findGetNextPage, type PageSpan } from './page_cache.ts';
import { xaFind } from './xarray.ts';

/** Takes the right to write from every entry of a locked page. @returns whether one was dirty. */
export type PageClean = (page: Page) => boolean;

export const ALL_PAGES: PageSpan = { first: 0, last: Number.MAX_SAFE_INTEGER };

/** Writes the dirty pages of a span; memory that has no other home stays as it is. */
export function writebackPages(inode: Inode, span: PageSpan, clean: PageClean): void {
  if (inodeKind(inode) !== 'regular') return;
  for (let first = span.first; first <= span.last;) {
    const page = findGetNextPage(inode, { first, last: span.last });
    if (page === NULL) return;
    first = pageIndex(page) + 1;
    lockPage(page);
    if (pageMapping(page) === inode) writebackPage(inode, page, clean);
    unlockPage(page);
    putPage(page);
  }
}

function writebackPage(inode: Inode, page: Page, clean: PageClean): void {
  const wasStoredTo = clean(page);
  const wasDirty = testClearPageFlag(page, PG_DIRTY);
  if (!wasStoredTo && !wasDirty) return;
  const length = bytesBelowEnd(inode, page);
  // Stored beyond the end through a mapping: nobody shall find that when the file grows.
  zeroPageRange(page, length, PAGE_SIZE);
  if (!isHostInode(inode)) return;
  const result = writeBytes(inode, page, length);
  if (result < 0) noteWritebackError(inode, result);
}

const bytesBelowEnd = (inode: Inode, page: Page): number =>
  Math.max(0, Math.min(PAGE_SIZE, inodeSize(inode) - pageIndex(page) * PAGE_SIZE));

function writeBytes(inode: Inode, page: Page, length: number): number {
  if (length === 0) return 0;
  const hostFd = inodeHostWriteFd(inode);
  if (hostFd < 0) return EBADF;
  return hostWrite(hostFd, pageIndex(page) * PAGE_SIZE, pageBytes(page).subarray(0, length));
}

/** Whether a page of the file is dirty, as far as its pages know themselves. */
export function hasDirtyPages(inode: Inode): boolean {
  for (let first = 0; ;) {
    const page = findGetNextPage(inode, { first, last: ALL_PAGES.last });
    if (page === NULL) return false;
    const isDirty = pageHas(page, PG_DIRTY);
    first = pageIndex(page) + 1;
    putPage(page);
    if (isDirty) return true;
  }
}

/**
 * Writes every dirty page of every file of the host, waiting for nobody: the program ends, perhaps
 * in the middle of a call that holds a lock. Needs no CPU of the machine, so a thread that has
 * detached can do it for those that are ended with it. Errors have nobody to be told to.
 */
export function flushOnExit(): void {
  for (let inode = firstHostInode(); inode !== NULL; inode = inodeHostNext(inode)) {
    let page = nextPage(inode, 0);
    while (page !== NULL) {
      flushPage(inode, page);
      page = nextPage(inode, pageIndex(page) + 1);
    }
  }
}

const nextPage = (inode: Inode, first: number): Page | Null =>
  xaFind(inodePagesAt(inode), first, ALL_PAGES.last) as Page | Null;

/** How often the lock of a page is tried: longer than it takes others to write it. */
const TRIES = 100_000;

/** Under its lock, if that is to be had: msync() by somebody else may be at it, with newer bytes. */
function flushPage(inode: Inode, page: Page): void {
  let isLocked = tryLockPage(page);
  for (let tries = 0; !isLocked && tries < TRIES; tries++) isLocked = tryLockPage(page);
  if (pageMapping(page) === inode && pageHas(page, PG_DIRTY)) {
    writeBytes(inode, page, bytesBelowEnd(inode, page));
  }
  if (isLocked) unlockPage(page);
}
