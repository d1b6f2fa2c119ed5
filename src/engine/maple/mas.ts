/**
 * The cursor: a place in a tree, kept by one caller for one operation.
 *
 * It remembers the leaf it stands in, and uses it for as long as the leaf is in the
 * tree. Under RCU alone a cursor lives in one read section; masPause() lets it cross
 * to the next. Writers hold the caller's lock.
 */
import { STALE_MAPLE_STATE } from '#mutants';
import { assert } from '../arena/assert.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import {
  isLeaf,
  type MapleNode,
  MT_MAX,
  nodeChild,
  nodeEntry,
  nodeLife,
  nodePivot,
  nodeSlotAt,
  PIVOTS,
  slotOf,
  toNode,
} from './node_struct.ts';
import type { Spares } from './spares.ts';
import { type MapleTree, treeRoot } from './tree.ts';

/**
 * start: not yet walked. active: on a slot. none: the tree was empty. pause: the lock
 * was let go. overflow, underflow: the limit of a step was met, upwards or downwards.
 */
export type MasStatus = 'start' | 'active' | 'none' | 'pause' | 'overflow' | 'underflow';

export interface Mas extends Spares {
  readonly tree: MapleTree;
  /** The range asked for, or stood on; both inclusive. */
  index: number;
  last: number;
  status: MasStatus;

  // Internal: the slot stood on. The leaf covers [min, max] and was seen alive at `life`.
  node: MapleNode | Null;
  offset: number;
  life: number;
  min: number;
  max: number;
}

keepShape({
  tree: 0,
  index: Infinity,
  last: Infinity,
  status: 'start',
  node: 0,
  offset: 0,
  life: 0,
  min: Infinity,
  max: Infinity,
  spare: 0,
  spares: 0,
});

/** A cursor that has not begun: its first step goes to [index, last], inclusive. */
export function masState(tree: MapleTree, index: number, last: number): Mas {
  return {
    tree,
    index,
    last,
    status: 'start',
    node: NULL,
    offset: 0,
    life: 0,
    min: Infinity, // doubles, for V8: see path.ts
    max: Infinity,
    spare: NULL,
    spares: 0,
  };
}

/** Aims the cursor at one index. */
export const masSet = (mas: Mas, index: number): void => masSetRange(mas, index, index);

/** Aims the cursor at a range. */
export function masSetRange(mas: Mas, index: number, last: number): void {
  mas.index = index;
  mas.last = last;
  masReset(mas);
}

/** Forgets the place in the tree, and keeps the range. */
export function masReset(mas: Mas): void {
  mas.status = 'start';
  mas.node = NULL;
}

/** Before the lock is dropped, or the read section left: the next step walks anew, past here. */
export function masPause(mas: Mas): void {
  mas.status = 'pause';
  mas.node = NULL;
}

/**
 * Goes to the slot that holds `mas.index`. @returns its entry or NULL; index and last its range.
 */
export function masWalk(mas: Mas): number {
  const leaf = standingIn(mas);
  if (leaf === NULL || mas.index < mas.min || mas.index > mas.max) return descend(mas, mas.index);
  mas.status = 'active';
  return standOn(mas, leaf, slotOf(leaf, mas.index));
}

/** Goes to the slot right of the cursor's range, which ends below MT_MAX. @returns its entry. */
export function stepRight(mas: Mas): number {
  const leaf = standingIn(mas);
  if (leaf !== NULL && mas.last < mas.max) return standOn(mas, leaf, mas.offset + 1);

  const index = mas.last + 1;
  const entry = descend(mas, index);
  // A range that has grown leftwards meanwhile was passed in part: indexes only rise.
  if (mas.index < index) mas.index = index;
  return entry;
}

/** Goes to the slot left of the cursor's range, which starts above 0. @returns its entry. */
export function stepLeft(mas: Mas): number {
  const leaf = standingIn(mas);
  if (leaf !== NULL && mas.index > mas.min) return standOn(mas, leaf, mas.offset - 1);

  const last = mas.index - 1;
  const entry = descend(mas, last);
  if (mas.last > last) mas.last = last;
  return entry;
}

/** After a store through this cursor: it stands on what was stored, and will walk to step on. */
export function standOnRange(mas: Mas, index: number, last: number): void {
  mas.index = index;
  mas.last = last;
  mas.status = 'active';
  mas.node = NULL;
}

/** The leaf the cursor stands in, or NULL when it has none or the tree has another by now. */
const standingIn = (mas: Mas): MapleNode | Null =>
  mas.node !== NULL && (STALE_MAPLE_STATE || nodeLife(mas.node) === mas.life) ? mas.node : NULL;

/** The word of the slot that the cursor stands on, in a leaf that is still in the tree. */
export function slotStoodOn(mas: Mas): WordAt {
  const leaf = standingIn(mas);
  assert(leaf !== NULL, 'the cursor stands in the tree');
  return nodeSlotAt(leaf, mas.offset);
}

/** Walks from the root to the slot of `index`, and stands on it. */
function descend(mas: Mas, index: number): number {
  let enode = treeRoot(mas.tree);
  if (enode === NULL) return standOnNothing(mas);

  let min = 0;
  let max = MT_MAX;
  for (;;) {
    const node = toNode(enode);
    const slot = slotOf(node, index);
    if (isLeaf(enode)) {
      mas.node = node;
      mas.life = nodeLife(node);
      mas.min = min;
      mas.max = max;
      mas.status = 'active';
      return standOn(mas, node, slot);
    }
    if (slot > 0) min = nodePivot(node, slot - 1) + 1;
    if (slot < PIVOTS) max = nodePivot(node, slot);
    enode = nodeChild(node, slot);
  }
}

function standOnNothing(mas: Mas): number {
  mas.index = 0;
  mas.last = MT_MAX;
  mas.status = 'none';
  mas.node = NULL;
  return NULL;
}

function standOn(mas: Mas, leaf: MapleNode, slot: number): number {
  mas.offset = slot;
  mas.index = slot === 0 ? mas.min : nodePivot(leaf, slot - 1) + 1;
  mas.last = slot === PIVOTS ? mas.max : nodePivot(leaf, slot);
  return nodeEntry(leaf, slot);
}
