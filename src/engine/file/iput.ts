/**
 * The end of an inode: the last reference takes its pages with it, after what is dirty was
 * written.
 *
 * Source: fs/inode.c, iput(), mm/truncate.c, truncate_inode_pages_final(), v6.18.
 */
import { assert } from '../arena/assert.ts';
import { NULL } from '../arena/ref.ts';
import { lockPage, putPage, unlockPage } from '../page/page_alloc.ts';
import { inodeHostFd, inodeHostWriteFd, inodeNrpages, isHostInode } from './address_space.ts';
import { hostClose } from './host.ts';
import { hostInodesLock, hostInodesUnlock, removeHostInode } from './host_inodes.ts';
import { type Inode, inodeDecAndTest, inodeFree, inodeRefs } from './inode.ts';
import { findGetNextPage, removeFromPageCache } from './page_cache.ts';
import { ALL_PAGES, hasDirtyPages, writebackPages } from './writeback.ts';

/** Drops a reference; with the last one the pages go, and a file that is nowhere else. */
export function inodePut(inode: Inode): void {
  const isLast = isHostInode(inode) ? dropHostInode(inode) : inodeDecAndTest(inode);
  if (!isLast) return;
  evictPages(inode);
  if (isHostInode(inode)) closeHostFile(inode);
  inodeFree(inode);
}

/** @returns whether that was the last reference; then nobody finds the file any more. */
function dropHostInode(inode: Inode): boolean {
  // Ends: a page is clean once it was written or could not be. Another round means that somebody
  // opened the file again in between.
  for (;;) {
    hostInodesLock();
    const isLast = inodeRefs(inode) === 1;
    const isDone = !isLast || !hasDirtyPages(inode);
    if (isDone) {
      if (isLast) removeHostInode(inode);
      inodeDecAndTest(inode);
    }
    hostInodesUnlock();
    if (isDone) return isLast;
    // No entry is left to be cleaned: each would have a mapping, and that the file.
    writebackPages(inode, ALL_PAGES, () => false);
  }
}

function closeHostFile(inode: Inode): void {
  const read = inodeHostFd(inode);
  const write = inodeHostWriteFd(inode);
  hostClose(read);
  if (write >= 0 && write !== read) hostClose(write);
}

/** Nobody maps the file and nobody can find it: its pages are met by this worker alone. */
function evictPages(inode: Inode): void {
  for (;;) {
    const page = findGetNextPage(inode, ALL_PAGES);
    if (page === NULL) break;
    lockPage(page);
    removeFromPageCache(inode, page);
    unlockPage(page);
    putPage(page);
  }
  assert(inodeNrpages(inode) === 0, 'a file goes with all of its pages');
}
