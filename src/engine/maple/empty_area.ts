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
import { gapCode } from './gap.ts';
import { type Mas, masReset, standOnRange } from './mas.ts';
import {
  isLeaf,
  type MapleEnode,
  nodeChild,
  nodeCount,
  nodeEntry,
  nodeGap,
  slotOf,
  toNode,
} from './node_struct.ts';
import { rootStep, slotMax, slotMin, type Step } from './path.ts';
import { treeRoot } from './tree.ts';

/** Where to look, both ends inclusive, and for how many indexes. */
export interface Area {
  readonly min: number;
  readonly max: number;
  readonly size: number;
}

type AreaResult = typeof OK | typeof EBUSY | typeof EINVAL;

/**
 * Finds the lowest `size` free indexes in [min, max], and stands on them.
 *
 * @returns EINVAL when `size` is 0 or more than the window, EBUSY when there is no place.
 */
export function masEmptyArea(mas: Mas, { min, max, size }: Area): AreaResult {
  if (!isArea(min, max, size)) return EINVAL;
  const search = { size, code: gapCode(size), min, max };
  const root = treeRoot(mas.tree);
  if (root !== NULL && !findLowest(search, root)) return refuse(mas);

  standOnRange(mas, search.min, search.min + size - 1);
  return OK;
}

/** As masEmptyArea(), for the highest place. */
export function masEmptyAreaRev(mas: Mas, { min, max, size }: Area): AreaResult {
  if (!isArea(min, max, size)) return EINVAL;
  const search = { size, code: gapCode(size), min, max };
  const root = treeRoot(mas.tree);
  if (root !== NULL && !findHighest(search, root)) return refuse(mas);

  standOnRange(mas, search.max - size + 1, search.max);
  return OK;
}

const isArea = (min: number, max: number, size: number): boolean =>
  size > 0 && min <= max && max - min >= size - 1;

function refuse(mas: Mas): typeof EBUSY {
  masReset(mas);
  return EBUSY;
}

interface Search {
  readonly size: number;
  readonly code: number;
  /** The window: what of it has not been ruled out. */
  min: number;
  max: number;
}

/** Moves the window's lower end up to the lowest place. */
function findLowest(search: Search, root: MapleEnode): boolean {
  while (search.max - search.min >= search.size - 1) {
    if (descendLowest(search, root)) return true; // else the window has become smaller
  }
  return false;
}

function descendLowest(search: Search, root: MapleEnode): boolean {
  const step = rootStep(root);
  for (let enode = root; ;) {
    const end = nodeCount(step.node);
    step.slot = slotOf(step.node, search.min);
    while (step.slot < end && !promises(step, enode, search)) step.slot++;
    if (step.slot === end) {
      search.min = step.max + 1;
      return false;
    }
    search.min = Math.max(search.min, slotMin(step));
    if (isLeaf(enode)) {
      const last = slotMax(step);
      if (Math.min(last, search.max) - search.min >= search.size - 1) return true;
      search.min = last + 1;
      return false;
    }
    enode = enter(step);
  }
}

/** Moves the window's upper end down to the highest place. */
function findHighest(search: Search, root: MapleEnode): boolean {
  while (search.max - search.min >= search.size - 1) {
    if (descendHighest(search, root)) return true; // else the window has become smaller
  }
  return false;
}

function descendHighest(search: Search, root: MapleEnode): boolean {
  const step = rootStep(root);
  for (let enode = root; ;) {
    step.slot = slotOf(step.node, search.max);
    while (step.slot >= 0 && !promises(step, enode, search)) step.slot--;
    if (step.slot < 0) {
      search.max = step.min - 1;
      return false;
    }
    search.max = Math.min(search.max, slotMax(step));
    if (isLeaf(enode)) {
      const first = slotMin(step);
      if (search.max - Math.max(first, search.min) >= search.size - 1) return true;
      search.max = first - 1;
      return false;
    }
    enode = enter(step);
  }
}

/** Whether what lies below the slot may have a gap large enough. */
function promises(step: Step, enode: MapleEnode, search: Search): boolean {
  if (!isLeaf(enode)) return nodeGap(step.node, step.slot) >= search.code;
  return (
    nodeEntry(step.node, step.slot) === NULL && slotMax(step) - slotMin(step) >= search.size - 1
  );
}

/** Goes down through the slot. */
function enter(step: Step): MapleEnode {
  const child = nodeChild(step.node, step.slot);
  const min = slotMin(step);
  step.max = slotMax(step);
  step.min = min;
  step.node = toNode(child);
  return child;
}
