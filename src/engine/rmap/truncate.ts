/**
 * Cutting files that are mapped, and punching holes into them.
 *
 *   size first ──> out of the page tables ──> out of the page cache, each under its lock
 *
 * A fault that has found its page before meets the new size when it has the page's lock, or the
 * page without its file; one that mapped it first is met here, and its entry is taken away.
 *
 * Source: mm/truncate.c, truncate_pagecache(), truncate_inode_pages_range(), mm/shmem.c,
 * shmem_setattr(), shmem_fallocate(), fs/open.c, do_ftruncate(), v6.18.
 */
import {
  EBADF,
  EFBIG,
  EINVAL,
  EIO,
  ENODEV,
  EOPNOTSUPP,
  EPERM,
  type Errno,
  ETXTBSY,
  isErr,
  OK,
} from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE, pageUp } from '../arena/units.ts';
import {
  inodeHostWriteFd,
  inodeRwsemAt,
  invalidateSemAt,
  isHostInode,
} from '../file/address_space.ts';
import { fileInode, isFileWritable } from '../file/file_struct.ts';
import { hostTruncate, hostWrite } from '../file/host.ts';
import {
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  I_APPEND,
  I_SWAPFILE,
  type Inode,
  inodeHas,
  inodeKind,
  inodeSeals,
  inodeSize,
  setInodeSize,
} from '../file/inode.ts';
import {
  findGetNextPage,
  findGetPage,
  type PageSpan,
  removeFromPageCache,
} from '../file/page_cache.ts';
import { clearTail, FILE_BYTES_MAX, growHost, zeroTail } from '../file/read_write.ts';
import type { File } from '../mm/vma_struct.ts';
import { lockPage, putPage, unlockPage, zeroPageRange } from '../page/page_alloc.ts';
import {
  type Page,
  pageIndex,
  pageMapcount,
  pageMapping,
  PG_DIRTY,
  setPageFlag,
} from '../page/page_struct.ts';
import { I_RWSEM, INVALIDATE_LOCK } from '../sync/lock_class.ts';
import { downWrite, upWrite } from '../sync/rwsem.ts';
import { unmapMappingRange } from './unmap_mapping.ts';

/**
 * Sets a file's size, as ftruncate(2) does. What is new reads as zeroes.
 *
 * @returns EINVAL for a negative size, for what is no file or not open for writing, and for secret
 *   memory that has a size already; EPERM for what may only be appended to, and when a seal forbids
 *   it; EFBIG; ETXTBSY to cut swap; the error of the host. Then nothing has changed.
 */
export function fileTruncate(file: File, size: number): 0 | Errno {
  const inode = fileInode(file);
  const kind = inodeKind(inode);
  if (size < 0 || kind === 'zero' || kind === 'directory' || !isFileWritable(file)) return EINVAL;
  if (inodeHas(inode, I_APPEND)) return EPERM;
  if (size > FILE_BYTES_MAX) return EFBIG;

  downWrite(inodeRwsemAt(inode), I_RWSEM);
  const refused = mayResize(inode, size);
  const result = isErr(refused) ? refused : resize(inode, size);
  upWrite(inodeRwsemAt(inode));
  return result;
}

function mayResize(inode: Inode, size: number): 0 | Errno {
  const old = inodeSize(inode);
  if (inodeKind(inode) === 'secretmem' && old !== 0) return EINVAL;
  const seals = inodeSeals(inode);
  if (size < old && (seals & F_SEAL_SHRINK) !== 0) return EPERM;
  if (size > old && (seals & F_SEAL_GROW) !== 0) return EPERM;
  return size <= old && inodeHas(inode, I_SWAPFILE) ? ETXTBSY : OK;
}

/** The caller keeps others from writing or cutting the file. */
function resize(inode: Inode, size: number): 0 | Errno {
  const old = inodeSize(inode);
  if (size > old) {
    const refused = growHost(inode, size);
    if (isErr(refused)) return refused;
    clearTail(inode, old);
    setInodeSize(inode, size);
    return OK;
  }
  downWrite(invalidateSemAt(inode), INVALIDATE_LOCK);
  const result = shrink(inode, old, size);
  upWrite(invalidateSemAt(inode));
  return result;
}

/** Also to the size that it has: what was stored behind the end goes. */
function shrink(inode: Inode, old: number, size: number): 0 | Errno {
  setInodeSize(inode, size);
  const answer = isHostInode(inode) ? hostTruncate(inodeHostWriteFd(inode), size) : 0;
  if (answer < 0) {
    setInodeSize(inode, old);
    return isErr(answer) ? answer : EIO;
  }
  const beyond = { first: Math.ceil(size / PAGE_SIZE), last: Number.MAX_SAFE_INTEGER };
  unmapMappingRange(inode, beyond, 'keep-markers');
  zeroTail(inode, size);
  truncatePages(inode, beyond);
  // A private copy may have been made of a page that was still there the first time.
  unmapMappingRange(inode, beyond, 'keep-markers');
  return OK;
}

/** Takes a span of pages out of the cache, and out of page tables that still have them. */
function truncatePages(inode: Inode, { first, last }: PageSpan): void {
  let next = first;
  while (next <= last) {
    const page = findGetNextPage(inode, { first: next, last });
    if (page === NULL) return;
    next = pageIndex(page) + 1;
    lockPage(page);
    if (pageMapping(page) === inode) dropPage(inode, page);
    unlockPage(page);
    putPage(page);
  }
}

function dropPage(inode: Inode, page: Page): void {
  const index = pageIndex(page);
  // Ends: the lock keeps the page from being mapped anew, and a fork that copies an entry at this
  // moment is met the next time.
  while (pageMapcount(page) > 0) {
    unmapMappingRange(inode, { first: index, last: index }, 'file-pages');
  }
  removeFromPageCache(inode, page);
}

/** Bytes of a file. */
export interface FileRange {
  readonly start: number;
  readonly len: number;
}

/** Holes may lie wherever a signed number reaches; no bytes are there. */
const TMPFS_BYTES_MAX = 2 ** 63 - 1024; // the largest double below

/**
 * Gives back the memory of [start, start + len) of a file; it reads as zeroes, and the size stays.
 * As fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) and MADV_REMOVE do.
 *
 * @returns EBADF when it is not open for writing, EINVAL for a negative start or no length,
 *   ENODEV for what is no file, EFBIG, EOPNOTSUPP of secret memory, EPERM when a seal forbids it or
 *   the file may only be appended to, ETXTBSY for swap, ENOMEM and EIO with part of it done.
 */
export function filePunchHole(file: File, { start, len }: FileRange): 0 | Errno {
  const inode = fileInode(file);
  if (start < 0 || len <= 0) return EINVAL;
  if (!isFileWritable(file)) return EBADF;
  if (inodeHas(inode, I_APPEND)) return EPERM;
  if (inodeHas(inode, I_SWAPFILE)) return ETXTBSY;
  if (inodeKind(inode) === 'zero' || inodeKind(inode) === 'directory') return ENODEV;
  const most = inodeKind(inode) === 'shmem' ? TMPFS_BYTES_MAX : FILE_BYTES_MAX;
  if (start + len > most) return EFBIG;
  if (inodeKind(inode) === 'secretmem') return EOPNOTSUPP;

  downWrite(inodeRwsemAt(inode), I_RWSEM);
  const isSealed = (inodeSeals(inode) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0;
  const result = isSealed ? EPERM : punch(inode, { start, len });
  upWrite(inodeRwsemAt(inode));
  return result;
}

/** The caller keeps others from writing or cutting the file. */
function punch(inode: Inode, { start, len }: FileRange): 0 | Errno {
  const end = Math.min(start + len, pageUp(inodeSize(inode)));
  if (end <= start) return OK;
  const first = Math.ceil(start / PAGE_SIZE);
  const last = Math.floor(end / PAGE_SIZE) - 1;
  downWrite(invalidateSemAt(inode), INVALIDATE_LOCK);
  unmapHole(inode, { first, last });
  if (first <= last) truncatePages(inode, { first, last });
  zeroPart(inode, start, Math.min(end, first * PAGE_SIZE));
  if (last + 1 >= first) zeroPart(inode, (last + 1) * PAGE_SIZE, end);
  const result = isHostInode(inode) ? zeroHost(inode, start, end) : OK;
  upWrite(invalidateSemAt(inode));
  return result;
}

/**
 * Linux counts the hole's whole pages in bytes, without a sign: one that ends within the first
 * page ends at -1, and every page from its start on is unmapped, to be faulted in again.
 */
function unmapHole(inode: Inode, { first, last }: PageSpan): void {
  const end = last < 0 ? Number.MAX_SAFE_INTEGER : last;
  if (first <= end) unmapMappingRange(inode, { first, last: end }, 'file-pages');
}

/** Zeroes bytes inside one page, if it is in memory. */
function zeroPart(inode: Inode, start: number, end: number): void {
  if (start >= end) return;
  const index = Math.floor(start / PAGE_SIZE);
  const page = findGetPage(inode, index);
  if (page === NULL) return;
  lockPage(page);
  if (pageMapping(page) === inode) {
    zeroPageRange(page, start - index * PAGE_SIZE, end - index * PAGE_SIZE);
    setPageFlag(page, PG_DIRTY);
  }
  unlockPage(page);
  putPage(page);
}

/** Bytes written to a host at one time. */
const ZEROES = 65_536;

/** Not every host can punch holes: what is read from one is the same. */
function zeroHost(inode: Inode, start: number, end: number): 0 | Errno {
  const zeroes = new Uint8Array(ZEROES);
  const limit = Math.min(end, inodeSize(inode));
  for (let at = start; at < limit; at += ZEROES) {
    const part = zeroes.subarray(0, Math.min(ZEROES, limit - at));
    const answer = hostWrite(inodeHostWriteFd(inode), at, part);
    if (answer < 0) return isErr(answer) ? answer : EIO;
  }
  return OK;
}
