import { beforeEach, describe, expect, it } from 'vitest';
import { bareArena, contend } from '../../../test/contention.ts';
import { takeWords } from '../arena/arena.ts';
import { asCpu } from '../../../test/cpus.ts';
import { claimCpu, type Cpu } from '../arena/cpu.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Ref } from '../arena/ref.ts';
import { rcuReadLock, rcuReadUnlock, synchronizeRcu } from '../rcu/rcu.ts';
import {
  type Cache,
  cacheAlloc,
  cacheKind,
  cacheDrain,
  cacheFree,
  cacheFreeRcu,
  cacheStats,
} from './cache.ts';
import { cacheFail } from './fail.ts';

const THINGS: Cache<'thing'> = cacheKind({
  name: 'thing',
  id: 11,
  words: 16,
  link: 15,
  inherits: [[0, 15]],
});
const BATCH = 256;

type Thing = Ref<'thing'>;

const take = (): Thing => {
  const thing = cacheAlloc(THINGS);
  if (thing === NULL) throw new Error('no thing');
  return thing;
};

const takeMany = (count: number): Thing[] => Array.from({ length: count }, take);

beforeEach(() => void bareArena());

describe('cacheAlloc', () => {
  it('hands out different objects, zero in their first life', () => {
    const things = takeMany(1000);
    expect(new Set(things).size).toBe(1000);
    for (const thing of things) for (let at = 0; at < 15; at++) expect(word(thing + at)).toBe(0);
  });

  it('S4-1 hands a freed object out again at once, with all but the link as it was', () => {
    const thing = take();
    setWord(thing + 3, 77);
    cacheFree(THINGS, thing);
    expect(take()).toBe(thing);
    expect(word(thing + 3)).toBe(77);
  });

  it('says NULL when the arena is full, and serves again what is freed', () => {
    bareArena(2 * 2 ** 20);
    while (takeWords(64) !== NULL);
    expect(cacheAlloc(THINGS)).toBe(NULL);
  });

  it('takes what waits for a grace period rather than fail', () => {
    const things = takeMany(3);
    while (takeWords(64) !== NULL);
    for (let thing = cacheAlloc(THINGS); thing !== NULL; thing = cacheAlloc(THINGS))
      things.push(thing);
    for (const thing of things) cacheFreeRcu(THINGS, thing);
    expect(cacheAlloc(THINGS)).not.toBe(NULL);
  });
});

describe('the depot', () => {
  it('gets what one worker frees too much of, and fills another one', () => {
    const other = claimCpu() as Cpu;
    const things = takeMany(4 * BATCH);
    for (const thing of things) cacheFree(THINGS, thing);
    const { carved } = cacheStats(THINGS);
    const theirs = asCpu(other, () => takeMany(BATCH));
    expect(cacheStats(THINGS).carved, 'nothing new was carved').toBe(carved);
    expect(theirs.every((thing) => things.includes(thing))).toBe(true);
  });

  it('loses nothing: what all workers free can be had again', () => {
    const other = claimCpu() as Cpu;
    const things = takeMany(3000);
    for (const thing of things) cacheFree(THINGS, thing);
    const { carved } = cacheStats(THINGS);
    const again = asCpu(other, () => takeMany(1000)).concat(takeMany(500));
    expect(new Set(again).size).toBe(1500);
    expect(cacheStats(THINGS).carved - carved).toBeLessThan(BATCH);
  });
});

describe('cacheFreeRcu', () => {
  it('S2-36 does not hand an object out while a reader is inside', () => {
    const other = claimCpu() as Cpu;
    asCpu(other, rcuReadLock);
    const freed = new Set(takeMany(4 * BATCH));
    for (const thing of freed) cacheFreeRcu(THINGS, thing);
    expect(takeMany(8 * BATCH).some((thing) => freed.has(thing))).toBe(false);
    expect(cacheStats(THINGS).deferred).toBe(4 * BATCH);
    asCpu(other, rcuReadUnlock);
    expect(takeMany(8 * BATCH).some((thing) => freed.has(thing))).toBe(true);
  });

  it('S2-36 not even when the reader is this worker', () => {
    rcuReadLock();
    const freed = new Set(takeMany(3 * BATCH));
    for (const thing of freed) cacheFreeRcu(THINGS, thing);
    expect(takeMany(6 * BATCH).some((thing) => freed.has(thing))).toBe(false);
    rcuReadUnlock();
  });

  it('S2-42 S2-43 never waits: objects pile up and are turned over in batches', () => {
    for (const thing of takeMany(3 * BATCH)) cacheFreeRcu(THINGS, thing);
    const { deferred } = cacheStats(THINGS);
    expect(deferred).toBeGreaterThan(0);
    expect(deferred).toBeLessThanOrEqual(2 * BATCH);
  });

  it('is drained for a tear-down', () => {
    for (const thing of takeMany(10)) cacheFreeRcu(THINGS, thing);
    synchronizeRcu();
    cacheDrain(THINGS);
    expect(cacheStats(THINGS)).toMatchObject({ live: 0, deferred: 0 });
  });
});

describe('cacheFail', () => {
  it.each([
    [0, 1, 'x.....'],
    [0, 3, 'xxx...'],
    [2, 2, '..xx..'],
    [4, 1, '....x.'],
    [0, -1, 'xxxxxx'],
    [3, -1, '...xxx'],
    [0, 0, '......'],
  ])('X-4 skip %i, count %i: %s', (skip, count, expected) => {
    cacheFail(THINGS, skip, count);
    const seen = Array.from({ length: 6 }, () => (cacheAlloc(THINGS) === NULL ? 'x' : '.'));
    expect(seen.join('')).toBe(expected);
    cacheFail(THINGS, 0, 0);
    expect(cacheAlloc(THINGS)).not.toBe(NULL);
  });

  it('X-4 is one cache only', () => {
    const OTHERS: Cache<'other'> = cacheKind({ name: 'other', id: 10, words: 16, link: 15 });
    cacheFail(THINGS, 0, -1);
    expect(cacheAlloc(OTHERS)).not.toBe(NULL);
  });

  it('X-4 counts for all workers together', () => {
    const other = claimCpu() as Cpu;
    cacheFail(THINGS, 1, 1);
    expect(asCpu(other, () => cacheAlloc(THINGS))).not.toBe(NULL);
    expect(cacheAlloc(THINGS)).toBe(NULL);
    expect(asCpu(other, () => cacheAlloc(THINGS))).not.toBe(NULL);
  });
});

describe('the ledger', () => {
  it('X-9 X-12 allocations less frees are what is live, over all workers', () => {
    const other = claimCpu() as Cpu;
    const things = takeMany(100);
    const theirs = asCpu(other, () => takeMany(50));
    asCpu(other, () => things.slice(0, 30).forEach((thing) => cacheFree(THINGS, thing)));
    theirs.slice(0, 20).forEach((thing) => cacheFreeRcu(THINGS, thing));
    expect(cacheStats(THINGS)).toMatchObject({ allocs: 150, live: 100, deferred: 20 });
  });

  it('X-9 a refused allocation is not counted', () => {
    cacheFail(THINGS, 0, 1);
    cacheAlloc(THINGS);
    expect(cacheStats(THINGS)).toMatchObject({ allocs: 0, live: 0 });
  });

  it('no object has two owners when workers allocate, free and defer at once', async () => {
    const { wrong } = await contend('slab', 3, 300);
    expect(wrong).toBe(0);
    expect(cacheStats({ ...THINGS, name: 'contended' }).live).toBe(0);
  });
});
