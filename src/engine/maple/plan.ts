/**
 * Planning a store: what will be replaced at each level, and how many nodes that
 * takes. Changes nothing, so that the nodes can be put aside before.
 *
 * Two rules shape it. Nodes have 6 to 16 slots in use: a level that comes out
 * smaller takes in a neighbour, one that comes out larger first tries to share with
 * one. And no leaf but the right-most ends with NULL: a NULL that would reach the
 * end of a leaf takes in the start of the next, so a gap is never in two leaves.
 *
 * Source: the behaviour of mas_wr_store_type() and mas_prealloc_calc(), v6.18.
 */
import { assert } from '../arena/assert.ts';
import { NULL } from '../arena/ref.ts';
import {
  MT_MAX,
  nodeChild,
  nodeCount,
  nodeEntry,
  type MapleEnode,
  SLOTS,
  SLOTS_MIN,
  toNode,
} from './node_struct.ts';
import { copyStep, slotMax, slotMin, stepAt, walkPath, walkPathTo } from './path.ts';
import { treeRoot } from './tree.ts';
import { type Level, levelAt, type MaWrState } from './write_state.ts';

/** Two nodes share no more than this: they are to stay able to grow. */
const SHARED_MAX = 2 * SLOTS - 2;

/** Plans the store that `wr` was given. */
export function planStore(wr: MaWrState): void {
  assert(wr.index >= 0, 'indexes start at 0');
  assert(wr.index <= wr.last, 'a range has at least one index');
  assert(wr.last <= MT_MAX, 'indexes end at MT_MAX');
  wr.nodes = 0;
  const root = treeRoot(wr.tree);
  if (root === NULL) return planInEmpty(wr);

  findLeft(wr, root);
  findRight(wr, root);
  if (wr.entry === NULL && wr.index === 0 && wr.last === MT_MAX) wr.kind = 'clear';
  else if (isExactFit(wr)) wr.kind = 'exact';
  else if (fitsInLeaf(wr)) planLeaf(wr);
  else planLevels(wr, root);
}

function planInEmpty(wr: MaWrState): void {
  wr.kind = wr.entry === NULL ? 'nothing' : 'plant';
  wr.nodes = wr.entry === NULL ? 0 : 1;
}

/** Walks to the left end, which a NULL moves over the gap it begins in or after. */
function findLeft(wr: MaWrState, root: MapleEnode): void {
  walkPath(wr.left, root, wr.index);
  wr.leaf = wr.left.end;
  const step = stepAt(wr.left, wr.leaf);
  if (wr.entry === NULL) {
    const isAfterGap =
      wr.index === slotMin(step) && step.slot > 0 && nodeEntry(step.node, step.slot - 1) === NULL;
    if (isAfterGap) step.slot--;
    if (nodeEntry(step.node, step.slot) === NULL) wr.index = slotMin(step);
  }
  wr.keepsLeft = slotMin(step) < wr.index;
  wr.leftEntry = nodeEntry(step.node, step.slot);
}

/** Walks to the right end; the last slot of the step is the last one that nothing stays of. */
function findRight(wr: MaWrState, root: MapleEnode): void {
  const left = stepAt(wr.left, wr.leaf);
  const step = stepAt(wr.right, wr.leaf);
  // A NULL looks one further: what is there must follow it in the same leaf.
  const index = wr.entry === NULL && wr.last < MT_MAX ? wr.last + 1 : wr.last;
  if (index > left.max) {
    walkPath(wr.right, root, index);
  } else {
    copyStep(step, left);
    while (index > slotMax(step)) step.slot++; // ends: the leaf holds index
  }
  if (wr.entry === NULL && nodeEntry(step.node, step.slot) === NULL) wr.last = slotMax(step);
  if (wr.last < slotMax(step)) step.slot--;
}

/** The new range is that of one slot; a NULL has not gone on into the next leaf. */
function isExactFit(wr: MaWrState): boolean {
  const left = stepAt(wr.left, wr.leaf);
  const right = stepAt(wr.right, wr.leaf);
  return !wr.keepsLeft && wr.last === slotMax(left) && left.node === right.node;
}

/** The store changes one leaf, which comes out neither too small nor too large. */
function fitsInLeaf(wr: MaWrState): boolean {
  const left = stepAt(wr.left, wr.leaf);
  const right = stepAt(wr.right, wr.leaf);
  if (left.node !== right.node) return false;
  const count = left.slot + (wr.keepsLeft ? 2 : 1) + nodeCount(left.node) - right.slot - 1;
  return count <= SLOTS && (count >= SLOTS_MIN || wr.leaf === 0);
}

function planLeaf(wr: MaWrState): void {
  wr.kind = 'leaf';
  wr.nodes = 1;
  wr.top = wr.leaf;
}

/** From the leaves up, to the first level where one node takes the place of one. */
function planLevels(wr: MaWrState, root: MapleEnode): void {
  wr.kind = 'build';
  shareWay(wr);
  let made = wr.keepsLeft ? 2 : 1;
  for (let depth = wr.leaf; depth >= 0; depth--) {
    const level = planLevel(wr, depth, made);
    if (depth > 0) balance(wr, root, depth);
    level.pieces = piecesOf(level, depth === wr.leaf);
    wr.nodes += level.pieces;
    wr.top = depth;
    if (level.pieces === 1 && replacesOne(level)) return;
    made = Math.max(level.pieces, 1);
  }
  if (made > 1) wr.nodes++; // a new root above them
}

/** Above a leaf that both ways lead to, they are one. */
function shareWay(wr: MaWrState): void {
  if (stepAt(wr.left, wr.leaf).node !== stepAt(wr.right, wr.leaf).node) return;
  for (let depth = 0; depth < wr.leaf; depth++) {
    copyStep(stepAt(wr.right, depth), stepAt(wr.left, depth));
  }
}

const replacesOne = (level: Level): boolean =>
  level.left === level.right && level.leftExtra === NULL && level.rightExtra === NULL;

/** What a level has to hold when `made` items take the place of those between the two ways. */
function planLevel(wr: MaWrState, depth: number, made: number): Level {
  const left = stepAt(wr.left, depth);
  const right = stepAt(wr.right, depth);
  const level = levelAt(wr, depth);
  level.left = left.node;
  level.head = left.slot;
  level.leftMin = level.min = left.min;
  level.leftExtra = NULL;
  level.right = right.node;
  level.tail = right.slot + 1;
  level.rightMax = level.max = right.max;
  level.rightExtra = NULL;
  level.count = level.head + made + nodeCount(right.node) - level.tail;
  return level;
}

/**
 * How many nodes the content needs. One less fits in a row of leaves than slots there
 * are, since a cut may have to move to keep NULL off the end of a leaf.
 */
function piecesOf({ count, min, max }: Level, isLeaf: boolean): number {
  if (count <= SLOTS) {
    const isWhole = min === 0 && max === MT_MAX;
    assert(isWhole || count >= SLOTS_MIN, 'only a root has few slots in use');
    return isLeaf || count > 1 ? 1 : 0;
  }
  return count <= (isLeaf ? 2 * SLOTS - 1 : 2 * SLOTS) ? 2 : 3;
}

/** Takes in a neighbour when the level is too small, or too large and a neighbour has room. */
function balance(wr: MaWrState, root: MapleEnode, depth: number): void {
  const level = levelAt(wr, depth);
  const above = depth - 1;
  const left = stepAt(wr.left, above);
  const right = stepAt(wr.right, above);
  const hasRight = right.slot < nodeCount(right.node) - 1;
  const hasLeft = left.slot > 0;
  if (level.count < SLOTS_MIN) {
    // Neighbours under the same parents first: they do not widen the change above.
    if (hasRight || (!hasLeft && level.max < MT_MAX)) takeRight(wr, root, depth);
    else if (hasLeft || level.min > 0) takeLeft(wr, root, depth);
    return;
  }
  if (level.count <= SLOTS || level.left !== level.right) return;

  const room = SHARED_MAX - level.count;
  const leftFits = hasLeft && nodeCount(toNode(nodeChild(left.node, left.slot - 1))) <= room;
  const rightFits = hasRight && nodeCount(toNode(nodeChild(right.node, right.slot + 1))) <= room;
  // Away from the end that grows: it may go on growing there.
  const growsLeft = level.head * 2 < level.count;
  if (rightFits && (growsLeft || !leftFits)) takeRight(wr, root, depth);
  else if (leftFits) takeLeft(wr, root, depth);
}

/** The node right of the level's content joins it; the right way now comes down there. */
function takeRight(wr: MaWrState, root: MapleEnode, depth: number): void {
  const level = levelAt(wr, depth);
  walkPathTo({ path: wr.right, top: root, depth }, level.max + 1);
  const { node, max } = stepAt(wr.right, depth);
  level.rightExtra = node;
  level.max = max;
  level.count += nodeCount(node);
}

function takeLeft(wr: MaWrState, root: MapleEnode, depth: number): void {
  const level = levelAt(wr, depth);
  walkPathTo({ path: wr.left, top: root, depth }, level.min - 1);
  const { node, min } = stepAt(wr.left, depth);
  level.leftExtra = node;
  level.min = min;
  level.count += nodeCount(node);
}
