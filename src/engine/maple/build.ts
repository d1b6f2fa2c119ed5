/**
 * Carrying out a planned store. New nodes are filled from the leaves up, hidden from
 * everyone; one atomic store publishes them; the nodes they replace are retired.
 * Nothing here can fail.
 */
import { assert } from '../arena/assert.ts';
import { NULL } from '../arena/ref.ts';
import {
  type Content,
  contentSlot,
  contentPivot,
  endContent,
  fillInner,
  fillLeaf,
  pushGap,
  pushHead,
  pushItem,
  pushTail,
} from './content_struct.ts';
import { updateGaps } from './gap.ts';
import { editLeaf, leafGap } from './leaf_struct.ts';
import {
  innerEnode,
  leafEnode,
  type MapleEnode,
  MT_MAX,
  nodeCount,
  nodeEntry,
  nodeSlotAt,
  SLOTS,
  SLOTS_MIN,
} from './node_struct.ts';
import { stepAt } from './path.ts';
import { retireCut, retireNode, retireTree } from './retire.ts';
import { type Spares, takeSpare } from './spares.ts';
import { publish, treeRoot } from './tree.ts';
import { type Level, levelAt, madeAt, type MaWrState } from './write_state.ts';

/** Stores as planned, with nodes from `spares`. */
export function buildStore(wr: MaWrState, spares: Spares): void {
  switch (wr.kind) {
    case 'nothing':
      return;
    case 'plant':
      return plant(wr, spares);
    case 'clear':
      return clear(wr);
    case 'exact':
      return replaceEntry(wr);
    case 'leaf':
      return replaceLeaf(wr, spares);
    case 'build':
      return replaceNodes(wr, spares);
  }
}

/** The first leaf: the entry, and NULL around it. */
function plant(wr: MaWrState, spares: Spares): void {
  const { content } = wr;
  content.count = 0;
  if (wr.index > 0) pushItem(content, NULL, wr.index - 1);
  pushItem(content, wr.entry, wr.last);
  if (wr.last < MT_MAX) pushItem(content, NULL, MT_MAX);

  const leaf = takeSpare(spares);
  fillLeaf(leaf, content, { from: 0, to: content.count, min: 0 });
  publish(wr.tree, wr.tree, leafEnode(leaf));
}

function clear(wr: MaWrState): void {
  const root = treeRoot(wr.tree);
  assert(root !== NULL, 'an empty tree is not cleared');
  publish(wr.tree, wr.tree, NULL);
  retireTree(root);
}

/** The only change of a node that readers see: one whole entry for another. */
function replaceEntry(wr: MaWrState): void {
  const { node, slot, min, max } = stepAt(wr.left, wr.leaf);
  const old = nodeEntry(node, slot);
  publish(wr.tree, nodeSlotAt(node, slot), wr.entry);
  if (old === NULL || wr.entry === NULL) updateGaps(wr.left, wr.leaf, leafGap(node, min, max));
}

/** One leaf for one. */
function replaceLeaf(wr: MaWrState, spares: Spares): void {
  const { node: old, min, max } = stepAt(wr.left, wr.leaf);
  const leaf = takeSpare(spares);
  editLeaf(leaf, wr);
  install(wr, leafEnode(leaf), leafGap(leaf, min, max));
  retireNode(old);
}

/** New nodes for old ones, level by level. */
function replaceNodes(wr: MaWrState, spares: Spares): void {
  for (let depth = wr.leaf; depth >= wr.top; depth--) {
    const level = levelAt(wr, depth);
    if (depth === wr.leaf) gatherLeaf(wr, level);
    else gatherInner(wr, level);
    if (level.pieces > 0) makeNodes(wr, level, spares);
  }
  if (wr.madeCount > 1) makeRoot(wr, spares);

  const { enode, gap } = madeAt(wr, 0);
  assert(enode !== NULL, 'a store makes a node');
  install(wr, enode, gap);
  retireReplaced(wr);
}

/** Publishes the highest new node, in the root or in the slot of the old one. */
function install(wr: MaWrState, enode: MapleEnode, gap: number): void {
  if (wr.top === 0) return publish(wr.tree, wr.tree, enode);
  const { node, slot } = stepAt(wr.left, wr.top - 1);
  publish(wr.tree, nodeSlotAt(node, slot), enode);
  updateGaps(wr.left, wr.top, gap);
}

/** left extra | left head, old entry's left part | ENTRY | right tail | right extra */
function gatherLeaf(wr: MaWrState, level: Level): void {
  const { content } = wr;
  gatherHead(content, level);
  if (wr.keepsLeft) pushItem(content, wr.leftEntry, wr.index - 1);
  pushItem(content, wr.entry, wr.last);
  gatherTail(content, level);
}

/** left extra | left head | NODES MADE BELOW | right tail | right extra */
function gatherInner(wr: MaWrState, level: Level): void {
  gatherHead(wr.content, level);
  pushMade(wr);
  gatherTail(wr.content, level);
}

function gatherHead(content: Content, level: Level): void {
  content.count = 0;
  if (level.leftExtra !== NULL) {
    pushTail(content, level.leftExtra, 0);
    endContent(content, level.leftMin - 1);
  }
  pushHead(content, level.left, level.head);
}

function gatherTail(content: Content, level: Level): void {
  pushTail(content, level.right, level.tail);
  endContent(content, level.rightMax);
  if (level.rightExtra === NULL) return;
  pushTail(content, level.rightExtra, 0);
  endContent(content, level.max);
}

function pushMade(wr: MaWrState): void {
  for (let piece = 0; piece < wr.madeCount; piece++) {
    const { enode, max, gap } = madeAt(wr, piece);
    assert(enode !== NULL, 'a made node is listed');
    pushItem(wr.content, enode, max);
    pushGap(wr.content, gap);
  }
}

/** Deals the content of a level out to new nodes. */
function makeNodes(wr: MaWrState, level: Level, spares: Spares): void {
  const isLeaf = level === levelAt(wr, wr.leaf);
  const piece = { from: 0, to: 0, min: level.min };
  for (let i = 0; i < level.pieces; i++) {
    piece.to = i + 1 === level.pieces ? wr.content.count : cutAfter(wr, level, i);
    const node = takeSpare(spares);
    const made = madeAt(wr, i);
    made.enode = isLeaf ? leafEnode(node) : innerEnode(node);
    made.gap = isLeaf ? fillLeaf(node, wr.content, piece) : fillInner(node, wr.content, piece);
    made.max = contentPivot(wr.content, piece.to - 1);
    piece.from = piece.to;
    piece.min = made.max + 1;
  }
  wr.madeCount = level.pieces;
}

/** @returns the item at which the node after `piece` begins. */
function cutAfter(wr: MaWrState, level: Level, piece: number): number {
  const { content } = wr;
  const isLeaf = level === levelAt(wr, wr.leaf);
  const cut =
    level.pieces === 2 ? cutInTwo(level) : Math.round((content.count * (piece + 1)) / level.pieces);
  if (!isLeaf || contentSlot(content, cut - 1) !== NULL) return cut;
  // A leaf does not end with NULL, and never are two NULLs side by side.
  return level.pieces === 2 && cut < cutMax(level.count) ? cut + 1 : cut - 1;
}

const cutMin = (count: number): number => Math.max(count - SLOTS, SLOTS_MIN);
const cutMax = (count: number): number => Math.min(SLOTS, count - SLOTS_MIN);

/**
 * In half; but a node that overflowed near one end keeps that end short and its other
 * part dense, as a row of stores each beside the last would have it.
 */
function cutInTwo(level: Level): number {
  const { count, head, leftExtra, rightExtra } = level;
  const before = leftExtra === NULL ? 0 : nodeCount(leftExtra);
  const after = rightExtra === NULL ? 0 : nodeCount(rightExtra);
  const hasOverflowed = count - before - after > SLOTS;
  if (hasOverflowed && (before + head) * 3 < count) return cutMin(count);
  if (hasOverflowed && (before + head) * 3 > count * 2) return cutMax(count);
  return count >> 1;
}

/** One root above the nodes made for what was the root level. */
function makeRoot(wr: MaWrState, spares: Spares): void {
  wr.content.count = 0;
  pushMade(wr);
  const node = takeSpare(spares);
  const made = madeAt(wr, 0);
  made.gap = fillInner(node, wr.content, { from: 0, to: wr.madeCount, min: 0 });
  made.enode = innerEnode(node);
  wr.madeCount = 1;
}

/** From the leaves up, since a node's children are found through it. */
function retireReplaced(wr: MaWrState): void {
  const { leaf, top } = wr;
  const { left } = levelAt(wr, top);
  for (let depth = leaf; depth >= top; depth--) {
    const { min, max } = levelAt(wr, depth);
    retireCut({ top: innerEnode(left), depth: depth - top, min, max });
  }
}
