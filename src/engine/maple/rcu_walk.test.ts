import { once } from 'node:events';
import { IS_SHADOWED } from '#shadow';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { bareArena } from '../../../test/contention.ts';
import { takeWords } from '../arena/arena.ts';
import { assert } from '../arena/assert.ts';
import * as atomics from '../arena/atomics.ts';
import { OK } from '../arena/errno.ts';
import { cacheDrain, cacheStats } from '../slab/cache.ts';
import { synchronizeRcu } from '../rcu/rcu.ts';
import {
  MAPLE_NODE_CACHE,
  type MapleTree,
  masState,
  masStoreGfp,
  mtDestroy,
  mtInit,
  verifyTree,
} from './maple.ts';

const DIST = process.env['DIST'] ?? '../../../dist/';
const RANGES = 3000;
/** A checked build takes as long for a fifth of them. */
const LOOKUPS = IS_SHADOWED ? 200_000 : 1_000_000;
const CHANGES = IS_SHADOWED ? 12_000 : 60_000;
/** What the control word tells: the reader is at work; it may end. */
const READING = 1;
const STOP = 2;

// A range is ten indexes. Two of three are always mapped, by an entry of their own or by
// one that covers more; the third comes and goes. rcu_walk.worker.mjs knows this.
const entryOf = (range: number, covers: number): number => range * 64 + covers;

it('lets a reader without locks see each range whole, and none missing', async () => {
  const { buffer } = bareArena(64 * 2 ** 20);
  const tree = takeWords(64) as MapleTree;
  const control = takeWords(64);
  mtInit(tree);
  for (let range = 0; range < RANGES; range++) store(tree, range, 1);

  const workerData = {
    dist: new URL(DIST, import.meta.url).href,
    buffer,
    tree,
    control,
    ranges: RANGES,
    lookups: LOOKUPS,
  };
  const worker = new Worker(new URL('rcu_walk.worker.mjs', import.meta.url), { workerData });
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error as Error));
  const report = Promise.race([once(worker, 'message'), failed]);
  while (atomics.load(control) !== READING) await new Promise((resume) => setTimeout(resume, 1));

  for (let n = 0; n < CHANGES; n++) change(tree);
  atomics.store(control, STOP);
  const [{ seen, absent, wrong }] = (await report) as [
    { seen: number; absent: number; wrong: string[] },
  ];
  expect(wrong).toEqual([]);
  expect(seen).toBeGreaterThanOrEqual(LOOKUPS);
  expect(absent).toBeGreaterThan(0);

  verifyTree(tree);
  const { allocs, carved } = cacheStats(MAPLE_NODE_CACHE);
  expect(allocs, 'nodes were reused under the reader').toBeGreaterThan(carved * 3);
  mtDestroy(tree);
  synchronizeRcu();
  cacheDrain(MAPLE_NODE_CACHE);
  expect(cacheStats(MAPLE_NODE_CACHE)).toMatchObject({ live: 0, deferred: 0 });
});

function store(tree: MapleTree, range: number, covers: number): void {
  const mas = masState(tree, range * 10, (range + covers) * 10 - 1);
  assert(masStoreGfp(mas, entryOf(range, covers)) === OK, 'there is memory enough');
}

function take(tree: MapleTree, range: number): void {
  const mas = masState(tree, range * 10, range * 10 + 9);
  assert(masStoreGfp(mas, 0) === OK, 'there is memory enough');
}

function change(tree: MapleTree): void {
  const range = Math.floor(Math.random() * RANGES);
  const most = Math.min(RANGES - range, 60);
  switch (Math.floor(Math.random() * 5)) {
    case 0: // one entry for many
      return store(tree, range, 1 + Math.floor(Math.random() * most));
    case 1: // take one away that may be
      return take(tree, range - (range % 3));
    default: // each its own again
      for (let n = 0; n < Math.min(most, 8); n++) store(tree, range + n, 1);
  }
}
