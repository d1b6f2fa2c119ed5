/** A leaf written anew with one range changed: what most stores come down to. */
import { views as shared } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { gapCode } from './gap.ts';
import { COUNT, type MapleNode, PIVOTS, SLOT, SLOTS } from './node_struct.ts';
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
  const words = views.i32;
  const { node: old, slot: head, max } = stepAt(wr.left, wr.leaf);
  const tail = stepAt(wr.right, wr.leaf).slot + 1;
  const end = words[old + COUNT]!;
  const at = wr.keepsLeft ? head + 1 : head;
  const shift = at + 1 - tail;

  const slots = leaf + SLOT;
  const oldSlots = old + SLOT;
  for (let slot = 0; slot < head; slot++) words[slots + slot] = words[oldSlots + slot]!;
  if (wr.keepsLeft) words[slots + head] = wr.leftEntry;
  words[slots + at] = wr.entry;
  for (let slot = tail; slot < end; slot++) words[slots + shift + slot] = words[oldSlots + slot]!;
  for (let slot = end + shift; slot < SLOTS; slot++) words[slots + slot] = NULL;

  editPivots({ pivots: leaf >> 1, oldPivots: old >> 1, head, at, tail, end, shift }, wr);
  words[leaf + COUNT] = end + shift;
  if (end + shift <= PIVOTS) views.f64[(leaf >> 1) + end + shift - 1] = max;
}

/** Where the parts of the old leaf lie, and the entry in the new one, in slots. */
interface Edit {
  readonly pivots: number;
  readonly oldPivots: number;
  readonly head: number;
  readonly at: number;
  readonly tail: number;
  readonly end: number;
  readonly shift: number;
}

/** A sixteenth slot has no pivot, neither here nor there. */
function editPivots({ pivots, oldPivots, head, at, tail, end, shift }: Edit, wr: MaWrState): void {
  const doubles = views.f64;
  for (let slot = 0; slot < head; slot++) doubles[pivots + slot] = doubles[oldPivots + slot]!;
  if (head < at) doubles[pivots + head] = wr.index - 1;
  if (at < PIVOTS) doubles[pivots + at] = wr.last;
  const last = Math.min(end, PIVOTS, PIVOTS - shift);
  for (let slot = tail; slot < last; slot++) {
    doubles[pivots + shift + slot] = doubles[oldPivots + slot]!;
  }
  for (let slot = end + shift; slot < PIVOTS; slot++) doubles[pivots + slot] = Infinity;
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
