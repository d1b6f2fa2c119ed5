/**
 * A node of an xarray: 64 slots. 72 words.
 *
 *   0      1      2     8 ...
 *   level  count  link  64 slots: nodes of the level below, or at level 0 entries
 *
 * A slot is changed under the array's lock by one atomic store; readers need RCU only. A node
 * that is freed has empty slots, and is used again after a grace period.
 *
 * Source: include/linux/xarray.h, struct xa_node, v6.18; the layout is ours.
 */
import * as atomics from '#atomics';
import { views as shared } from '../arena/memory.ts';
import { NULL, type Null, type Ref, type WordAt } from '../arena/ref.ts';
import { type Cache, cacheAlloc, cacheKind, cacheFreeRcu } from '../slab/cache.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

export type XaNode = Ref<'xa_node'>;

const LEVEL = 0; // constant while it is in a tree
const COUNT = 1; // slots in use, under the array's lock
const LINK = 2;
const SLOTS = 8;

export const XA_SLOTS = 64;
/** 64^9 is more than the largest exact index. */
const LEVELS = 9;

export const XA_NODE_CACHE: Cache<'xa_node'> = cacheKind({
  name: 'xa_node',
  id: 11,
  words: SLOTS + XA_SLOTS,
  link: LINK,
  // Only empty slots, and of what level it was.
  filling: 0,
  inherits: [[LEVEL, LEVEL + 1]],
});

/** How many indexes one slot of each level covers. */
const SPANS: readonly number[] = Array.from({ length: LEVELS + 1 }, (_, level) => 64 ** level);

/** @returns an empty node, or NULL without memory. */
export function xaNodeAlloc(level: number): XaNode | Null {
  const node = cacheAlloc(XA_NODE_CACHE);
  if (node === NULL) return NULL;
  views.i32[node + LEVEL] = level;
  views.i32[node + COUNT] = 0;
  return node;
}

/** Frees a node that is empty, and out of the tree. */
export const xaNodeFree = (node: XaNode): void => cacheFreeRcu(XA_NODE_CACHE, node);

export const xaNodeLevel = (node: XaNode): number => views.i32[node + LEVEL]!;
export const xaNodeCount = (node: XaNode): number => views.i32[node + COUNT]!;
export const xaSlot = (node: XaNode, offset: number): number =>
  atomics.rcuDereference(node + SLOTS + offset);
export const xaSlotAt = (node: XaNode, offset: number): WordAt => node + SLOTS + offset;

/** Fills or empties a slot, and publishes it. */
export function setXaSlot(node: XaNode, offset: number, entry: number): void {
  const before = xaSlot(node, offset);
  if (before === NULL && entry !== NULL) views.i32[node + COUNT]! += 1;
  if (before !== NULL && entry === NULL) views.i32[node + COUNT]! -= 1;
  atomics.store(node + SLOTS + offset, entry);
}

/** How many indexes a slot of `level` covers. */
export const xaSpan = (level: number): number => SPANS[level]!;

/** Which slot of a node of `level` is about `index`. */
export const xaOffset = (index: number, level: number): number =>
  level === 0 && index < 0x7fffffff
    ? index & (XA_SLOTS - 1)
    : Math.floor(index / SPANS[level]!) % XA_SLOTS;
