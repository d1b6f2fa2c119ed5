/**
 * i_mmap: which VMAs map the pages of a file, private and shared, of all processes.
 *
 *   inode ── i_mmap ──>  [0 3] a      the node is in the VMA; its interval is
 *                        /   \        vm_pgoff and as many pages as the VMA has
 *                   [0 3] b  [2 9] c
 *
 * A VMA is in the tree while it is in its address space. Whoever changes its range
 * takes it out first, and holds the lock until it is back.
 *
 * Source: include/linux/fs.h, mm/vma.c, vma_link_file(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import { fileInode } from '../file/file_struct.ts';
import { type Inode, inodeIMmapAt, inodeIMmapSemAt } from '../file/inode.ts';
import type { Vma } from '../mm/held.ts';
import { vmaPages, vmFile, vmPgoff, vmSharedRbAt } from '../mm/vma_struct.ts';
import { I_MMAP_LOCK } from '../sync/lock_class.ts';
import { downWrite, upWrite } from '../sync/rwsem.ts';
import {
  intervalFirst,
  intervalLast,
  type IntervalNode,
  intervalTreeHas,
  intervalTreeInsert,
  intervalTreeInsertAfter,
  intervalTreeRemove,
} from './interval_tree.ts';

export const iMmapLockWrite = (inode: Inode): void =>
  downWrite(inodeIMmapSemAt(inode), I_MMAP_LOCK);
export const iMmapUnlockWrite = (inode: Inode): void => upWrite(inodeIMmapSemAt(inode));

// The three that change the tree are called under its lock.

export function iMmapInsert(inode: Inode, vma: Vma): void {
  const first = vmPgoff(vma);
  const last = first + vmaPages(vma) - 1;
  intervalTreeInsert(inodeIMmapAt(inode), nodeOf(vma), { first, last });
}

/** Right behind the VMA that it is a copy of, so that a walk meets parents before children. */
export function iMmapInsertAfter(inode: Inode, vma: Vma, orig: Vma): void {
  intervalTreeInsertAfter(inodeIMmapAt(inode), nodeOf(vma), nodeOf(orig));
}

export function iMmapRemove(inode: Inode, vma: Vma): void {
  intervalTreeRemove(inodeIMmapAt(inode), nodeOf(vma));
}

/** Whether a file's VMA is in its file's tree, by its range: for verifyMm(), under the lock. */
export function isInIMmap(vma: Vma): boolean {
  const file = vmFile(vma);
  const node = nodeOf(vma);
  if (file === NULL || !intervalTreeHas(inodeIMmapAt(fileInode(file)), node)) return false;
  const last = vmPgoff(vma) + vmaPages(vma) - 1;
  return intervalFirst(node) === vmPgoff(vma) && intervalLast(node) === last;
}

const nodeOf = (vma: Vma): IntervalNode => vmSharedRbAt(vma) as IntervalNode;
