/** The range tree, as the floors above see it. */
export { mtDup } from './dup.ts';
export { dumpTree } from './dump.ts';
export {
  type Area,
  masEmptyArea,
  masEmptyAreaRev,
  mtEmptyArea,
  mtEmptyAreaRev,
} from './empty_area.ts';
export { masFind, masFindRev, masNext, masNextRange, masPrev, masPrevRange } from './iterate.ts';
export {
  type Mas,
  masPause,
  masReset,
  masSet,
  masSetRange,
  masState,
  type MasStatus,
  masWalk,
} from './mas.ts';
export { MAPLE_NODE_CACHE, MT_MAX } from './node_struct.ts';
export {
  masDestroy,
  masErase,
  masPreallocate,
  masReplace,
  masStoreGfp,
  masStorePrealloc,
} from './store.ts';
export {
  MAPLE_TREE_WORDS,
  type MapleTree,
  mtDestroy,
  mtEmpty,
  mtFind,
  mtHeight,
  mtInit,
  mtreeLoad,
} from './tree.ts';
export { type TreeStats, treeStats, verifyTree } from './verify.ts';
