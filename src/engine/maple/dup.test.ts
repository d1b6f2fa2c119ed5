import { beforeEach, describe, expect, it } from 'vitest';
import { bareArena } from '../../../test/contention.ts';
import { takeWords } from '../arena/arena.ts';
import { ENOMEM, OK } from '../arena/errno.ts';
import { cacheStats } from '../slab/cache.ts';
import { cacheFail } from '../slab/fail.ts';
import {
  dumpTree,
  MAPLE_NODE_CACHE,
  type MapleTree,
  masFind,
  masPreallocate,
  masState,
  masStoreGfp,
  masStorePrealloc,
  MT_MAX,
  mtDestroy,
  mtDup,
  mtEmpty,
  mtInit,
  mtreeLoad,
  treeStats,
  verifyTree,
} from './maple.ts';

let src: MapleTree;
let dst: MapleTree;

beforeEach(() => {
  bareArena(32 * 2 ** 20);
  src = takeWords(64) as MapleTree;
  dst = takeWords(64) as MapleTree;
  mtInit(src);
  mtInit(dst);
});

function plant(count: number): void {
  for (let i = 0; i < count; i++) {
    const at = ((i * 7919) % count) * 10;
    masStoreGfp(masState(src, at, at + (at % 3 === 0 ? 9 : 6)), at + 1);
  }
}

/** The dump without the nodes' places. */
const shape = (tree: MapleTree): string => dumpTree(tree).replaceAll(/(node|leaf) \d+/g, '$1');

describe('mtDup', () => {
  it.each([0, 1, 10, 300, 5000])(
    'makes an equal tree of %i entries, apart from the first',
    (count) => {
      plant(count);
      expect(mtDup(dst, src)).toBe(OK);
      verifyTree(dst);
      expect(shape(dst)).toBe(shape(src));

      const before = shape(dst);
      masStoreGfp(masState(src, 5, MT_MAX), 0);
      verifyTree(src);
      expect(shape(dst)).toBe(before);
      mtDestroy(dst);
      mtDestroy(src);
      expect(cacheStats(MAPLE_NODE_CACHE).live).toBe(0);
    },
  );

  it('leaves the copy empty and nothing behind when any allocation fails', () => {
    plant(400);
    const { nodes } = treeStats(src);
    for (let skip = 0; skip < nodes; skip++) {
      cacheFail(MAPLE_NODE_CACHE, skip, -1);
      expect(mtDup(dst, src)).toBe(ENOMEM);
      expect(mtEmpty(dst)).toBe(true);
      expect(cacheStats(MAPLE_NODE_CACHE).live).toBe(nodes);
    }
    cacheFail(MAPLE_NODE_CACHE, nodes, -1);
    expect(mtDup(dst, src)).toBe(OK);
    cacheFail(MAPLE_NODE_CACHE, 0, 0);
    verifyTree(dst);
  });

  it('lets every entry of the copy be replaced without memory', () => {
    plant(2000);
    expect(mtDup(dst, src)).toBe(OK);
    cacheFail(MAPLE_NODE_CACHE, 0, -1);
    const mas = masState(dst, 0, 0);
    for (let entry = masFind(mas, MT_MAX); entry !== 0; entry = masFind(mas, MT_MAX)) {
      expect(masPreallocate(mas, entry + 1_000_000)).toBe(OK);
      masStorePrealloc(mas, entry + 1_000_000);
    }
    cacheFail(MAPLE_NODE_CACHE, 0, 0);
    verifyTree(dst);
    expect(mtreeLoad(dst, 50)).toBe(mtreeLoad(src, 50) + 1_000_000);
    expect(treeStats(dst)).toEqual(treeStats(src));
  });
});
