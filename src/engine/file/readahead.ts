/**
 * Reading ahead: a fault that finds no page brings in what lies around it, so that the next one
 * finds its page. Files of a host are read page by page all the same: their pages cost a call.
 *
 *   usual       [ ra/2 before | the page | ra/2 behind ]
 *   sequential                [ the page | ra behind   ]
 *   random                    [ the page ]
 *
 * Source: mm/filemap.c, do_sync_mmap_readahead(), mm/readahead.c, force_page_cache_ra(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import type { Vma } from '../mm/held.ts';
import { sysctl } from '../mm/sysctl.ts';
import { hasFlag, VM_RAND_READ, VM_SEQ_READ, type VmFlags } from '../mm/vm_flags.ts';
import { vmFile, vmFlags } from '../mm/vma_struct.ts';
import { putPage } from '../page/page_alloc.ts';
import { isHostInode } from './address_space.ts';
import { fileInode } from './file_struct.ts';
import { cachePages, inodePages } from './filemap.ts';
import { type Inode, inodeKind } from './inode.ts';
import { findGetPage, type PageSpan } from './page_cache.ts';

/**
 * For a fault whose page may be missing. Without memory some pages stay so.
 *
 * @returns whether it was missing, and is worth looking for again.
 */
export function syncMmapReadahead(vma: Vma, index: number): boolean {
  const file = vmFile(vma);
  if (file === NULL) return false;
  const inode = fileInode(file);
  if (inodeKind(inode) !== 'regular' || isHostInode(inode)) return false;
  if (index >= inodePages(inode) || hasPage(inode, index)) return false;
  readAhead(inode, windowOf(vmFlags(vma), index));
  return true;
}

/** MADV_WILLNEED: brings in what a span begins with, as much as a disk reads at once. */
export function forceReadahead(vma: Vma, { first, last }: PageSpan): void {
  const file = vmFile(vma);
  if (file === NULL || inodeKind(fileInode(file)) !== 'regular') return;
  const most = Math.max(REQUEST_PAGES, readaheadPages());
  readAhead(fileInode(file), { first, last: Math.min(last, first + most - 1) });
}

function readAhead(inode: Inode, { first, last }: PageSpan): void {
  cachePages(inode, { first, last: Math.min(last, inodePages(inode) - 1) });
}

/** The largest request of a common disk, 4 MiB. */
const REQUEST_PAGES = 1024;

const readaheadPages = (): number => (sysctl('read_ahead_kb') * 1024) / PAGE_SIZE;

function windowOf(flags: VmFlags, index: number): PageSpan {
  const pages = readaheadPages();
  if (pages === 0 || hasFlag(flags, VM_RAND_READ)) return { first: index, last: index };
  if (hasFlag(flags, VM_SEQ_READ)) return { first: index, last: index + pages - 1 };
  const first = Math.max(0, index - pages / 2);
  return { first, last: first + pages - 1 };
}

function hasPage(inode: Inode, index: number): boolean {
  const page = findGetPage(inode, index);
  if (page !== NULL) putPage(page);
  return page !== NULL;
}
