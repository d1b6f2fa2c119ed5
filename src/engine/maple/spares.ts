/** Nodes put aside for a store, so that it cannot fail. A chain in no tree. */
import { assert } from '../arena/assert.ts';
import { ENOMEM, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { cacheAlloc, cacheFree } from '../slab/cache.ts';
import {
  MAPLE_NODE_CACHE,
  type MapleNode,
  nodeLink,
  setNodeLink,
  turnNodeLife,
} from './node_struct.ts';

export interface Spares {
  spare: MapleNode | Null;
  spares: number;
}

/** @returns ENOMEM, with none put aside, when there are not `count` nodes to be had. */
export function fillSpares(to: Spares, count: number): typeof OK | typeof ENOMEM {
  while (to.spares < count) {
    const node = cacheAlloc(MAPLE_NODE_CACHE);
    if (node === NULL) {
      dropSpares(to);
      return ENOMEM;
    }
    setNodeLink(node, to.spare);
    to.spare = node;
    to.spares++;
  }
  return OK;
}

/** @returns a node, from now on part of a tree. */
export function takeSpare(from: Spares): MapleNode {
  const node = from.spare;
  assert(node !== NULL, 'a store takes no more nodes than were put aside for it');
  from.spare = nodeLink(node);
  from.spares--;
  turnNodeLife(node);
  return node;
}

export function dropSpares(from: Spares): void {
  while (from.spare !== NULL) {
    const node = from.spare;
    from.spare = nodeLink(node);
    cacheFree(MAPLE_NODE_CACHE, node);
  }
  from.spares = 0;
}
