/**
 * What one level will hold after a store, gathered from old nodes and new parts
 * before it is dealt out to new nodes. An item is (last index, slot, gap code);
 * its first index follows from the item before it.
 */
import { NULL } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import { gapCode } from './gap.ts';
import { views as shared } from '../arena/memory.ts';
import {
  COUNT,
  GAP,
  type MapleNode,
  nodeCount,
  PIVOTS,
  setNodeGap,
  SLOT,
  SLOTS,
} from './node_struct.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

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
export const pushHead = (content: Content, node: MapleNode, end: number): void =>
  pushSlots(content, node, { from: 0, to: end });

/** The slots of `node` from `start`; the caller sets where the last one ends. */
export const pushTail = (content: Content, node: MapleNode, start: number): void =>
  pushSlots(content, node, { from: start, to: nodeCount(node) });

// The loops of this file take the views into constants: they are most of a store.
function pushSlots(content: Content, node: MapleNode, { from, to }: Span): void {
  const { pivots, slots, gaps } = content;
  const words = views.i32;
  const doubles = views.f64;
  let item = content.count;
  for (let slot = from; slot < to; slot++, item++) {
    pivots[item] = doubles[(node >> 1) + slot]!;
    slots[item] = words[node + SLOT + slot]!;
    gaps[item] = words[node + GAP + slot]!;
  }
  content.count = item;
}

/** The last item ends at `last`: the pivot that a full node does not store. */
export function endContent(content: Content, last: number): void {
  content.pivots[content.count - 1] = last;
}

/** Slots or items, [from, to). */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Some of the content, [from, to), which begins at index `min`: what one node will hold. */
export interface Piece {
  from: number;
  to: number;
  min: number;
}

keepShape({ from: 0, to: 0, min: Infinity } satisfies Piece);

/** Writes a leaf. @returns the code of its largest gap. */
export function fillLeaf(node: MapleNode, content: Content, piece: Piece): number {
  const { pivots, slots } = content;
  fillNode(node, content, piece);
  let largest = 0;
  let first = piece.min;
  for (let item = piece.from; item < piece.to; item++) {
    const last = pivots[item]!;
    if (slots[item] === NULL && last - first >= largest) largest = last - first + 1;
    first = last + 1;
  }
  return gapCode(largest);
}

/** Writes an inner node. @returns the code of its largest gap. */
export function fillInner(node: MapleNode, content: Content, piece: Piece): number {
  const { gaps } = content;
  fillNode(node, content, piece);
  let largest = 0;
  for (let item = piece.from; item < piece.to; item++) {
    const gap = gaps[item]!;
    setNodeGap(node, item - piece.from, gap);
    if (gap > largest) largest = gap;
  }
  return largest;
}

function fillNode(node: MapleNode, content: Content, { from, to }: Span): void {
  const { pivots, slots } = content;
  const words = views.i32;
  const doubles = views.f64;
  const count = to - from;
  const pivotAt = node >> 1;
  const slotAt = node + SLOT;
  const last = Math.min(count, PIVOTS);
  for (let slot = 0; slot < last; slot++) doubles[pivotAt + slot] = pivots[from + slot]!;
  for (let slot = count; slot < PIVOTS; slot++) doubles[pivotAt + slot] = Infinity;
  for (let slot = 0; slot < count; slot++) words[slotAt + slot] = slots[from + slot]!;
  for (let slot = count; slot < SLOTS; slot++) words[slotAt + slot] = NULL;
  words[node + COUNT] = count;
}
