/**
 * Bringing a file's dirty pages to where the file is kept: msync(2), fsync(2), sync(2).
 *
 * Source: mm/filemap.c, file_write_and_wait_range(), fs/sync.c, v6.18.
 */
import { EINVAL, EIO, type Errno, isErr, OK } from '../arena/errno.ts';
import { inodeHostWriteFd, isHostInode, noteWritebackError } from '../file/address_space.ts';
import { checkWritebackError, fileInode } from '../file/file_struct.ts';
import { eachHostInode } from '../file/host_inodes.ts';
import { hostSync } from '../file/host.ts';
import { type Inode, inodeKind } from '../file/inode.ts';
import { inodePut } from '../file/iput.ts';
import type { PageSpan } from '../file/page_cache.ts';
import { ALL_PAGES, writebackPages } from '../file/writeback.ts';
import type { File } from '../mm/vma_struct.ts';
import { pageMkclean } from './unmap_mapping.ts';

/** Writes the dirty pages of a span; what was stored before the call is then with the host. */
export function inodeWriteback(inode: Inode, span: PageSpan): void {
  writebackPages(inode, span, (page) => pageMkclean(inode, page));
}

/**
 * Writes a span of a file, and waits until it would survive a loss of power.
 *
 * @returns EINVAL for what has nothing to be written to; EIO, ENOSPC once for each opening after
 *   bytes could not be written.
 */
export function fileFsyncRange(file: File, span: PageSpan): 0 | Errno {
  const inode = fileInode(file);
  const kind = inodeKind(inode);
  if (kind === 'secretmem' || kind === 'zero') return EINVAL;
  inodeWriteback(inode, span);
  syncHost(inode);
  return checkWritebackError(file);
}

export const fileFsync = (file: File): 0 | Errno => fileFsyncRange(file, ALL_PAGES);

function syncHost(inode: Inode): void {
  const hostFd = inodeHostWriteFd(inode);
  if (!isHostInode(inode) || hostFd < 0) return;
  const answer = hostSync(hostFd);
  if (answer < 0) noteWritebackError(inode, isErr(answer) ? answer : EIO);
}

/** Writes the dirty pages of all files of the host. */
export function syncHostInodes(): 0 {
  eachHostInode((inode) => {
    inodeWriteback(inode, ALL_PAGES);
    syncHost(inode);
  }, inodePut);
  return OK;
}
