/** A leaf written anew with one range changed: what most stores come down to. */
import { views as shared } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { gapCode } from './gap.ts';
import { COUNT, type MapleNode, nodeCount, PIVOTS, SLOT, SLOTS } from './node_struct.ts';
import { stepAt } from './path.ts';
import type { MaWrState } from './write_state.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

/**
 * Fills `leaf` with what the store makes of the old leaf, which it does not reach out of.
 *
 *     old   │ kept      │▒▒▒▒▒▒▒▒▒▒│ kept │        head = 2, tail = 4
 *     new   │ kept  │ l │  entry   │ kept │        l: the left part of an old range
 */
export function editLeaf(leaf: MapleNode, wr: MaWrState): void {
  const { node: old, slot: head, max } = stepAt(wr.left, wr.leaf);
  const tail = stepAt(wr.right, wr.leaf).slot + 1;
  const shift = head + (wr.keepsLeft ? 2 : 1) - tail;
  const count = nodeCount(old) + shift;

  copySlots(leaf, old, { from: 0, to: head, shift: 0 });
  if (wr.keepsLeft) putSlot(leaf, head, wr.leftEntry, wr.index - 1);
  putSlot(leaf, tail + shift - 1, wr.entry, wr.last);
  copySlots(leaf, old, { from: tail, to: count - shift, shift });
  endLeaf(leaf, count, max);
}

/** Slots [from, to) of the old leaf, that come to lie `shift` further right. */
interface Move {
  readonly from: number;
  readonly to: number;
  readonly shift: number;
}

function copySlots(leaf: MapleNode, old: MapleNode, { from, to, shift }: Move): void {
  const words = views.i32;
  const doubles = views.f64;
  const pivotAt = (leaf >> 1) + shift;
  const oldPivotAt = old >> 1;
  const slotAt = leaf + SLOT + shift;
  const oldSlotAt = old + SLOT;
  for (let slot = from; slot < to; slot++) words[slotAt + slot] = words[oldSlotAt + slot]!;
  // A sixteenth slot has no pivot, neither here nor there.
  const end = Math.min(to, PIVOTS, PIVOTS - shift);
  for (let slot = from; slot < end; slot++) doubles[pivotAt + slot] = doubles[oldPivotAt + slot]!;
}

// Not setNodeSlot() and setNodePivot(): a sixteenth slot has no pivot.
function putSlot(leaf: MapleNode, slot: number, entry: number, last: number): void {
  views.i32[leaf + SLOT + slot] = entry;
  if (slot < PIVOTS) views.f64[(leaf >> 1) + slot] = last;
}

function endLeaf(leaf: MapleNode, count: number, max: number): void {
  const words = views.i32;
  const doubles = views.f64;
  words[leaf + COUNT] = count;
  if (count <= PIVOTS) doubles[(leaf >> 1) + count - 1] = max;
  for (let slot = count; slot < PIVOTS; slot++) doubles[(leaf >> 1) + slot] = Infinity;
  for (let slot = count; slot < SLOTS; slot++) words[leaf + SLOT + slot] = NULL;
}

/** The code of the largest gap in a leaf that covers [min, max]. */
export function leafGap(leaf: MapleNode, min: number, max: number): number {
  const words = views.i32;
  const doubles = views.f64;
  const end = words[leaf + COUNT]! - 1;
  let largest = 0;
  let first = min;
  for (let slot = 0; slot < end; slot++) {
    const last = doubles[(leaf >> 1) + slot]!;
    if (words[leaf + SLOT + slot] === NULL && last - first >= largest) largest = last - first + 1;
    first = last + 1;
  }
  if (words[leaf + SLOT + end] === NULL && max - first >= largest) largest = max - first + 1;
  return gapCode(largest);
}
