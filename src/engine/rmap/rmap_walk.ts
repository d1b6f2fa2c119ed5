/**
 * From pages to VMAs: all that map some pages of a file, all that may hold some
 * pages of an anon_vma.
 *
 * A walk holds its tree's lock for read. The VMAs it visits keep their ranges and
 * their memory meanwhile, but not their flags, and a walk takes no lock that comes
 * before its own: not mmap_lock, not a VMA's lock. Whether a page is there is for
 * the page tables to say: a VMA that has begun to leave its address space may still
 * be met, and one that a merge removes, together with the one that took its place.
 *
 * Source: mm/rmap.c, rmap_walk_file(), rmap_walk_anon(), v6.18.
 */
import { NULL, type WordAt } from '../arena/ref.ts';
import { type Inode, inodeIMmapAt, inodeIMmapSemAt } from '../file/inode.ts';
import type { Vma } from '../mm/held.ts';
import { type AnonVma, vmaOfSharedRb } from '../mm/vma_struct.ts';
import { I_MMAP_LOCK } from '../sync/lock_class.ts';
import { downRead, upRead } from '../sync/rwsem.ts';
import {
  anonVmaLockRead,
  anonVmaTreeAt,
  anonVmaUnlockRead,
  avcOfNode,
  avcVma,
} from './anon_vma_struct.ts';
import {
  type IntervalNode,
  intervalTreeIterFirst,
  intervalTreeIterNext,
  type PageInterval,
} from './interval_tree.ts';

/** Looks at a VMA. @returns whether to go on. */
export type RmapVisit = (vma: Vma) => boolean;

/**
 * Visits every VMA that maps one of the pages of a file, private or shared, in order of vm_pgoff.
 * The caller has a reference to the inode.
 *
 * @returns false when a visit ended it.
 */
export function iMmapWalk(inode: Inode, pages: PageInterval, visit: RmapVisit): boolean {
  downRead(inodeIMmapSemAt(inode), I_MMAP_LOCK);
  const isWhole = walk(inodeIMmapAt(inode), pages, (node) => visit(vmaOfSharedRb(node) as Vma));
  upRead(inodeIMmapSemAt(inode));
  return isWhole;
}

/**
 * Visits every VMA that may hold one of the pages of an anon_vma, in order of vm_pgoff. The caller
 * keeps the anon_vma alive: by a VMA under its mmap_lock, or by a reference.
 *
 * @returns false when a visit ended it.
 */
export function anonVmaWalk(anonVma: AnonVma, pages: PageInterval, visit: RmapVisit): boolean {
  anonVmaLockRead(anonVma);
  const isWhole = walk(anonVmaTreeAt(anonVma), pages, (node) =>
    visit(avcVma(avcOfNode(node)) as Vma),
  );
  anonVmaUnlockRead(anonVma);
  return isWhole;
}

function walk(
  root: WordAt,
  { first, last }: PageInterval,
  visit: (node: IntervalNode) => boolean,
): boolean {
  // Ends: a locked tree does not change, and each step goes one node on.
  for (
    let node = intervalTreeIterFirst(root, first, last);
    node !== NULL;
    node = intervalTreeIterNext(node, first, last)
  ) {
    if (!visit(node)) return false;
  }
  return true;
}
