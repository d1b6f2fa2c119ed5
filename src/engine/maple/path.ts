/**
 * The way from a node down to a leaf, as a writer walks it. Nodes do not know
 * their parents: a child outlives many of them.
 */
import { assert } from '../arena/assert.ts';
import {
  isLeaf,
  LEVELS_MAX,
  type MapleEnode,
  type MapleNode,
  MT_MAX,
  NO_NODE,
  nodeChild,
  nodePivot,
  PIVOTS,
  slotOf,
  toNode,
} from './node_struct.ts';

/** A node passed, the slot the way goes on through, and the range of the node, inclusive. */
export interface Step {
  node: MapleNode;
  slot: number;
  min: number;
  max: number;
}

export interface Path {
  readonly steps: readonly Step[];
  /** Index of the last step. */
  end: number;
}

// Infinity makes min and max doubles in V8's eyes from the start: an object that is made
// with small integers and then given doubles changes its shape, which takes a microsecond.
const noStep = (): Step => ({ node: NO_NODE, slot: 0, min: Infinity, max: Infinity });

export const newPath = (): Path => ({
  steps: Array.from({ length: LEVELS_MAX }, noStep),
  end: 0,
});

export function stepAt(path: Path, depth: number): Step {
  const step = path.steps[depth];
  assert(step !== undefined, 'a tree has at most LEVELS_MAX levels');
  return step;
}

export function copyStep(to: Step, from: Step): void {
  to.node = from.node;
  to.slot = from.slot;
  to.min = from.min;
  to.max = from.max;
}

/** Walks from `top` to the leaf that holds `index`. */
export const walkPath = (path: Path, top: MapleEnode, index: number): void =>
  walkPathTo({ path, top, depth: LEVELS_MAX }, index);

/** A walk that ends early, `depth` steps below `top`. */
export interface Walk {
  readonly path: Path;
  readonly top: MapleEnode;
  readonly depth: number;
}

/** When `top` is not a root, the ranges at the tree's two ends are taken to reach on. */
export function walkPathTo(walk: Walk, index: number): void {
  const { path, depth } = walk;
  let enode = walk.top;
  let min = 0;
  let max = MT_MAX;
  for (path.end = 0; ; path.end++) {
    const node = toNode(enode);
    const step = stepAt(path, path.end);
    const slot = slotOf(node, index);
    step.node = node;
    step.slot = slot;
    step.min = min;
    step.max = max;
    if (path.end === depth || isLeaf(enode)) return;

    if (slot > 0) min = nodePivot(node, slot - 1) + 1;
    if (slot < PIVOTS) max = nodePivot(node, slot);
    enode = nodeChild(node, slot);
  }
}

/** The first index of a step's slot. */
export const slotMin = (step: Step): number =>
  step.slot === 0 ? step.min : nodePivot(step.node, step.slot - 1) + 1;

/** The last index of a step's slot. */
export const slotMax = (step: Step): number =>
  step.slot === PIVOTS ? step.max : nodePivot(step.node, step.slot);
