/**
 * What one level will hold after a store, gathered from old nodes and new parts
 * before it is dealt out to new nodes. An item is (last index, slot, gap code);
 * its first index follows from the item before it.
 */
import { NULL } from '../arena/ref.ts';
import { gapCode } from './gap.ts';
import {
  type MapleNode,
  nodeCount,
  nodeEntry,
  nodeGap,
  nodePivot,
  PIVOTS,
  setNodeCount,
  setNodeGap,
  setNodePivot,
  setNodeSlot,
  SLOTS,
} from './node_struct.ts';

export interface Content {
  readonly pivots: Float64Array;
  readonly slots: Int32Array;
  readonly gaps: Int32Array;
  count: number;
}

/** Two cut leaves, two neighbours and the new entry never reach this many items. */
const CONTENT_MAX = 4 * SLOTS;

export const newContent = (): Content => ({
  pivots: new Float64Array(CONTENT_MAX),
  slots: new Int32Array(CONTENT_MAX),
  gaps: new Int32Array(CONTENT_MAX),
  count: 0,
});

export const contentPivot = (content: Content, item: number): number => content.pivots[item]!;
export const contentSlot = (content: Content, item: number): number => content.slots[item]!;

export function pushItem(content: Content, slot: number, last: number): void {
  const item = content.count++;
  content.slots[item] = slot;
  content.pivots[item] = last;
}

export function pushGap(content: Content, gap: number): void {
  content.gaps[content.count - 1] = gap;
}

/** The slots of `node` below `end`. */
export function pushHead(content: Content, node: MapleNode, end: number): void {
  for (let slot = 0; slot < end; slot++) pushSlot(content, node, slot);
}

/** The slots of `node` from `start`; the caller sets where the last one ends. */
export function pushTail(content: Content, node: MapleNode, start: number): void {
  const count = nodeCount(node);
  for (let slot = start; slot < count; slot++) pushSlot(content, node, slot);
}

/** The last item ends at `last`: the pivot that a full node does not store. */
export function endContent(content: Content, last: number): void {
  content.pivots[content.count - 1] = last;
}

function pushSlot(content: Content, node: MapleNode, slot: number): void {
  const item = content.count++;
  content.pivots[item] = nodePivot(node, slot);
  content.slots[item] = nodeEntry(node, slot);
  content.gaps[item] = nodeGap(node, slot);
}

/** Some of the content, [from, to), which begins at index `min`: what one node will hold. */
export interface Piece {
  from: number;
  to: number;
  min: number;
}

/** Writes a leaf. @returns the code of its largest gap. */
export function fillLeaf(node: MapleNode, content: Content, piece: Piece): number {
  fillNode(node, content, piece);
  let largest = 0;
  let first = piece.min;
  for (let item = piece.from; item < piece.to; item++) {
    const last = content.pivots[item]!;
    if (content.slots[item] === NULL) largest = Math.max(largest, last - first + 1);
    first = last + 1;
  }
  return gapCode(largest);
}

/** Writes an inner node. @returns the code of its largest gap. */
export function fillInner(node: MapleNode, content: Content, piece: Piece): number {
  fillNode(node, content, piece);
  let largest = 0;
  for (let item = piece.from; item < piece.to; item++) {
    const gap = content.gaps[item]!;
    setNodeGap(node, item - piece.from, gap);
    largest = Math.max(largest, gap);
  }
  return largest;
}

function fillNode(node: MapleNode, content: Content, { from, to }: Piece): void {
  const count = to - from;
  setNodeCount(node, count);
  for (let slot = 0; slot < count; slot++) {
    setNodeSlot(node, slot, content.slots[from + slot]!);
    if (slot < PIVOTS) setNodePivot(node, slot, content.pivots[from + slot]!);
  }
  for (let slot = count; slot < SLOTS; slot++) {
    setNodeSlot(node, slot, NULL);
    if (slot < PIVOTS) setNodePivot(node, slot, Infinity);
  }
}
