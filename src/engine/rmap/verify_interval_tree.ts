/** Everything that must hold of an interval tree while its lock is held. */
import { assert } from '../arena/assert.ts';
import { word } from '../arena/memory.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import {
  type IntervalNode,
  intervalFirst,
  intervalLast,
  intervalLeft,
  intervalMax,
  intervalParent,
  intervalRank,
  intervalRight,
  maxOf,
} from './interval_tree.ts';

/** Asserts order, links, ranks and maxima. @returns how many nodes there are, and levels. */
export function verifyIntervalTree(root: WordAt): { nodes: number; height: number } {
  let nodes = 0;
  let height = 0;
  let depth = 1;
  let last = -1;
  let from: IntervalNode | Null = NULL;
  let at = word(root) as IntervalNode | Null;
  assert(at === NULL || intervalParent(at) === NULL, 'the root has no parent');
  // Ends: each link is followed once down and once up.
  while (at !== NULL) {
    const [left, right, parent] = [intervalLeft(at), intervalRight(at), intervalParent(at)];
    if (from === parent) verifyNode(at);
    if (from === parent && left !== NULL) {
      [from, at, depth] = [at, left, depth + 1];
      continue;
    }
    if (from !== right || right === NULL) {
      assert(intervalFirst(at) >= last, 'nodes are in order of their starts');
      last = intervalFirst(at);
      nodes++;
      height = Math.max(height, depth);
    }
    if (right !== NULL && from !== right) [from, at, depth] = [at, right, depth + 1];
    else [from, at, depth] = [at, parent, depth - 1];
  }
  return { nodes, height };
}

function verifyNode(node: IntervalNode): void {
  assert(intervalFirst(node) <= intervalLast(node), 'an interval has pages');
  assert(intervalMax(node) === maxOf(node), 'a maximum is that of the node and its children');
  verifyChild(node, intervalLeft(node));
  verifyChild(node, intervalRight(node));
}

function verifyChild(node: IntervalNode, child: IntervalNode | Null): void {
  if (child === NULL) return;
  assert(intervalParent(child) === node, 'a child knows its parent');
  assert(intervalRank(child) < intervalRank(node), 'a child has the lower rank');
}
