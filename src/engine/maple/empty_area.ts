/**
 * Searching for a gap: the lowest or the highest place in [min, max] where `size`
 * indexes are free. The caller holds the tree's lock, for reading at least: gap codes
 * change in place.
 *
 * Exact. A child is entered when its code promises enough, which may prove false
 * only at the edges of the window, and for gaps so large that few can exist (gap.ts).
 * Then what was seen is cut off the window, and the search starts again at the root.
 *
 * Source: lib/maple_tree.c, mas_empty_area(), mas_empty_area_rev(), v6.18.
 */
import { EBUSY, EINVAL, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import { gapCode } from './gap.ts';
import { type Mas, masReset, standOnRange } from './mas.ts';
import {
  isLeaf,
  type MapleEnode,
  type MapleNode,
  MT_MAX,
  nodeChild,
  nodeCount,
  nodeEntry,
  nodePivot,
  PIVOTS,
  slotOf,
  slotPromisingFrom,
  slotPromisingUpTo,
  SLOTS,
  toNode,
} from './node_struct.ts';
import { type MapleTree, treeRoot } from './tree.ts';

/** Where to look, both ends inclusive, and for how many indexes. */
export interface Area {
  readonly min: number;
  readonly max: number;
  readonly size: number;
}

keepShape({ min: Infinity, max: Infinity, size: Infinity } satisfies Area);

type AreaResult = typeof OK | typeof EBUSY | typeof EINVAL;

/**
 * Finds the lowest `size` free indexes in [min, max], and stands on them.
 *
 * @returns EINVAL when `size` is 0 or more than the window, EBUSY when there is no place.
 */
export const masEmptyArea = (mas: Mas, area: Area): AreaResult =>
  standOnArea(mas, area, mtEmptyArea(mas.tree, area));

/** As masEmptyArea(), for the highest place. */
export const masEmptyAreaRev = (mas: Mas, area: Area): AreaResult =>
  standOnArea(mas, area, mtEmptyAreaRev(mas.tree, area));

function standOnArea(mas: Mas, { size }: Area, first: number): AreaResult {
  if (first === EINVAL) return EINVAL;
  if (first === EBUSY) {
    masReset(mas);
    return EBUSY;
  }
  standOnRange(mas, first, first + size - 1);
  return OK;
}

/** @returns the first of the lowest `size` free indexes in [min, max]; EINVAL, EBUSY. */
export function mtEmptyArea(tree: MapleTree, { min, max, size }: Area): number {
  if (!isArea(min, max, size)) return EINVAL;
  const root = treeRoot(tree);
  if (root === NULL) return min;
  const search = { size, code: gapCode(size), min, max };
  return findLowest(search, root) ? search.min : EBUSY;
}

/** As mtEmptyArea(), for the highest place. */
export function mtEmptyAreaRev(tree: MapleTree, { min, max, size }: Area): number {
  if (!isArea(min, max, size)) return EINVAL;
  const root = treeRoot(tree);
  if (root === NULL) return max - size + 1;
  const search = { size, code: gapCode(size), min, max };
  return findHighest(search, root) ? search.max - size + 1 : EBUSY;
}

const isArea = (min: number, max: number, size: number): boolean =>
  size > 0 && min <= max && max - min >= size - 1;

interface Search {
  readonly size: number;
  readonly code: number;
  /** The window: what of it has not been ruled out. */
  min: number;
  max: number;
}

keepShape({ size: Infinity, code: 0, min: Infinity, max: Infinity } satisfies Search);

/** Moves the window's lower end up to the lowest place. */
function findLowest(search: Search, root: MapleEnode): boolean {
  while (search.max - search.min >= search.size - 1) {
    if (descendLowest(search, root)) return true; // else the window has become smaller
  }
  return false;
}

function descendLowest(search: Search, root: MapleEnode): boolean {
  let enode = root;
  let max = MT_MAX;
  while (!isLeaf(enode)) {
    const node = toNode(enode);
    const slot = slotPromisingFrom(node, slotOf(node, search.min), search.code);
    if (slot === SLOTS) {
      search.min = max + 1;
      return false;
    }
    if (slot > 0) search.min = Math.max(search.min, nodePivot(node, slot - 1) + 1);
    if (slot < PIVOTS) max = nodePivot(node, slot);
    enode = nodeChild(node, slot);
  }
  return lowestInLeaf(search, toNode(enode), max);
}

/**
 * @returns false when the leaf, which ends at `max`, has no place; then it is cut off the window.
 */
function lowestInLeaf(search: Search, leaf: MapleNode, max: number): boolean {
  const end = nodeCount(leaf);
  for (let slot = slotOf(leaf, search.min); slot < end; slot++) {
    if (nodeEntry(leaf, slot) !== NULL) continue;
    const first = slot > 0 ? Math.max(search.min, nodePivot(leaf, slot - 1) + 1) : search.min;
    const last = Math.min(search.max, slot < PIVOTS ? nodePivot(leaf, slot) : max);
    if (last - first < search.size - 1) continue;
    search.min = first;
    return true;
  }
  search.min = max + 1;
  return false;
}

/** Moves the window's upper end down to the highest place. */
function findHighest(search: Search, root: MapleEnode): boolean {
  while (search.max - search.min >= search.size - 1) {
    if (descendHighest(search, root)) return true; // else the window has become smaller
  }
  return false;
}

function descendHighest(search: Search, root: MapleEnode): boolean {
  let enode = root;
  let min = 0;
  while (!isLeaf(enode)) {
    const node = toNode(enode);
    const slot = slotPromisingUpTo(node, slotOf(node, search.max), search.code);
    if (slot < 0) {
      search.max = min - 1;
      return false;
    }
    if (slot < PIVOTS) search.max = Math.min(search.max, nodePivot(node, slot));
    if (slot > 0) min = nodePivot(node, slot - 1) + 1;
    enode = nodeChild(node, slot);
  }
  return highestInLeaf(search, toNode(enode), min);
}

/**
 * @returns false when the leaf, which begins at `min`, has no place; then it is cut off the
 * window.
 */
function highestInLeaf(search: Search, leaf: MapleNode, min: number): boolean {
  for (let slot = slotOf(leaf, search.max); slot >= 0; slot--) {
    if (nodeEntry(leaf, slot) !== NULL) continue;
    const first = Math.max(search.min, slot > 0 ? nodePivot(leaf, slot - 1) + 1 : min);
    const last = slot < PIVOTS ? Math.min(search.max, nodePivot(leaf, slot)) : search.max;
    if (last - first < search.size - 1) continue;
    search.max = last;
    return true;
  }
  search.max = min - 1;
  return false;
}
