/** Whether a tree is what it must be, and how full. The caller keeps writers off it. */
import { assert } from '../arena/assert.ts';
import { NULL } from '../arena/ref.ts';
import { forEachNode } from './dup.ts';
import { leafGap } from './leaf_struct.ts';
import {
  innerGap,
  isLeaf,
  MT_MAX,
  nodeCount,
  nodeEntry,
  nodeGap,
  nodeLife,
  nodePivot,
  PIVOTS,
  SLOTS,
  SLOTS_MIN,
  toNode,
} from './node_struct.ts';
import { newPath, type Path, type Step, stepAt, walkPath } from './path.ts';
import { leafDepth } from './retire.ts';
import { type MapleTree, treeRoot } from './tree.ts';

/** Stops the run if the tree is broken anywhere. */
export function verifyTree(tree: MapleTree): void {
  const root = treeRoot(tree);
  if (root === NULL) return;

  const height = leafDepth(root);
  const path = newPath();
  for (let index = 0; ;) {
    walkPath(path, root, index);
    assert(path.end === height, 'all leaves are equally deep');
    verifyPath(path, index);
    const { max } = stepAt(path, path.end);
    if (max === MT_MAX) return;
    index = max + 1;
  }
}

/** Checks the leaf of the path, and the inner nodes that are met here for the first time. */
function verifyPath(path: Path, index: number): void {
  for (let depth = path.end; depth >= 0; depth--) {
    const step = stepAt(path, depth);
    if (step.min !== index) return;
    verifyNode(step, depth === 0);
    if (depth === path.end) verifyLeaf(step);
    else verifyInner(step);
    if (depth > 0) verifyGap(step, stepAt(path, depth - 1), depth === path.end);
  }
}

function verifyNode({ node, min, max }: Step, isRoot: boolean): void {
  const count = nodeCount(node);
  assert((nodeLife(node) & 1) === 1, 'a node in the tree is alive');
  assert(count <= SLOTS, 'a node has 16 slots');
  assert(count >= (isRoot ? 1 : SLOTS_MIN), 'every node but the root is used well');
  assert(count === SLOTS || nodePivot(node, count - 1) === max, 'the last pivot is the maximum');

  let below = min - 1;
  for (let slot = 0; slot < Math.min(count, PIVOTS); slot++) {
    assert(nodePivot(node, slot) > below, 'pivots rise');
    assert(nodePivot(node, slot) <= max, 'pivots stay below the maximum');
    below = nodePivot(node, slot);
  }
  for (let slot = count; slot < SLOTS; slot++) {
    assert(nodeEntry(node, slot) === NULL, 'unused slots are empty');
    assert(slot === PIVOTS || nodePivot(node, slot) === Infinity, 'unused pivots are Infinity');
  }
}

function verifyLeaf({ node, max }: Step): void {
  const count = nodeCount(node);
  for (let slot = 1; slot < count; slot++) {
    const isGap = nodeEntry(node, slot) === NULL;
    assert(!isGap || nodeEntry(node, slot - 1) !== NULL, 'no two gaps lie side by side');
  }
  const endsFull = nodeEntry(node, count - 1) !== NULL;
  assert(endsFull || max === MT_MAX, 'only the right-most leaf ends with a gap');
  assert(endsFull || count > 1, 'a tree of gaps is empty');
}

function verifyInner({ node }: Step): void {
  const count = nodeCount(node);
  assert(count > 1, 'an inner node has children');
  for (let slot = 0; slot < count; slot++) {
    assert(nodeEntry(node, slot) !== NULL, 'an inner node has a child in every slot');
  }
}

function verifyGap(step: Step, parent: Step, ofLeaf: boolean): void {
  const gap = ofLeaf ? leafGap(step.node, step.min, step.max) : innerGap(step.node);
  assert(nodeGap(parent.node, parent.slot) === gap, 'a parent knows the largest gap below it');
}

export interface TreeStats {
  readonly height: number;
  readonly nodes: number;
  readonly entries: number;
  /** Slots in use, of those there are. */
  readonly fill: number;
}

/** @returns how large and how full a tree is; the caller keeps writers out. */
export function treeStats(tree: MapleTree): TreeStats {
  const root = treeRoot(tree);
  if (root === NULL) return { height: 0, nodes: 0, entries: 0, fill: 0 };

  const height = leafDepth(root) + 1;
  let nodes = 0;
  let used = 0;
  let entries = 0;
  for (let depth = 0; depth < height; depth++) {
    forEachNode(root, depth, (enode) => {
      const node = toNode(enode);
      const count = nodeCount(node);
      nodes++;
      used += count;
      for (let slot = 0; isLeaf(enode) && slot < count; slot++) {
        if (nodeEntry(node, slot) !== NULL) entries++;
      }
    });
  }
  return { height, nodes, entries, fill: used / (nodes * SLOTS) };
}
