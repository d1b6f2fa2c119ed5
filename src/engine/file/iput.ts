/**
 * The end of an inode: the last reference takes its pages with it.
 *
 * Source: fs/inode.c, iput(), mm/truncate.c, truncate_inode_pages_final(), v6.18.
 */
import { assert } from '../arena/assert.ts';
import { NULL } from '../arena/ref.ts';
import { lockPage, putPage, unlockPage } from '../page/page_alloc.ts';
import { inodeNrpages } from './address_space.ts';
import { type Inode, inodeDecAndTest, inodeFree } from './inode.ts';
import { findGetNextPage, removeFromPageCache } from './page_cache.ts';

/** Drops a reference; with the last one the file and its bytes are gone. */
export function inodePut(inode: Inode): void {
  if (!inodeDecAndTest(inode)) return;
  evictPages(inode);
  inodeFree(inode);
}

/** Nobody maps the file and nobody can find it: its pages are met by this worker alone. */
function evictPages(inode: Inode): void {
  const all = { first: 0, last: Number.MAX_SAFE_INTEGER };
  for (;;) {
    const page = findGetNextPage(inode, all);
    if (page === NULL) break;
    lockPage(page);
    removeFromPageCache(inode, page);
    unlockPage(page);
    putPage(page);
  }
  assert(inodeNrpages(inode) === 0, 'a file goes with all of its pages');
}
