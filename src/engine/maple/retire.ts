/** Nodes that have left the tree: marked, and freed once no reader can be in them. */
import { NODES_FREED_AT_ONCE } from '#mutants';
import { cpuId, thisCpu } from '../arena/cpu.ts';
import { cacheFree, cacheFreeRcu } from '../slab/cache.ts';
import {
  isLeaf,
  MAPLE_NODE_CACHE,
  type MapleEnode,
  type MapleNode,
  MT_MAX,
  nodeChild,
  toNode,
  turnNodeLife,
} from './node_struct.ts';
import { newPath, type Path, stepAt, walkPathTo } from './path.ts';

/** What was cut out of a tree at one level: the nodes over [min, max], `depth` below `top`. */
export interface Cut {
  readonly top: MapleEnode;
  readonly depth: number;
  readonly min: number;
  readonly max: number;
}

/** Retires the nodes of a cut; those below them have been, those above not yet. */
export function retireCut(cut: Cut): void {
  const path = retirePath();
  const walk = { path, top: cut.top, depth: cut.depth };
  for (let index = cut.min; ;) {
    walkPathTo(walk, index);
    const { node, max } = stepAt(path, cut.depth);
    retireNode(node);
    if (max >= cut.max) return; // each turn moves right, by at least one index
    index = max + 1;
  }
}

/** A node that readers may be in and no new one can reach. */
export function retireNode(node: MapleNode): void {
  turnNodeLife(node);
  if (NODES_FREED_AT_ONCE) cacheFree(MAPLE_NODE_CACHE, node);
  else cacheFreeRcu(MAPLE_NODE_CACHE, node);
}

/** Retires every node of what was a tree. */
export function retireTree(top: MapleEnode): void {
  for (let depth = leafDepth(top); depth >= 0; depth--) {
    retireCut({ top, depth, min: 0, max: MT_MAX });
  }
}

/** How far below `top` the leaves are. */
export function leafDepth(top: MapleEnode): number {
  let depth = 0;
  for (let enode = top; !isLeaf(enode); enode = nodeChild(toNode(enode), 0)) depth++;
  return depth;
}

// One path a CPU: retiring frees nodes, and freeing reaches atomics.
const paths: Path[] = [];

function retirePath(): Path {
  const id = cpuId(thisCpu);
  return (paths[id] ??= newPath());
}
