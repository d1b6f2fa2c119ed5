import { beforeEach, describe, expect, it } from 'vitest';
import { IS_SHADOWED } from '#shadow';
import { bareArena } from '../../../test/contention.ts';
import { assert } from '../arena/assert.ts';
import { takeWords } from '../arena/arena.ts';
import { ENOMEM, OK } from '../arena/errno.ts';
import { synchronizeRcu } from '../rcu/rcu.ts';
import { cacheDrain, cacheStats } from '../slab/cache.ts';
import { cacheFail } from '../slab/fail.ts';
import {
  dumpTree,
  MAPLE_NODE_CACHE,
  type MapleTree,
  masDestroy,
  masEmptyArea,
  masEmptyAreaRev,
  masErase,
  masFind,
  masFindRev,
  masNext,
  masPreallocate,
  masPrev,
  masState,
  masStoreGfp,
  masStorePrealloc,
  masWalk,
  MT_MAX,
  mtDestroy,
  mtEmpty,
  mtHeight,
  mtInit,
  mtreeLoad,
  treeStats,
  verifyTree,
} from './maple.ts';
import { RangeModel } from '../../../test/range_model.ts';

let tree: MapleTree;

beforeEach(() => {
  bareArena(64 * 2 ** 20);
  tree = takeWords(64) as MapleTree;
  mtInit(tree);
});

function store(index: number, last: number, entry: number): void {
  assert(masStoreGfp(masState(tree, index, last), entry) === OK, 'there is memory enough');
}

function contents(of = tree): string {
  const mas = masState(of, 0, 0);
  const parts: string[] = [];
  for (let entry = masFind(mas, MT_MAX); entry !== 0; entry = masFind(mas, MT_MAX)) {
    parts.push(`${mas.index}-${mas.last}:${entry}`);
  }
  return parts.join(' ');
}

const live = (): number => cacheStats(MAPLE_NODE_CACHE).live;

/** A generator that a seed repeats: mulberry32. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

describe('masStoreGfp', () => {
  it('keeps one range in an empty tree', () => {
    store(10, 19, 7);
    expect(contents()).toBe('10-19:7');
    expect([9, 10, 19, 20].map((i) => mtreeLoad(tree, i))).toEqual([0, 7, 7, 0]);
    verifyTree(tree);
  });

  it('covers all indexes with one entry, and takes it away', () => {
    store(0, MT_MAX, 7);
    expect(mtreeLoad(tree, 0)).toBe(7);
    expect(mtreeLoad(tree, MT_MAX)).toBe(7);
    verifyTree(tree);
    store(0, MT_MAX, 0);
    expect(mtEmpty(tree)).toBe(true);
  });

  it('stores nothing in an empty tree', () => {
    store(3, 5, 0);
    expect(mtEmpty(tree)).toBe(true);
  });

  it('keeps both outer parts of the range it cuts', () => {
    store(0, 99, 1);
    store(40, 59, 2);
    expect(contents()).toBe('0-39:1 40-59:2 60-99:1');
  });

  it('does not join equal entries', () => {
    store(0, 9, 1);
    store(10, 19, 1);
    expect(contents()).toBe('0-9:1 10-19:1');
  });

  it('replaces entries over many leaves and levels', () => {
    for (let i = 0; i < 5000; i++) store(i * 10, i * 10 + 9, i + 1);
    verifyTree(tree);
    store(15, 49_984, 9999);
    expect(contents()).toBe('0-9:1 10-14:2 15-49984:9999 49985-49989:4999 49990-49999:5000');
    verifyTree(tree);
    expect(mtHeight(tree)).toBe(1);
  });

  it('shrinks to nothing when all is erased, one by one from either end', () => {
    for (const order of [1, -1]) {
      for (let i = 0; i < 3000; i++) store(i * 10, i * 10 + 4, i + 1);
      for (let n = 0; n < 3000; n++) {
        const i = order === 1 ? n : 2999 - n;
        expect(masErase(masState(tree, i * 10 + 2, 0))).toBe(i + 1);
        if (n % 100 === 0) verifyTree(tree);
      }
      expect(mtEmpty(tree)).toBe(true);
    }
  });

  it.each(['upwards', 'downwards'])('keeps a tree dense that grows %s', (direction) => {
    const count = IS_SHADOWED ? 6000 : 60_000;
    for (let n = 0; n < count; n++) {
      const i = direction === 'upwards' ? n : count - 1 - n;
      store(i * 10, i * 10 + (i % 3 === 0 ? 8 : 9), i + 1);
    }
    verifyTree(tree);
    const stats = treeStats(tree);
    expect(stats.entries).toBe(count);
    expect(stats.fill).toBeGreaterThan(0.85);
    expect(mtreeLoad(tree, 34_575)).toBe(3458);
  });

  it('leaves no node behind', () => {
    for (let i = 0; i < 4000; i++) store(((i * 7919) % 4000) * 3, ((i * 7919) % 4000) * 3 + 1, 5);
    mtDestroy(tree);
    expect(mtEmpty(tree)).toBe(true);
    expect(live()).toBe(0);
    synchronizeRcu();
    cacheDrain(MAPLE_NODE_CACHE);
    expect(cacheStats(MAPLE_NODE_CACHE).deferred).toBe(0);
  });
});

describe('masPreallocate', () => {
  it('puts aside what the store takes, no more, and the store allocates nothing', () => {
    const random = randomFrom(11);
    for (let n = 0; n < 4000; n++) {
      const index = random(20_000);
      const mas = masState(tree, index, index + random(n % 10 === 0 ? 3000 : 20));
      const entry = random(3) === 0 ? 0 : n + 1;
      expect(masPreallocate(mas, entry)).toBe(OK);

      const { allocs } = cacheStats(MAPLE_NODE_CACHE);
      const { spares } = mas;
      cacheFail(MAPLE_NODE_CACHE, 0, -1);
      masStorePrealloc(mas, entry);
      cacheFail(MAPLE_NODE_CACHE, 0, 0);
      expect(cacheStats(MAPLE_NODE_CACHE).allocs).toBe(allocs);
      expect(spares).toBeLessThan(20);
      expect(mas.spares).toBe(0);
    }
    verifyTree(tree);
    mtDestroy(tree);
    expect(live()).toBe(0);
  });

  it('changes nothing and keeps nothing when any allocation fails', () => {
    const random = randomFrom(12);
    for (let i = 0; i < 2000; i++) store(i * 10, i * 10 + 9, i + 1);
    for (let n = 0; n < 100; n++) {
      const index = random(20_000);
      const last = index + random(n % 2 === 0 ? 5 : 8000);
      const entry = n % 3 === 0 ? 0 : 77;
      const before = dumpTree(tree);
      const nodes = live();
      for (let skip = 0; ; skip++) {
        cacheFail(MAPLE_NODE_CACHE, skip, -1);
        const mas = masState(tree, index, last);
        const result = n % 2 === 0 ? masPreallocate(mas, entry) : masStoreGfp(mas, entry);
        cacheFail(MAPLE_NODE_CACHE, 0, 0);
        masDestroy(mas);
        if (result === OK) break;
        expect(result).toBe(ENOMEM);
        expect(mas.status).toBe('start');
        expect(dumpTree(tree)).toBe(before);
        expect(live()).toBe(nodes);
      }
    }
  });
});

const SEED = Number(process.env['SEED'] ?? 1);
/** A checked build takes as long for a tenth of them. */
const OPS = Number(process.env['OPS'] ?? (IS_SHADOWED ? 20_000 : 200_000));

/**
 * Where a run stores: `places` of `unit` indexes each, mostly up to `longest` of them, once
 * in `sweep` any number. Reads are compared every `reads` stores, all every `whole`.
 */
interface Scale {
  readonly name: string;
  readonly places: number;
  readonly unit: number;
  readonly base: number;
  readonly longest: number;
  readonly sweep: number;
  readonly reads: number;
  readonly whole: number;
}

const TINY = { name: 'small dense indexes', places: 200, unit: 1, base: 0, longest: 12 };
const MANY = { name: 'many small ranges', places: 20_000, unit: 1, base: 0, longest: 6 };
const DEEP = { name: 'a deep tree', places: 500_000, unit: 4096, base: 0, longest: 6 };
const PAGE = { name: 'pages of 47 bits', places: 2 ** 34, unit: 4096, base: 65_536 };
const FAR = { name: 'the greatest indexes', places: 3000, unit: 2 ** 41 + 3, base: 0, longest: 20 };

const SCALES: Scale[] = [
  { ...TINY, sweep: 50, reads: 4, whole: 499 },
  { ...MANY, sweep: 2000, reads: 20, whole: 2999 },
  { ...DEEP, sweep: 40_000, reads: 5000, whole: 49_999 },
  { ...PAGE, longest: 2 ** 26, sweep: 300, reads: 10, whole: 1999 },
  { ...FAR, sweep: 200, reads: 10, whole: 1999 },
];

describe(`against the plain model, SEED=${SEED}`, () => {
  it.each(SCALES)('agrees on $name', (scale) => {
    const repeat = `SEED=${SEED} npx vitest run src/engine/maple/store.test.ts`;
    const random = randomFrom(SEED);
    const model = new RangeModel();

    for (let n = 0; n < OPS; n++) {
      const start = random(scale.places);
      const places = 1 + random(random(scale.sweep) === 0 ? scale.places : scale.longest);
      const index = scale.base + start * scale.unit;
      const last = Math.min(index + places * scale.unit - 1, MT_MAX);
      if (index > last) continue;
      // Fill and thin out in turn, so that the tree grows and shrinks.
      const isErase = random(10) < (n % 60_000 < 30_000 ? 2 : 7);
      const entry = isErase ? 0 : n + 1;
      store(index, last, entry);
      model.store(index, last, entry);

      if (n % scale.reads === 0) compareReads(model, random, scale, repeat);
      if (n % scale.whole === 0) compareAll(model, repeat);
    }
    compareAll(model, repeat);
    mtDestroy(tree);
    expect(live(), repeat).toBe(0);
  });

  function compareAll(model: RangeModel, repeat: string): void {
    verifyTree(tree);
    const want = model.ranges.map((r) => `${r.index}-${r.last}:${r.entry}`).join(' ');
    expect(contents(), repeat).toBe(want);
  }

  function compareReads(
    model: RangeModel,
    random: (below: number) => number,
    scale: Scale,
    repeat: string,
  ): void {
    const at = Math.min(scale.base + random(scale.places) * scale.unit, MT_MAX);
    // Expecting is slow: only what differs is shown.
    const agree = (got: number, want: number): void => {
      if (got !== want) expect(got, repeat).toBe(want);
    };
    const walked = model.walk(at);
    const mas = masState(tree, at, at);
    agree(mtreeLoad(tree, at), walked.entry);
    agree(masWalk(mas), walked.entry);
    agree(mas.index, walked.index);
    agree(mas.last, walked.last);

    const next = walked.last === MT_MAX ? null : model.find(walked.last + 1);
    agree(masNext(mas, MT_MAX), next?.entry ?? 0);
    agree(mas.index, next?.index ?? mas.index);
    agree(mas.last, next?.last ?? mas.last);

    const back = masState(tree, at, at);
    const prev = walked.index === 0 ? null : model.findRev(walked.index - 1);
    agree(masPrev(back, 0), prev?.entry ?? 0);
    agree(back.index, prev?.index ?? back.index);
    agree(masFind(masState(tree, at, at), MT_MAX), model.find(at)?.entry ?? 0);
    agree(masFindRev(masState(tree, at, at), 0), model.findRev(at)?.entry ?? 0);

    const max = Math.min(at + random(scale.places) * scale.unit, MT_MAX);
    const area = { min: at, max, size: (1 + random(scale.longest * 3)) * scale.unit };
    const low = masState(tree, 0, 0);
    const lowResult = masEmptyArea(low, area);
    agree(lowResult === OK ? low.index : lowResult, model.emptyArea(area, 'lowest'));
    const high = masState(tree, 0, 0);
    const highResult = masEmptyAreaRev(high, area);
    agree(highResult === OK ? high.index : highResult, model.emptyArea(area, 'highest'));
  }
});
