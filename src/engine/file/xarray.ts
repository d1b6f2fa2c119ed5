/**
 * An array of handles by page number, mostly empty: a tree of nodes of 64 slots, as high as its
 * largest index asks for.
 *
 *   root ──> level 1  ┌─┬─┬─┐     slots of 64 indexes each
 *                      │   └──> level 0 ┌─┬─┬─┐   entries 128..191
 *                      └──> level 0 ┌─┬─┬─┐       entries 0..63
 *
 * The caller keeps the root's word and the lock. Lookups need an RCU section only; what they find
 * may have left the array in the meantime.
 *
 * Source: lib/xarray.c, xa_load(), xa_store(), xa_erase(), xa_find(), v6.18.
 */
import * as atomics from '#atomics';
import { EEXIST, ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import {
  setXaSlot,
  XA_SLOTS,
  type XaNode,
  xaNodeAlloc,
  xaNodeCount,
  xaNodeFree,
  xaNodeLevel,
  xaOffset,
  xaSlot,
  xaSpan,
} from './xa_node_struct.ts';

const rootOf = (root: WordAt): XaNode | Null => atomics.rcuDereference(root) as XaNode | Null;

/** One past the last index that a tree with this root can hold. */
const limitOf = (top: XaNode): number => xaSpan(xaNodeLevel(top) + 1);

/** @returns the entry of an index, or NULL. */
export function xaLoad(root: WordAt, index: number): number {
  const top = rootOf(root);
  if (top === NULL || index >= limitOf(top)) return NULL;
  let entry: number = top;
  for (let level = xaNodeLevel(top); level >= 0; level--) {
    entry = xaSlot(entry as XaNode, xaOffset(index, level));
    if (entry === NULL) return NULL;
  }
  return entry;
}

/** @returns the entry with the lowest index in [first, last], or NULL. */
export function xaFind(root: WordAt, first: number, last: number): number {
  let index = first;
  // Ends: a round that finds nothing goes on behind a node, or met a slot that was just emptied.
  while (index <= last) {
    const top = rootOf(root);
    if (top === NULL || index >= limitOf(top)) return NULL;
    let entry: number = top;
    for (let level = xaNodeLevel(top); level >= 0 && entry !== NULL; level--) {
      const node = entry as XaNode;
      const wanted = xaOffset(index, level);
      const offset = nextUsed(node, wanted);
      if (offset !== wanted) {
        const span = xaSpan(level);
        index = (Math.floor(index / span) - wanted + offset) * span;
      }
      if (index > last) return NULL;
      entry = offset === XA_SLOTS ? NULL : xaSlot(node, offset);
    }
    if (entry !== NULL) return entry;
  }
  return NULL;
}

/** @returns the first slot in use from `offset` on, or one past the last slot. */
function nextUsed(node: XaNode, offset: number): number {
  let at = offset;
  while (at < XA_SLOTS && xaSlot(node, at) === NULL) at++;
  return at;
}

/**
 * Fills an empty slot. The caller holds the lock.
 *
 * @returns EEXIST when there is an entry, ENOMEM; then the array is what it was.
 */
export function xaInsert(root: WordAt, index: number, entry: number): 0 | Errno {
  const leaf = grow(root, index) ? leafFor(root, index) : NULL;
  if (leaf === NULL) {
    prune(root, index);
    return ENOMEM;
  }
  const offset = xaOffset(index, 0);
  if (xaSlot(leaf, offset) !== NULL) return EEXIST;
  setXaSlot(leaf, offset, entry);
  return OK;
}

/** @returns the leaf of an index, made if need be; NULL without memory. */
function leafFor(root: WordAt, index: number): XaNode | Null {
  let node = rootOf(root);
  while (node !== NULL && xaNodeLevel(node) > 0) {
    const level = xaNodeLevel(node);
    const offset = xaOffset(index, level);
    if (xaSlot(node, offset) === NULL) {
      const below = xaNodeAlloc(level - 1);
      if (below === NULL) return NULL;
      setXaSlot(node, offset, below);
    }
    node = xaSlot(node, offset) as XaNode;
  }
  return node;
}

/** Makes the tree high enough for an index. @returns false without memory. */
function grow(root: WordAt, index: number): boolean {
  if (rootOf(root) === NULL) {
    const first = xaNodeAlloc(levelFor(index));
    if (first !== NULL) atomics.store(root, first);
    return first !== NULL;
  }
  // Ends: each round multiplies what the tree covers.
  for (let top = rootOf(root); top !== NULL && index >= limitOf(top); top = rootOf(root)) {
    const above = xaNodeAlloc(xaNodeLevel(top) + 1);
    if (above === NULL) return false;
    setXaSlot(above, 0, top);
    atomics.store(root, above);
  }
  return true;
}

function levelFor(index: number): number {
  let level = 0;
  while (index >= xaSpan(level + 1)) level++;
  return level;
}

/** Empties a slot. The caller holds the lock. @returns what was there. */
export function xaErase(root: WordAt, index: number): number {
  const entry = xaLoad(root, index);
  if (entry === NULL) return NULL;
  const leaf = pathTo(root, index).at(-1);
  if (leaf !== undefined) setXaSlot(leaf, xaOffset(index, 0), NULL);
  prune(root, index);
  return entry;
}

/** The nodes from the root towards an index, as far as there are any. */
function pathTo(root: WordAt, index: number): XaNode[] {
  const path: XaNode[] = [];
  let node = rootOf(root);
  while (node !== NULL) {
    path.push(node);
    const level = xaNodeLevel(node);
    node = level === 0 ? NULL : (xaSlot(node, xaOffset(index, level)) as XaNode | Null);
  }
  return path;
}

/** Frees the empty nodes towards an index, from below. */
function prune(root: WordAt, index: number): void {
  const path = pathTo(root, index);
  for (let node = path.pop(); node !== undefined && xaNodeCount(node) === 0; node = path.pop()) {
    const above = path.at(-1);
    if (above === undefined) atomics.store(root, NULL);
    else setXaSlot(above, xaOffset(index, xaNodeLevel(above)), NULL);
    xaNodeFree(node);
  }
}
