/**
 * anon_vma: which VMAs may hold the same anonymous pages. It decides merges, and
 * finds the VMAs of a page.
 *
 *   parent VMA ── avc ──> anon_vma A <── avc ──┐
 *                                              child VMA (after fork)
 *                         anon_vma B <── avc ──┘      B.parent = A, newest first
 *
 * A family, A with all that come from it, has one lock, in its root. Whoever is
 * linked with B is linked with A too, so A's tree empties last.
 *
 * Source: mm/rmap.c, v6.18.
 */
import { assert } from '../arena/assert.ts';
import { word } from '../arena/memory.ts';
import { ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import type { MmRead, Vma, VmaWrite } from '../mm/held.ts';
import { mmPageTableLockAt } from '../mm/mm_struct.ts';
import {
  type AnonVma,
  type AnonVmaChain,
  publishVmAnonVma,
  setVmAnonVma,
  setVmAnonVmaChain,
  vmAnonVma,
  vmAnonVmaChain,
  vmAnonVmaOnce,
} from '../mm/vma_struct.ts';
import { cacheAlloc, cacheFree } from '../slab/cache.ts';
import { PAGE_TABLE_LOCK } from '../sync/lock_class.ts';
import { spinLock, spinUnlock } from '../sync/spinlock.ts';
import { avcLink, avcTreeRemove, oldestAvc } from './anon_vma_chain.ts';
import { findMergeableAnonVma } from './anon_vma_reuse.ts';
import {
  addAnonVmaActive,
  addAnonVmaChildren,
  anonVmaActive,
  anonVmaAlloc,
  anonVmaChildren,
  anonVmaLockWrite,
  anonVmaParent,
  anonVmaTreeAt,
  anonVmaUnlockWrite,
  AVC_CACHE,
  avcAnonVma,
  avcNewer,
  avcOlder,
  putAnonVma,
  setAvcOlder,
} from './anon_vma_struct.ts';

/**
 * Gives a VMA that is about to get its first anonymous page an anon_vma: a
 * neighbour's, or a new one.
 *
 * Source: mm/rmap.c, __anon_vma_prepare(), v6.18.
 */
export function anonVmaPrepare(mm: MmRead, vma: Vma): 0 | Errno {
  return vmAnonVmaOnce(vma) !== NULL ? OK : prepareFirst(mm, vma);
}

function prepareFirst(mm: MmRead, vma: Vma): 0 | Errno {
  const avc = cacheAlloc(AVC_CACHE);
  if (avc === NULL) return ENOMEM;
  spinLock(mmPageTableLockAt(mm), PAGE_TABLE_LOCK);
  // It stays alive: its VMA is linked with it for as long as mmap_lock is held.
  const neighbours = findMergeableAnonVma(mm, vma);
  spinUnlock(mmPageTableLockAt(mm));

  const anonVma = neighbours !== NULL ? neighbours : anonVmaAlloc(NULL);
  if (anonVma === NULL) {
    cacheFree(AVC_CACHE, avc);
    return ENOMEM;
  }
  if (linkFirst(mm, vma, { avc, anonVma })) return OK;
  cacheFree(AVC_CACHE, avc);
  if (neighbours === NULL) putAnonVma(anonVma);
  return OK;
}

/** Readers of mmap_lock may meet here: the second finds what the first has done. */
function linkFirst(
  mm: MmRead,
  vma: Vma,
  { avc, anonVma }: { avc: AnonVmaChain; anonVma: AnonVma },
): boolean {
  anonVmaLockWrite(anonVma);
  spinLock(mmPageTableLockAt(mm), PAGE_TABLE_LOCK);
  const isFirst = vmAnonVma(vma) === NULL;
  if (isFirst) {
    avcLink(vma, avc, anonVma);
    publishVmAnonVma(vma, anonVma);
    addAnonVmaActive(anonVma, 1);
  }
  spinUnlock(mmPageTableLockAt(mm));
  anonVmaUnlockWrite(anonVma);
  return isFirst;
}

/**
 * Links `to`, whose range is its own already, with everything `from` is linked
 * with. In a fork, an anon_vma that no VMA uses any more is adopted.
 *
 * @returns ENOMEM with `to` on no chain at all.
 *
 * Source: mm/rmap.c, anon_vma_clone(), v6.18.
 */
export function anonVmaClone(to: VmaWrite, from: Vma): 0 | Errno {
  const oldest = oldestAvc(from);
  if (oldest === NULL) return OK;
  const family = avcAnonVma(oldest);
  anonVmaLockWrite(family);
  const isCloned = cloneChain(to, from, oldest);
  const own = vmAnonVma(to);
  if (isCloned && own !== NULL) addAnonVmaActive(own, 1);
  anonVmaUnlockWrite(family);
  if (isCloned) return OK;
  setVmAnonVma(to, NULL); // not counted as active yet
  unlinkAnonVmas(to);
  return ENOMEM;
}

function cloneChain(to: VmaWrite, from: Vma, oldest: AnonVmaChain): boolean {
  const mayAdopt = vmAnonVma(to) === NULL && vmAnonVma(from) !== NULL;
  for (let source: AnonVmaChain | Null = oldest; source !== NULL; source = avcNewer(source)) {
    const avc = cacheAlloc(AVC_CACHE);
    if (avc === NULL) return false;
    const anonVma = avcAnonVma(source);
    avcLink(to, avc, anonVma);
    if (mayAdopt && vmAnonVma(to) === NULL && isAdoptable(anonVma)) setVmAnonVma(to, anonVma);
  }
  return true;
}

/** No VMA allocates pages in it, and at most one anon_vma descends from it. */
const isAdoptable = (anonVma: AnonVma): boolean =>
  anonVmaActive(anonVma) === 0 && anonVmaChildren(anonVma) < 2;

/** `to` takes over what `from` has: for merges and copies, where both are one mapping's. */
export function dupAnonVma(to: VmaWrite, from: Vma): 0 | Errno {
  setVmAnonVma(to, vmAnonVma(from));
  return anonVmaClone(to, from);
}

/**
 * Gives a forked VMA the parent's links and an anon_vma of its own for new pages.
 *
 * Source: mm/rmap.c, anon_vma_fork(), v6.18.
 */
export function anonVmaFork(child: VmaWrite, parent: Vma): 0 | Errno {
  const parentAnonVma = vmAnonVma(parent);
  if (parentAnonVma === NULL) return OK;

  setVmAnonVma(child, NULL);
  if (anonVmaClone(child, parent) !== OK) return ENOMEM;
  if (vmAnonVma(child) !== NULL) return OK;

  const avc = cacheAlloc(AVC_CACHE);
  const anonVma = avc === NULL ? NULL : anonVmaAlloc(parentAnonVma);
  if (avc === NULL || anonVma === NULL) {
    if (avc !== NULL) cacheFree(AVC_CACHE, avc);
    unlinkAnonVmas(child);
    return ENOMEM;
  }
  anonVmaLockWrite(anonVma);
  avcLink(child, avc, anonVma);
  addAnonVmaChildren(parentAnonVma, 1);
  setVmAnonVma(child, anonVma);
  addAnonVmaActive(anonVma, 1);
  anonVmaUnlockWrite(anonVma);
  return OK;
}

/**
 * Takes a VMA off all its chains.
 *
 * Source: mm/rmap.c, unlink_anon_vmas(), v6.18.
 */
export function unlinkAnonVmas(vma: VmaWrite): void {
  const newest = vmAnonVmaChain(vma);
  const own = vmAnonVma(vma);
  if (newest === NULL) {
    assert(own === NULL, 'a VMA with an anon_vma is on a chain');
    return;
  }
  const family = avcAnonVma(newest);
  anonVmaLockWrite(family);
  const emptied = leaveTrees(newest);
  if (own !== NULL) addAnonVmaActive(own, -1);
  setVmAnonVma(vma, NULL);
  setVmAnonVmaChain(vma, NULL);
  anonVmaUnlockWrite(family);
  putEmptied(emptied);
}

/** Frees the links but those whose anon_vma has no other left. @returns the first of these. */
function leaveTrees(newest: AnonVmaChain): AnonVmaChain | Null {
  let emptied: AnonVmaChain | Null = NULL;
  for (let avc: AnonVmaChain | Null = newest; avc !== NULL;) {
    const older = avcOlder(avc);
    const anonVma = avcAnonVma(avc);
    avcTreeRemove(avc);
    if (word(anonVmaTreeAt(anonVma)) === NULL) {
      const parent = anonVmaParent(anonVma);
      if (parent !== NULL) addAnonVmaChildren(parent, -1);
      setAvcOlder(avc, emptied);
      emptied = avc;
    } else cacheFree(AVC_CACHE, avc);
    avc = older;
  }
  return emptied;
}

/** Without the lock, since the root that holds it may go. */
function putEmptied(emptied: AnonVmaChain | Null): void {
  for (let avc = emptied; avc !== NULL;) {
    const older = avcOlder(avc);
    putAnonVma(avcAnonVma(avc));
    cacheFree(AVC_CACHE, avc);
    avc = older;
  }
}
