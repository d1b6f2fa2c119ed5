/**
 * anon_vma and anon_vma_chain, 16 words each.
 *
 *   anon_vma  0     1       2         3       4     5    6
 *             refs  parent  children  active  root  sem  tree
 *
 *   avc       0         1    2      3      4 ... 13
 *             anon_vma  vma  older  newer  node
 *
 *   (a) atomic   (c) constant   (r) under the root's lock
 *   (m) with the chain of its VMA: see docs/locking.md
 *
 * Source: include/linux/rmap.h, v6.18.
 */
import * as atomics from '#atomics';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import type { Vma, VmaRcu } from '../mm/held.ts';
import type { AnonVma, AnonVmaChain } from '../mm/vma_struct.ts';
import { type Cache, cacheAlloc, cacheKind, cacheFreeRcu } from '../slab/cache.ts';
import { refcountDecAndTest, refcountInc, refcountIncNotZero } from '../sync/refcount.ts';
import { ANON_VMA_LOCK } from '../sync/lock_class.ts';
import { downRead, downWrite, upRead, upWrite } from '../sync/rwsem.ts';
import type { IntervalNode } from './interval_tree.ts';

const REFS = 0; //     (a) one for a tree that is not empty; to a root, one from each descendant
const PARENT = 1; //   (c) NULL for a root; means nothing once the tree is empty
const CHILDREN = 2; // (r) anon_vmas whose parent this is; a root counts itself
const ACTIVE = 3; //   (r) VMAs whose anon_vma this is
const ROOT = 4; //     (c) the first of the family; of a root, itself
const SEM = 5; //      (a) rwsem of the whole family, in a root; free whenever the root is
const TREE = 6; //     (r) root of the tree of its links

const AVC_ANON_VMA = 0; // (c)
const AVC_VMA = 1; //      (c)
const AVC_OLDER = 2; //    (m) next link of the VMA
const AVC_NEWER = 3; //    (m)
const AVC_RB = 4; //       (r) node of the anon_vma's tree

export const ANON_VMA_CACHE: Cache<'anon_vma'> = cacheKind({
  name: 'anon_vma',
  id: 6,
  words: 16,
  link: 15,
  // The lock is free while the root is: see anonVmaAlloc().
  inherits: [[SEM, SEM + 1]],
});
export const AVC_CACHE: Cache<'anon_vma_chain'> = cacheKind({
  name: 'anon_vma_chain',
  id: 7,
  words: 16,
  link: 15,
});

export const anonVmaRoot = (anonVma: AnonVma): AnonVma => word(anonVma + ROOT) as AnonVma;
export const anonVmaParent = (anonVma: AnonVma): AnonVma | Null =>
  word(anonVma + PARENT) as AnonVma | Null;
export const anonVmaTreeAt = (anonVma: AnonVma): WordAt => anonVma + TREE;
export const anonVmaChildren = (anonVma: AnonVma): number => word(anonVma + CHILDREN);
export const anonVmaActive = (anonVma: AnonVma): number => word(anonVma + ACTIVE);

export function addAnonVmaChildren(anonVma: AnonVma, delta: number): void {
  setWord(anonVma + CHILDREN, word(anonVma + CHILDREN) + delta);
}

export function addAnonVmaActive(anonVma: AnonVma, delta: number): void {
  setWord(anonVma + ACTIVE, word(anonVma + ACTIVE) + delta);
}

// The lock of a family is its root's: the chain of one VMA holds one family only.

export const anonVmaLockWrite = (anonVma: AnonVma): void =>
  downWrite(anonVmaRoot(anonVma) + SEM, ANON_VMA_LOCK);
export const anonVmaUnlockWrite = (anonVma: AnonVma): void => upWrite(anonVmaRoot(anonVma) + SEM);
export const anonVmaLockRead = (anonVma: AnonVma): void =>
  downRead(anonVmaRoot(anonVma) + SEM, ANON_VMA_LOCK);
export const anonVmaUnlockRead = (anonVma: AnonVma): void => upRead(anonVmaRoot(anonVma) + SEM);

/**
 * An anon_vma with the one reference of the tree that it is going to have. A child counts with its
 * parent only when it is linked.
 *
 * @returns NULL without memory.
 */
export function anonVmaAlloc(parent: AnonVma | Null): AnonVma | Null {
  const anonVma = cacheAlloc(ANON_VMA_CACHE);
  if (anonVma === NULL) return NULL;
  // The lock is inherited, free: a reader who came late may be about to look at it.
  const root = parent === NULL ? anonVma : anonVmaRoot(parent);
  setWord(anonVma + PARENT, parent);
  setWord(anonVma + ROOT, root);
  setWord(anonVma + CHILDREN, parent === NULL ? 1 : 0);
  setWord(anonVma + ACTIVE, 0);
  setWord(anonVma + TREE, NULL);
  if (root !== anonVma) refcountInc(root + REFS);
  atomics.store(anonVma + REFS, 1);
  return anonVma;
}

/** For who found an anon_vma under RCU. @returns false when it is gone; then none is taken. */
export const getAnonVmaUnlessGone = (anonVma: AnonVma): boolean =>
  refcountIncNotZero(anonVma + REFS);

/** Drops a reference, with none of the family's locks held; the root goes with its last. */
export function putAnonVma(anonVma: AnonVma): void {
  if (!refcountDecAndTest(anonVma + REFS)) return;
  const root = anonVmaRoot(anonVma);
  cacheFreeRcu(ANON_VMA_CACHE, anonVma);
  if (root !== anonVma && refcountDecAndTest(root + REFS)) cacheFreeRcu(ANON_VMA_CACHE, root);
}

export const avcAnonVma = (avc: AnonVmaChain): AnonVma => word(avc + AVC_ANON_VMA) as AnonVma;
export const avcVma = (avc: AnonVmaChain): VmaRcu => word(avc + AVC_VMA) as VmaRcu;
export const avcOlder = (avc: AnonVmaChain): AnonVmaChain | Null =>
  word(avc + AVC_OLDER) as AnonVmaChain | Null;
export const avcNewer = (avc: AnonVmaChain): AnonVmaChain | Null =>
  word(avc + AVC_NEWER) as AnonVmaChain | Null;
export const avcNode = (avc: AnonVmaChain): IntervalNode => (avc + AVC_RB) as IntervalNode;
export const avcOfNode = (node: IntervalNode): AnonVmaChain => (node - AVC_RB) as AnonVmaChain;

/** Fills a link that becomes the newest of its VMA. */
export function avcInit(avc: AnonVmaChain, vma: Vma, anonVma: AnonVma): void {
  setWord(avc + AVC_ANON_VMA, anonVma);
  setWord(avc + AVC_VMA, vma);
  setWord(avc + AVC_NEWER, NULL);
}

/** `older` comes after `avc`. */
export function setAvcOlder(avc: AnonVmaChain, older: AnonVmaChain | Null): void {
  setWord(avc + AVC_OLDER, older);
  if (older !== NULL) setWord(older + AVC_NEWER, avc);
}
