/**
 * Bytes of files without a mapping: pread(2) and pwrite(2), through the page cache, so that a
 * mapping and a call see the same.
 *
 *   file    |####|####|##..|            size
 *   write             [.....]           page by page: what comes before an error is written
 *
 * Source: mm/filemap.c, filemap_read(), generic_perform_write(), mm/shmem.c,
 * shmem_file_read_iter(), shmem_write_begin(), v6.18.
 */
import {
  EBADF,
  EFBIG,
  EINVAL,
  EIO,
  EISDIR,
  ENXIO,
  EPERM,
  type Errno,
  ESPIPE,
  ETXTBSY,
  isErr,
  OK,
} from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import type { File } from '../mm/vma_struct.ts';
import { lockPage, pageBytes, putPage, unlockPage, zeroPageRange } from '../page/page_alloc.ts';
import { type Page, pageMapping, PG_DIRTY, setPageFlag } from '../page/page_struct.ts';
import { I_RWSEM } from '../sync/lock_class.ts';
import { downWrite, upWrite } from '../sync/rwsem.ts';
import { inodeHostWriteFd, inodeRwsemAt, isHostInode } from './address_space.ts';
import { fileInode, isFileReadable, isFileWritable } from './file_struct.ts';
import { filemapGetPage } from './filemap.ts';
import { hostTruncate } from './host.ts';
import {
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_WRITE,
  I_SWAPFILE,
  type Inode,
  inodeHas,
  inodeKind,
  inodeSeals,
  inodeSize,
  setInodeSize,
} from './inode.ts';
import { findGetPage } from './page_cache.ts';

/** The largest size of a file, in bytes: beyond it, numbers are no longer exact. */
export const FILE_BYTES_MAX = Number.MAX_SAFE_INTEGER;

/**
 * Reads into `bytes` from `position` on, in bytes.
 *
 * @returns how many were read, 0 from the end on; EINVAL for a negative position, ESPIPE of
 *   secret memory, EBADF when it is not open for reading, EISDIR, EIO when the host cannot, ENOMEM.
 */
export function fileRead(file: File, position: number, bytes: Uint8Array): number | Errno {
  const inode = fileInode(file);
  if (position < 0) return EINVAL;
  if (inodeKind(inode) === 'secretmem') return ESPIPE;
  if (!isFileReadable(file)) return EBADF;
  if (inodeKind(inode) === 'directory') return EISDIR;
  if (inodeKind(inode) === 'anon_inode') return EINVAL; // it is read message by message
  if (inodeKind(inode) === 'zero') {
    bytes.fill(0);
    return bytes.length;
  }
  return readPages(inode, position, bytes);
}

function readPages(inode: Inode, position: number, bytes: Uint8Array): number | Errno {
  let done = 0;
  while (done < bytes.length) {
    const count = readChunk(inode, position + done, bytes.subarray(done));
    if (isErr(count)) return done === 0 ? count : done;
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** Reads from one page. */
function readChunk(inode: Inode, position: number, bytes: Uint8Array): number | Errno {
  if (position >= inodeSize(inode)) return 0;
  const index = Math.floor(position / PAGE_SIZE);
  const page = pageToRead(inode, index);
  if (page === ENXIO) return 0;
  if (isErr(page)) return page;

  const from = position - index * PAGE_SIZE;
  // The size is looked at again, now that the page cannot be of an older, longer file.
  const count = Math.min(PAGE_SIZE - from, bytes.length, inodeSize(inode) - position);
  if (page === NULL) bytes.fill(0, 0, Math.max(0, count));
  else {
    if (count > 0) bytes.set(pageBytes(page).subarray(from, from + count));
    putPage(page);
  }
  return Math.max(0, count);
}

/** @returns a page with a reference; NULL for a hole of a file that is kept in memory. */
function pageToRead(inode: Inode, index: number): Page | Null | Errno {
  const found = findGetPage(inode, index);
  if (!isHostInode(inode)) return found;
  if (found !== NULL) putPage(found);
  // A page that is found unlocked may still be on its way from the host.
  const page = filemapGetPage(inode, { index, purpose: 'below-end' });
  if (!isErr(page)) unlockPage(page);
  return page;
}

/**
 * Writes `bytes` from `position` on, in bytes; the file grows as need be.
 *
 * @returns how many were written, fewer when an error came after the first page; EINVAL for a
 *   negative position, ESPIPE, EBADF when it is not open for writing, ETXTBSY for swap, EPERM when
 *   a seal forbids it, EFBIG, ENOMEM, ENOSPC, EIO.
 */
export function fileWrite(file: File, position: number, bytes: Uint8Array): number | Errno {
  const inode = fileInode(file);
  if (position < 0) return EINVAL;
  if (inodeKind(inode) === 'secretmem') return ESPIPE;
  if (!isFileWritable(file)) return EBADF;
  if (inodeKind(inode) === 'zero' || bytes.length === 0) return bytes.length;
  if (inodeHas(inode, I_SWAPFILE)) return ETXTBSY;
  if (position + bytes.length > FILE_BYTES_MAX) return EFBIG;

  downWrite(inodeRwsemAt(inode), I_RWSEM);
  const result = writePages(inode, { position, bytes, mayWrite });
  upWrite(inodeRwsemAt(inode));
  return result;
}

/** Writes the first bytes of a file that nobody else knows, whatever its seals. */
export const writeBytes = (inode: Inode, position: number, bytes: Uint8Array): number | Errno =>
  writePages(inode, { position, bytes, mayWrite: () => OK });

interface WriteState {
  readonly position: number;
  readonly bytes: Uint8Array;
  /** Whether a write that ends here is allowed. */
  readonly mayWrite: (inode: Inode, end: number) => 0 | Errno;
}

/** The caller keeps others from writing or cutting the file. */
function writePages(inode: Inode, { position, bytes, mayWrite: ask }: WriteState): number | Errno {
  let done = 0;
  while (done < bytes.length) {
    const at = position + done;
    const room = PAGE_SIZE - (at % PAGE_SIZE);
    const chunk = bytes.subarray(done, Math.min(bytes.length, done + room));
    const refused = ask(inode, at + chunk.length);
    const result = isErr(refused) ? refused : writeChunk(inode, at, chunk);
    if (isErr(result)) return done === 0 ? result : done;
    done += chunk.length;
  }
  return done;
}

/** Seals are asked for each page, as Linux does: part of a write may succeed. */
function mayWrite(inode: Inode, end: number): 0 | Errno {
  const seals = inodeSeals(inode);
  if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) return EPERM;
  return (seals & F_SEAL_GROW) !== 0 && end > inodeSize(inode) ? EPERM : OK;
}

/** Writes inside one page. */
function writeChunk(inode: Inode, position: number, chunk: Uint8Array): 0 | Errno {
  const size = inodeSize(inode);
  const end = position + chunk.length;
  if (end <= size) return fillChunk(inode, position, chunk);

  const refused = growHost(inode, end);
  if (isErr(refused)) return refused;
  clearTail(inode, size);
  const result = fillChunk(inode, position, chunk);
  if (isErr(result)) growHost(inode, size);
  return result;
}

function fillChunk(inode: Inode, position: number, chunk: Uint8Array): 0 | Errno {
  const index = Math.floor(position / PAGE_SIZE);
  const purpose = chunk.length === PAGE_SIZE ? 'overwrite' : 'write';
  const page = filemapGetPage(inode, { index, purpose });
  if (isErr(page)) return page;
  pageBytes(page).set(chunk, position - index * PAGE_SIZE);
  setPageFlag(page, PG_DIRTY);
  const end = position + chunk.length;
  if (end > inodeSize(inode)) setInodeSize(inode, end);
  unlockPage(page);
  putPage(page);
  return OK;
}

/** Makes a host's file as long as ours is about to be: others may look at it. */
export function growHost(inode: Inode, size: number): 0 | Errno {
  if (!isHostInode(inode)) return OK;
  const answer = hostTruncate(inodeHostWriteFd(inode), size);
  if (answer >= 0) return OK;
  return isErr(answer) ? answer : EIO;
}

/**
 * A file grows, or was just cut: what was stored behind its end, through a mapping, does not
 * become part of it. Memory without a disk keeps what is there when it grows, as tmpfs does.
 */
export function clearTail(inode: Inode, size: number): void {
  if (inodeKind(inode) === 'regular') zeroTail(inode, size);
}

/** Zeroes what a file's last page has behind `size`. */
export function zeroTail(inode: Inode, size: number): void {
  const from = size % PAGE_SIZE;
  if (from === 0) return;
  const page = findGetPage(inode, Math.floor(size / PAGE_SIZE));
  if (page === NULL) return;
  lockPage(page);
  if (pageMapping(page) === inode) zeroPageRange(page, from, PAGE_SIZE);
  unlockPage(page);
  putPage(page);
}
