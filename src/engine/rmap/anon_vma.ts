/**
 * anon_vma: which VMAs may hold the same anonymous pages. It decides merges.
 *
 *   parent VMA ── avc ──> anon_vma A <── avc ──┐
 *                                              child VMA (after fork)
 *                         anon_vma B <── avc ──┘      B.parent = A, newest first
 *
 * A VMA with one link was never a fork child. A VMA's links are changed under
 * mmap_lock for write, or, from none to one, by the first fault.
 *
 * The trees in which an anon_vma finds its VMAs come with page tables.
 *
 * Source: mm/rmap.c, v6.18.
 */
import * as atomics from '#atomics';
import { ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import type { MmRead, Vma, VmaWrite } from '../mm/held.ts';
import { flagsOf, VM_EXEC, VM_READ, VM_STICKY, VM_WRITE, withoutFlags } from '../mm/vm_flags.ts';
import { mmPageTableLockAt } from '../mm/mm_struct.ts';
import { vmaIterator, vmaNext, vmaPrev } from '../mm/vma_iterator.ts';
import {
  type AnonVma,
  type AnonVmaChain,
  setVmAnonVma,
  setVmAnonVmaChain,
  vmAnonVma,
  vmAnonVmaChain,
  vmEnd,
  vmFile,
  vmFlags,
  vmPgoff,
  vmPolicy,
  vmStart,
} from '../mm/vma_struct.ts';
import { type Cache, cacheAlloc, cacheFree } from '../slab/cache.ts';
import { refcountDecAndTest, refcountInc } from '../sync/refcount.ts';
import { spinLock, spinUnlock } from '../sync/spinlock.ts';

export const ANON_VMA_CACHE: Cache<'anon_vma'> = { name: 'anon_vma', id: 6, words: 16, link: 15 };
export const AVC_CACHE: Cache<'anon_vma_chain'> = {
  name: 'anon_vma_chain',
  id: 7,
  words: 8,
  link: 7,
};

// anon_vma
const REFS = 0; //     (a) links, plus one for each child
const PARENT = 1; //   (c) NULL for a root
const CHILDREN = 2; // (a) anon_vmas whose parent this is; a root counts itself
const ACTIVE = 3; //   (a) VMAs whose anon_vma this is

// anon_vma_chain
const AVC_ANON_VMA = 0;
const AVC_NEXT = 1;

/** More than one link: pages may be shared with another process. */
export const isAnonVmaChainSingular = (vma: Vma): boolean => {
  const first = vmAnonVmaChain(vma);
  return first !== NULL && word(first + AVC_NEXT) === NULL;
};

export const vmaIsForkChild = (vma: Vma): boolean =>
  vmAnonVma(vma) !== NULL && !isAnonVmaChainSingular(vma);

/**
 * Gives a VMA that is about to get its first anonymous page an anon_vma: a
 * neighbour's, when the two could be one VMA but for their protection, so that a
 * later mprotect() can merge them.
 *
 * Source: mm/rmap.c, __anon_vma_prepare(), v6.18.
 */
export function anonVmaPrepare(mm: MmRead, vma: Vma): 0 | Errno {
  if (vmAnonVma(vma) !== NULL) return OK;
  // Readers of mmap_lock may meet here: the second finds what the first has done.
  spinLock(mmPageTableLockAt(mm));
  const result = vmAnonVma(vma) === NULL ? linkFirst(mm, vma) : OK;
  spinUnlock(mmPageTableLockAt(mm));
  return result;
}

function linkFirst(mm: MmRead, vma: Vma): 0 | Errno {
  const avc = cacheAlloc(AVC_CACHE);
  if (avc === NULL) return ENOMEM;
  const anonVma = findMergeableAnonVma(mm, vma) ?? allocAnonVma(NULL);
  if (anonVma === null) {
    cacheFree(AVC_CACHE, avc);
    return ENOMEM;
  }
  link(vma, avc, anonVma);
  setVmAnonVma(vma, anonVma);
  atomics.add(anonVma + ACTIVE, 1);
  return OK;
}

/**
 * Links `to` with everything `from` is linked with. In a fork, an anon_vma that
 * no VMA uses any more is adopted.
 *
 * @returns ENOMEM with `to` on no chain at all.
 *
 * Source: mm/rmap.c, anon_vma_clone(), v6.18.
 */
export function anonVmaClone(to: VmaWrite, from: Vma): 0 | Errno {
  const mayAdopt = vmAnonVma(to) === NULL && vmAnonVma(from) !== NULL;
  for (const anonVma of chainOldestFirst(from)) {
    const avc = cacheAlloc(AVC_CACHE);
    if (avc === NULL) {
      setVmAnonVma(to, NULL);
      unlinkAnonVmas(to);
      return ENOMEM;
    }
    link(to, avc, anonVma);
    if (mayAdopt && vmAnonVma(to) === NULL && isAdoptable(anonVma)) setVmAnonVma(to, anonVma);
  }
  const own = vmAnonVma(to);
  if (own !== NULL) atomics.add(own + ACTIVE, 1);
  return OK;
}

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
  const anonVma = avc === NULL ? null : allocAnonVma(parentAnonVma);
  if (avc === NULL || anonVma === null) {
    if (avc !== NULL) cacheFree(AVC_CACHE, avc);
    unlinkAnonVmas(child);
    return ENOMEM;
  }
  link(child, avc, anonVma);
  setVmAnonVma(child, anonVma);
  atomics.add(anonVma + ACTIVE, 1);
  return OK;
}

/** Takes a VMA off all its chains. */
export function unlinkAnonVmas(vma: VmaWrite): void {
  const own = vmAnonVma(vma);
  if (own !== NULL) atomics.add(own + ACTIVE, -1);
  setVmAnonVma(vma, NULL);

  for (let avc = vmAnonVmaChain(vma); avc !== NULL;) {
    const next = word(avc + AVC_NEXT) as AnonVmaChain | Null;
    putAnonVma(word(avc + AVC_ANON_VMA) as AnonVma);
    cacheFree(AVC_CACHE, avc);
    avc = next;
  }
  setVmAnonVmaChain(vma, NULL);
}

function allocAnonVma(parent: AnonVma | Null): AnonVma | null {
  const anonVma = cacheAlloc(ANON_VMA_CACHE);
  if (anonVma === NULL) return null;
  atomics.store(anonVma + REFS, 0);
  setWord(anonVma + PARENT, parent);
  // A root is its own parent.
  atomics.store(anonVma + CHILDREN, parent === NULL ? 1 : 0);
  atomics.store(anonVma + ACTIVE, 0);
  if (parent !== NULL) {
    refcountInc(parent + REFS);
    atomics.add(parent + CHILDREN, 1);
  }
  return anonVma;
}

/** Drops a reference; without any left, the parent loses a child. Bounded by the depth of forks. */
function putAnonVma(first: AnonVma): void {
  let anonVma: AnonVma | Null = first;
  while (anonVma !== NULL) {
    if (!refcountDecAndTest(anonVma + REFS)) return;
    const parent = word(anonVma + PARENT) as AnonVma | Null;
    if (parent !== NULL) atomics.add(parent + CHILDREN, -1);
    cacheFree(ANON_VMA_CACHE, anonVma);
    anonVma = parent;
  }
}

function link(vma: Vma, avc: AnonVmaChain, anonVma: AnonVma): void {
  setWord(avc + AVC_ANON_VMA, anonVma);
  setWord(avc + AVC_NEXT, vmAnonVmaChain(vma));
  setVmAnonVmaChain(vma, avc);
  refcountInc(anonVma + REFS);
}

const NO_CHAIN: readonly AnonVma[] = [];

function chainOldestFirst(vma: Vma): readonly AnonVma[] {
  if (vmAnonVmaChain(vma) === NULL) return NO_CHAIN;
  const chain: AnonVma[] = [];
  for (let avc: number = vmAnonVmaChain(vma); avc !== NULL; avc = word(avc + AVC_NEXT)) {
    chain.push(word(avc + AVC_ANON_VMA) as AnonVma);
  }
  return chain.toReversed();
}

/** No VMA allocates pages in it, and at most one anon_vma descends from it. */
const isAdoptable = (anonVma: AnonVma): boolean =>
  atomics.load(anonVma + ACTIVE) === 0 && atomics.load(anonVma + CHILDREN) < 2;

function findMergeableAnonVma(mm: MmRead, vma: Vma): AnonVma | null {
  const vmi = vmaIterator(mm, vmEnd(vma));
  const next = vmaNext(vmi);
  if (next !== NULL && vmStart(next) === vmEnd(vma)) {
    const reusable = reusableAnonVma(next, { left: vma, right: next });
    if (reusable !== null) return reusable;
  }
  const prev = vmaPrev(vmaIterator(mm, vmStart(vma)));
  if (prev === NULL || vmEnd(prev) !== vmStart(vma)) return null;
  return reusableAnonVma(prev, { left: prev, right: vma });
}

const IGNORED = flagsOf(VM_READ, VM_WRITE, VM_EXEC, VM_STICKY);

function reusableAnonVma(
  neighbour: Vma,
  { left, right }: { left: Vma; right: Vma },
): AnonVma | null {
  const anonVma = vmAnonVma(neighbour);
  if (anonVma === NULL || !isAnonVmaChainSingular(neighbour)) return null;
  if (vmPolicy(left) !== vmPolicy(right) || vmFile(left) !== vmFile(right)) return null;
  if (withoutFlags(vmFlags(left), IGNORED) !== withoutFlags(vmFlags(right), IGNORED)) return null;
  const pages = (vmEnd(left) - vmStart(left)) / 4096;
  return vmPgoff(left) + pages === vmPgoff(right) ? anonVma : null;
}
