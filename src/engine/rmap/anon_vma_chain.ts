/**
 * The links of a VMA with anon_vmas, newest first, and their nodes in the
 * anon_vmas' trees. The interval of a node is the VMA's pages by offset, so the
 * nodes are taken out before a range changes, and put back after.
 *
 *   VMA ──> avc ──> avc          anon_vma ── tree ──>  avc
 *           newest  oldest                            /   \
 *                                                   avc   avc
 *
 * Source: mm/interval_tree.c, mm/vma.c, anon_vma_interval_tree_pre_update_vma(), v6.18.
 */
import { NULL, type Null } from '../arena/ref.ts';
import type { Vma } from '../mm/held.ts';
import {
  type AnonVma,
  type AnonVmaChain,
  setVmAnonVmaChain,
  vmaPages,
  vmAnonVma,
  vmAnonVmaChain,
  vmPgoff,
} from '../mm/vma_struct.ts';
import {
  anonVmaTreeAt,
  avcAnonVma,
  avcInit,
  avcNode,
  avcOlder,
  setAvcOlder,
} from './anon_vma_struct.ts';
import {
  intervalFirst,
  intervalLast,
  intervalTreeHas,
  intervalTreeInsert,
  intervalTreeRemove,
} from './interval_tree.ts';

/** Only one link: its pages are not shared with another process by a fork that made this one. */
export function isAnonVmaChainSingular(vma: Vma): boolean {
  const first = vmAnonVmaChain(vma);
  return first !== NULL && avcOlder(first) === NULL;
}

export const vmaIsForkChild = (vma: Vma): boolean =>
  vmAnonVma(vma) !== NULL && !isAnonVmaChainSingular(vma);

// What follows is done under the write lock of the family.

/** Links a VMA with an anon_vma. */
export function avcLink(vma: Vma, avc: AnonVmaChain, anonVma: AnonVma): void {
  avcInit(avc, vma, anonVma);
  setAvcOlder(avc, vmAnonVmaChain(vma));
  setVmAnonVmaChain(vma, avc);
  avcTreeInsert(vma, avc);
}

/** Before the range of the VMA changes. */
export function anonVmaPreUpdateVma(vma: Vma): void {
  for (let avc = vmAnonVmaChain(vma); avc !== NULL; avc = avcOlder(avc)) avcTreeRemove(avc);
}

/** After the range of the VMA has changed. */
export function anonVmaPostUpdateVma(vma: Vma): void {
  for (let avc = vmAnonVmaChain(vma); avc !== NULL; avc = avcOlder(avc)) avcTreeInsert(vma, avc);
}

export function avcTreeRemove(avc: AnonVmaChain): void {
  intervalTreeRemove(anonVmaTreeAt(avcAnonVma(avc)), avcNode(avc));
}

function avcTreeInsert(vma: Vma, avc: AnonVmaChain): void {
  const first = vmPgoff(vma);
  const last = first + vmaPages(vma) - 1;
  intervalTreeInsert(anonVmaTreeAt(avcAnonVma(avc)), avcNode(avc), { first, last });
}

/** Whether a link is in its anon_vma's tree, by the range of `vma`: for verifyMm(), locked. */
export function isInAnonVmaTree(vma: Vma, avc: AnonVmaChain): boolean {
  const node = avcNode(avc);
  if (!intervalTreeHas(anonVmaTreeAt(avcAnonVma(avc)), node)) return false;
  const last = vmPgoff(vma) + vmaPages(vma) - 1;
  return intervalFirst(node) === vmPgoff(vma) && intervalLast(node) === last;
}

/** The end of a VMA's chain. Bounded by the depth of forks. */
export function oldestAvc(vma: Vma): AnonVmaChain | Null {
  let oldest = vmAnonVmaChain(vma);
  if (oldest === NULL) return NULL;
  for (let avc = avcOlder(oldest); avc !== NULL; avc = avcOlder(avc)) oldest = avc;
  return oldest;
}
