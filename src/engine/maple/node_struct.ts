/**
 * maple_node: one node of a range tree. 64 words, 256 bytes, aligned to them.
 *
 *   0                           30      31     32              48           63
 *   ┌───────────────────────────┬───────┬──────┬───────────────┬────────────┐
 *   │ 15 pivots, doubles        │ count │ life │ 16 slots      │ 16 gaps    │
 *   └───────────────────────────┴───────┴──────┴───────────────┴────────────┘
 *
 *   slot i holds what lies in (pivot[i-1], pivot[i]], the node's own min and max
 *   standing in at the ends:     min ... p0 | p0+1 ... p1 | p1+1 ... p2 | ...
 *                                 slot 0        slot 1        slot 2
 *
 * In a leaf a slot is an entry, or NULL for a gap. In an inner node it points to
 * a child, and `gap` is the code (gap.ts) of the child's largest gap.
 *
 * Pivots, count and slots are constant once the node is published, but for whole
 * slots, which one atomic store replaces: readers need no lock. Gaps belong to the
 * tree's writers. `life` is odd in a tree and grows when the node leaves it, so a
 * cursor knows a node it remembers from a later node in the same place.
 *
 * Source: the behaviour of include/linux/maple_tree.h, v6.18; the layout is ours.
 */
import { rcuDereference, readOnce, writeOnce } from '#atomics';
import { views as shared } from '../arena/memory.ts';
import type { Null, Ref, WordAt } from '../arena/ref.ts';
import { type Cache, cacheKind } from '../slab/cache.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

export type MapleNode = Ref<'maple_node'>;
/** How a slot or a root points to a node: its handle, plus 1 if it is a leaf. */
export type MapleEnode = Ref<'maple_enode'>;

/** The greatest index: every integer up to it is an exact double. */
export const MT_MAX = Number.MAX_SAFE_INTEGER;
export const SLOTS = 16;
export const PIVOTS = 15;
/** Every node but the root has at least this many slots in use. */
export const SLOTS_MIN = 6;
/** More levels than 2^31 words of nodes can be. */
export const LEVELS_MAX = 16;

export const COUNT = 30;
const LIFE = 31;
export const SLOT = 32;
export const GAP = 48;

/** Free nodes are linked through a gap: the one part late readers never look at. */
export const LINK = GAP;
export const MAPLE_NODE_CACHE: Cache<'maple_node'> = cacheKind({
  name: 'maple_node',
  id: 0,
  words: 64,
  link: LINK,
  // A life tells a node from a later one, so it goes on counting; and a cursor compares it with the
  // one that it remembers, whatever has become of the node.
  inherits: [[LIFE, LIFE + 1]],
  typeStable: [[LIFE, LIFE + 1]],
});

export const isLeaf = (enode: MapleEnode): boolean => (enode & 1) !== 0;
export const toNode = (enode: MapleEnode): MapleNode => (enode & -2) as MapleNode;
export const leafEnode = (node: MapleNode): MapleEnode => (node + 1) as MapleEnode;
export const innerEnode = (node: MapleNode): MapleEnode => node as number as MapleEnode;

/** What stands for a node where none has been put yet. */
export const NO_NODE = 0 as MapleNode;

/** A root word as a pointer; NULL is the empty tree. */
export const rootEnode = (at: WordAt): MapleEnode | Null => rcuDereference(at) as MapleEnode | Null;

export const nodeCount = (node: MapleNode): number => views.i32[node + COUNT]!;
export const nodeLife = (node: MapleNode): number => rcuDereference(node + LIFE);
export const nodePivot = (node: MapleNode, slot: number): number => views.f64[(node >> 1) + slot]!;
export const nodeSlotAt = (node: MapleNode, slot: number): WordAt => node + SLOT + slot;
export const nodeEntry = (node: MapleNode, slot: number): number =>
  rcuDereference(node + SLOT + slot);
export const nodeChild = (node: MapleNode, slot: number): MapleEnode =>
  rcuDereference(node + SLOT + slot) as MapleEnode;
export const nodeGap = (node: MapleNode, slot: number): number => views.i32[node + GAP + slot]!;

export function setNodeCount(node: MapleNode, count: number): void {
  views.i32[node + COUNT] = count;
}
export function setNodePivot(node: MapleNode, slot: number, pivot: number): void {
  views.f64[(node >> 1) + slot] = pivot;
}
/** Only before the node is published. */
export function setNodeSlot(node: MapleNode, slot: number, value: number): void {
  views.i32[node + SLOT + slot] = value;
}
export function setNodeGap(node: MapleNode, slot: number, gap: number): void {
  views.i32[node + GAP + slot] = gap;
}

/** A node enters or leaves a tree. */
export function turnNodeLife(node: MapleNode): void {
  // A cursor that remembers the node asks whether it is still the same life.
  writeOnce(node + LIFE, (readOnce(node + LIFE) + 1) | 0);
}

/** The node's free-list word, for chains of nodes that are in no tree. */
export const nodeLink = (node: MapleNode): MapleNode | Null =>
  views.i32[node + LINK]! as MapleNode | Null;
export function setNodeLink(node: MapleNode, next: MapleNode | Null): void {
  views.i32[node + LINK] = next;
}

// The loops take the view into a constant: through nodeGap() each turn would load it again.

/** The first slot from `slot` on below which a gap of this code may lie; SLOTS when none is. */
export function slotPromisingFrom(node: MapleNode, slot: number, code: number): number {
  const words = views.i32;
  const gapAt = node + GAP;
  const end = words[node + COUNT]!;
  for (let at = slot; at < end; at++) if (words[gapAt + at]! >= code) return at;
  return SLOTS;
}

/** The last slot up to `slot` below which a gap of this code may lie; -1 when none is. */
export function slotPromisingUpTo(node: MapleNode, slot: number, code: number): number {
  const words = views.i32;
  const gapAt = node + GAP;
  let at = slot;
  while (at >= 0 && words[gapAt + at]! < code) at--;
  return at;
}

/** The code of the largest gap below an inner node. */
export function innerGap(node: MapleNode): number {
  const words = views.i32;
  const gapAt = node + GAP;
  const end = words[node + COUNT]!;
  let largest = 0;
  for (let slot = 0; slot < end; slot++) largest = Math.max(largest, words[gapAt + slot]!);
  return largest;
}

/**
 * The slot of `node` in which `index` lies.
 *
 * Three comparisons find the group of four, three more the slot, with no branch
 * to mispredict; pivots of unused slots are Infinity. Twice as fast as a scan.
 */
export function slotOf(node: MapleNode, index: number): number {
  const pivots = views.f64;
  const at = node >> 1;
  const group =
    (+(index > pivots[at + 3]!) + +(index > pivots[at + 7]!) + +(index > pivots[at + 11]!)) << 2;
  const from = at + group;
  return (
    group + +(index > pivots[from]!) + +(index > pivots[from + 1]!) + +(index > pivots[from + 2]!)
  );
}

/**
 * @returns the first entry at or right of `index` that starts at or below `max`, or NULL.
 *   The caller holds the tree's lock.
 *
 * One walk is enough: gaps are never side by side, and only the right-most leaf ends
 * with one, so a gap is followed by an entry of the same leaf or by nothing.
 */
export function findFromRoot(root: WordAt, index: number, max: number): number {
  if (index > max || index > MT_MAX) return 0;
  let enode = rcuDereference(root) as MapleEnode;
  if (enode === 0) return 0;
  while (!isLeaf(enode)) enode = nodeChild(toNode(enode), slotOf(toNode(enode), index));

  const leaf = toNode(enode);
  const slot = slotOf(leaf, index);
  const entry = nodeEntry(leaf, slot);
  if (entry !== 0 || slot === PIVOTS || nodePivot(leaf, slot) >= max) return entry;
  return nodeEntry(leaf, slot + 1);
}

/**
 * @returns what is stored at `index` in the tree whose root word is at `root`, or NULL.
 *
 * Plain loads only: each node is reached through a word that was published after
 * the node was complete, and stays what it is until this reader's section ends.
 */
export function loadFromRoot(root: WordAt, index: number): number {
  const pivots = views.f64;
  let enode = rcuDereference(root);
  // Past MT_MAX is no slot, and so no way down.
  if (enode === 0 || index > MT_MAX) return 0;
  for (;;) {
    // As slotOf(), by hand: through it this took a third longer.
    const at = enode >> 1;
    const group =
      (+(index > pivots[at + 3]!) + +(index > pivots[at + 7]!) + +(index > pivots[at + 11]!)) << 2;
    const from = at + group;
    const slot =
      group +
      +(index > pivots[from]!) +
      +(index > pivots[from + 1]!) +
      +(index > pivots[from + 2]!);
    const found = rcuDereference((enode & -2) + SLOT + slot);
    if ((enode & 1) !== 0) return found;
    enode = found;
  }
}
