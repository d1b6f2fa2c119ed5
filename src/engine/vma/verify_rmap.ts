/**
 * The reverse map of an address space: each VMA is in the trees it belongs to, by
 * its range, and these trees are whole, with all that other processes have in them.
 *
 * Source: mm/mmap.c, validate_mm(), mm/rmap.c, v6.18.
 */
import { assert } from '../arena/assert.ts';
import { NULL } from '../arena/ref.ts';
import { fileInode } from '../file/file_struct.ts';
import { type Inode, inodeIMmapAt, inodeIMmapSemAt } from '../file/inode.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import { eachVma } from '../mm/vma_iterator.ts';
import {
  type AnonVma,
  type AnonVmaChain,
  vmAnonVma,
  vmAnonVmaChain,
  vmFile,
} from '../mm/vma_struct.ts';
import { isInAnonVmaTree } from '../rmap/anon_vma_chain.ts';
import {
  anonVmaLockRead,
  anonVmaRoot,
  anonVmaTreeAt,
  anonVmaUnlockRead,
  avcAnonVma,
  avcOlder,
  avcVma,
} from '../rmap/anon_vma_struct.ts';
import { isInIMmap } from '../rmap/i_mmap.ts';
import { verifyIntervalTree } from '../rmap/verify_interval_tree.ts';
import { I_MMAP_LOCK } from '../sync/lock_class.ts';
import { downRead, upRead } from '../sync/rwsem.ts';

/** Asserts it all, and leaves no lock behind; the caller keeps writers of the mm out. */
export function verifyRmap(mm: MmRead): void {
  const inodes = new Set<Inode>();
  const anonVmas = new Set<AnonVma>();
  for (const vma of eachVma(mm)) {
    const file = vmFile(vma);
    if (file !== NULL) verifyInFile(vma, fileInode(file), inodes);
    if (vmAnonVma(vma) !== NULL) verifyChain(vma, anonVmas);
  }
}

/** A tree is looked at as a whole once. */
function verifyInFile(vma: Vma, inode: Inode, seen: Set<Inode>): void {
  downRead(inodeIMmapSemAt(inode), I_MMAP_LOCK);
  try {
    assert(isInIMmap(vma), 'a VMA of a file is in the tree of the file, by its range');
    if (!seen.has(inode)) verifyIntervalTree(inodeIMmapAt(inode));
  } finally {
    upRead(inodeIMmapSemAt(inode));
  }
  seen.add(inode);
}

function verifyChain(vma: Vma, seen: Set<AnonVma>): void {
  const own = vmAnonVma(vma);
  if (own === NULL) return;
  let isOwnLinked = false;
  anonVmaLockRead(own);
  try {
    for (let avc = vmAnonVmaChain(vma); avc !== NULL; avc = avcOlder(avc)) {
      verifyLink(vma, avc, seen);
      isOwnLinked ||= avcAnonVma(avc) === own;
    }
  } finally {
    anonVmaUnlockRead(own);
  }
  assert(isOwnLinked, 'the anon_vma of a VMA is on its chain');
}

function verifyLink(vma: Vma, avc: AnonVmaChain, seen: Set<AnonVma>): void {
  const anonVma = avcAnonVma(avc);
  const own = vmAnonVma(vma);
  assert(avcVma(avc) === vma, 'a link on the chain of a VMA is its own');
  assert(own !== NULL && anonVmaRoot(own) === anonVmaRoot(anonVma), 'a chain is of one family');
  assert(isInAnonVmaTree(vma, avc), 'a link is in the tree of its anon_vma, by its VMA');
  if (!seen.has(anonVma)) verifyIntervalTree(anonVmaTreeAt(anonVma));
  seen.add(anonVma);
}
