/** Copying a tree, node for node. */
import { assert } from '../arena/assert.ts';
import { ENOMEM, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import {
  innerEnode,
  isLeaf,
  leafEnode,
  type MapleEnode,
  MT_MAX,
  nodeChild,
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
  toNode,
} from './node_struct.ts';
import { newPath, stepAt, walkPathTo } from './path.ts';
import { leafDepth } from './retire.ts';
import { fillSpares, type Spares, takeSpare } from './spares.ts';
import { type MapleTree, mtEmpty, publish, treeRoot } from './tree.ts';

/**
 * Makes the empty tree `dst` a copy of `src`, of the same structure, so that replacing
 * its entries one by one by exact fit takes no memory. Reads no entry. The caller keeps
 * writers off `src`.
 *
 * @returns ENOMEM, with `dst` still empty.
 *
 * Source: lib/maple_tree.c, __mt_dup(), v6.18.
 */
export function mtDup(dst: MapleTree, src: MapleTree): typeof OK | typeof ENOMEM {
  assert(mtEmpty(dst), 'a tree is duplicated into an empty one');
  const from = treeRoot(src);
  if (from === NULL) return OK;

  const spares: Spares = { spare: NULL, spares: 0 };
  if (fillSpares(spares, countNodes(from)) !== OK) return ENOMEM;

  // Nothing below can fail. The copy is whole before anyone sees it.
  const root = copyNode(from, spares);
  const end = leafDepth(from);
  for (let depth = 0; depth < end; depth++) {
    forEachNode(root, depth, (node) => copyChildren(node, spares));
  }
  publish(dst, dst, root);
  return OK;
}

/** Replaces the pointers to the source's children by pointers to copies of them. */
function copyChildren(enode: MapleEnode, spares: Spares): void {
  const node = toNode(enode);
  const count = nodeCount(node);
  for (let slot = 0; slot < count; slot++) {
    setNodeSlot(node, slot, copyNode(nodeChild(node, slot), spares));
  }
}

function copyNode(from: MapleEnode, spares: Spares): MapleEnode {
  const source = toNode(from);
  const node = takeSpare(spares);
  setNodeCount(node, nodeCount(source));
  for (let slot = 0; slot < PIVOTS; slot++) setNodePivot(node, slot, nodePivot(source, slot));
  for (let slot = 0; slot < SLOTS; slot++) setNodeSlot(node, slot, nodeEntry(source, slot));
  if (isLeaf(from)) return leafEnode(node);
  for (let slot = 0; slot < SLOTS; slot++) setNodeGap(node, slot, nodeGap(source, slot));
  return innerEnode(node);
}

/** Nodes of the tree below `root`, itself included; looks at no leaf. */
export function countNodes(root: MapleEnode): number {
  let nodes = 1;
  const end = leafDepth(root);
  for (let depth = 0; depth < end; depth++) {
    forEachNode(root, depth, (node) => void (nodes += nodeCount(toNode(node))));
  }
  return nodes;
}

/** Visits the nodes `depth` below `root`, from left to right. */
export function forEachNode(
  root: MapleEnode,
  depth: number,
  visit: (enode: MapleEnode) => void,
): void {
  const path = newPath();
  const end = leafDepth(root);
  for (let index = 0; ;) {
    walkPathTo({ path, top: root, depth }, index);
    const { node, max } = stepAt(path, depth);
    visit(depth === end ? leafEnode(node) : innerEnode(node));
    if (max === MT_MAX) return;
    index = max + 1;
  }
}
