/** A tree as text, for people. */
import { NULL } from '../arena/ref.ts';
import { MT_MAX, nodeCount, nodeEntry, nodeGap } from './node_struct.ts';
import { newPath, type Path, slotMax, slotMin, type Step, stepAt, walkPath } from './path.ts';
import { type MapleTree, mtHeight, treeRoot } from './tree.ts';

/**
 *     height 2
 *     node 25088 [0, max] 2 slots, gaps 10 90
 *       leaf 24896 [0, 99] 6 slots
 *         [0, 9] -
 *         [10, 19] 7
 */
export function dumpTree(tree: MapleTree): string {
  const root = treeRoot(tree);
  if (root === NULL) return 'empty';

  const lines = [`height ${mtHeight(tree)}`];
  const path = newPath();
  for (let index = 0; ;) {
    walkPath(path, root, index);
    dumpPath(lines, path, index);
    const { max } = stepAt(path, path.end);
    if (max === MT_MAX) return lines.join('\n');
    index = max + 1;
  }
}

/** The leaf of the path, after the inner nodes that are met here for the first time. */
function dumpPath(lines: string[], path: Path, index: number): void {
  for (let depth = 0; depth <= path.end; depth++) {
    const step = stepAt(path, depth);
    if (step.min !== index) continue;
    const isLeaf = depth === path.end;
    lines.push(`${'  '.repeat(depth)}${isLeaf ? 'leaf' : 'node'} ${nodeText(step, isLeaf)}`);
    if (isLeaf) dumpSlots(lines, step, '  '.repeat(depth + 1));
  }
}

function nodeText({ node, min, max }: Step, isLeaf: boolean): string {
  const count = nodeCount(node);
  const gaps = Array.from({ length: count }, (_, slot) => nodeGap(node, slot));
  const text = `${node} ${rangeText(min, max)} ${count} slots`;
  return isLeaf ? text : `${text}, gaps ${gaps.join(' ')}`;
}

function dumpSlots(lines: string[], leaf: Step, indent: string): void {
  const count = nodeCount(leaf.node);
  for (let slot = 0; slot < count; slot++) {
    const step = { ...leaf, slot };
    const entry = nodeEntry(leaf.node, slot);
    const range = rangeText(slotMin(step), slotMax(step));
    lines.push(`${indent}${range} ${entry === NULL ? '-' : entry}`);
  }
}

const rangeText = (min: number, max: number): string => `[${min}, ${max === MT_MAX ? 'max' : max}]`;
