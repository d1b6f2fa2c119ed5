import { beforeEach, describe, expect, it } from 'vitest';
import { bareArena } from '../../../test/contention.ts';
import { takeWords } from '../arena/arena.ts';
import {
  type Mas,
  type MapleTree,
  masFind,
  masFindRev,
  masNext,
  masNextRange,
  masPause,
  masPrev,
  masPrevRange,
  masReset,
  masSet,
  masSetRange,
  masState,
  type MasStatus,
  masStoreGfp,
  masWalk,
  MT_MAX,
  mtInit,
} from './maple.ts';

let tree: MapleTree;

//   0      10     20     30     40     50     60           max
//   ├ gap ─┼─ 1 ──┼ gap ─┼─ 2 ──┼ gap ─┼─ 3 ──┼──── gap ────┤
beforeEach(() => {
  bareArena(16 * 2 ** 20);
  tree = takeWords(64) as MapleTree;
  mtInit(tree);
  for (const entry of [1, 2, 3]) store(entry * 20 - 10, entry * 20 - 1, entry);
});

const store = (index: number, last: number, entry: number): number =>
  masStoreGfp(masState(tree, index, last), entry);

const place = (mas: Mas): string => `${mas.status} ${mas.index}-${mas.last}`;

/** A cursor in each status, on entry 2 where it can be. */
const IN_STATUS: Record<MasStatus, () => Mas> = {
  start: () => masState(tree, 30, 30),
  active() {
    const mas = masState(tree, 30, 30);
    masWalk(mas);
    return mas;
  },
  pause() {
    const mas = IN_STATUS.active();
    masPause(mas);
    return mas;
  },
  overflow() {
    const mas = IN_STATUS.active();
    masNext(mas, 39);
    return mas;
  },
  underflow() {
    const mas = IN_STATUS.active();
    masPrev(mas, 30);
    return mas;
  },
  none() {
    const mas = IN_STATUS.active();
    mas.status = 'none';
    return mas;
  },
};

const STEPS = {
  next: (mas: Mas) => masNext(mas, MT_MAX),
  prev: (mas: Mas) => masPrev(mas, 0),
  find: (mas: Mas) => masFind(mas, MT_MAX),
  findRev: (mas: Mas) => masFindRev(mas, 0),
};

/** Linux's table: from each status on entry 2, the entry each step gives. */
const TABLE: Record<MasStatus, Record<keyof typeof STEPS, number>> = {
  start: { next: 3, prev: 1, find: 2, findRev: 2 },
  active: { next: 3, prev: 1, find: 3, findRev: 1 },
  pause: { next: 3, prev: 1, find: 3, findRev: 1 },
  none: { next: 3, prev: 1, find: 2, findRev: 2 },
  overflow: { next: 3, prev: 2, find: 2, findRev: 1 },
  underflow: { next: 2, prev: 1, find: 2, findRev: 1 },
};

describe('a cursor on an entry', () => {
  for (const status of Object.keys(TABLE) as MasStatus[]) {
    for (const step of Object.keys(STEPS) as (keyof typeof STEPS)[]) {
      const want = TABLE[status][step];
      it(`in ${status}, ${step} gives entry ${want} and stands on it`, () => {
        const mas = IN_STATUS[status]();
        expect(mas.status).toBe(status);
        expect(STEPS[step](mas)).toBe(want);
        expect(place(mas)).toBe(`active ${want * 20 - 10}-${want * 20 - 1}`);
      });
    }
  }
});

describe('a cursor at its limit', () => {
  it('overflows, keeps its place, and goes on when the limit is raised', () => {
    const mas = IN_STATUS.active();
    expect(masNext(mas, 39)).toBe(0);
    expect(place(mas)).toBe('overflow 30-39');
    expect(masNext(mas, 45)).toBe(0);
    expect(place(mas)).toBe('overflow 40-49');
    expect(masNext(mas, 50)).toBe(3);
    expect(place(mas)).toBe('active 50-59');
  });

  it('underflows, keeps its place, and goes on when the limit is lowered', () => {
    const mas = IN_STATUS.active();
    expect(masPrev(mas, 30)).toBe(0);
    expect(place(mas)).toBe('underflow 30-39');
    expect(masPrev(mas, 25)).toBe(0);
    expect(place(mas)).toBe('underflow 20-29');
    expect(masPrev(mas, 19)).toBe(1);
    expect(place(mas)).toBe('active 10-19');
  });

  it.each(Object.keys(TABLE) as MasStatus[])('in %s, next and prev say so', (status) => {
    const next = IN_STATUS[status]();
    expect(masNext(next, next.last)).toBe(0);
    expect(next.status).toBe('overflow');
    const prev = IN_STATUS[status]();
    expect(masPrev(prev, prev.index)).toBe(0);
    expect(prev.status).toBe('underflow');
  });

  it.each([
    ['active', 'active', 'active'],
    ['pause', 'pause', 'underflow'],
    ['none', 'none', 'none'],
    ['overflow', 'overflow', 'underflow'],
    ['underflow', 'overflow', 'underflow'],
  ] as [MasStatus, MasStatus, MasStatus][])('in %s, find is then %s and findRev %s', (...names) => {
    const [status, afterFind, afterFindRev] = names;
    const find = IN_STATUS[status]();
    expect(masFind(find, 30)).toBe(0);
    expect(find.status).toBe(afterFind);
    const findRev = IN_STATUS[status]();
    expect(masFindRev(findRev, 39)).toBe(0);
    expect(findRev.status).toBe(afterFindRev);
  });

  it('stays active when a find runs out', () => {
    const mas = masState(tree, 0, 0);
    expect([1, 2, 3, 4].map(() => masFind(mas, MT_MAX))).toEqual([1, 2, 3, 0]);
    expect(place(mas)).toBe(`active 60-${MT_MAX}`);
    expect(masFind(mas, MT_MAX)).toBe(0);
    expect(masPrev(mas, 0)).toBe(3);
  });

  it('finds nothing that begins past the limit', () => {
    expect(masFind(masState(tree, 0, 0), 9)).toBe(0);
    expect(masFind(masState(tree, 0, 0), 10)).toBe(1);
    expect(masFind(masState(tree, 12, 12), 11)).toBe(0);
    expect(masFindRev(masState(tree, 29, 29), 20)).toBe(0);
    expect(masFindRev(masState(tree, 29, 29), 19)).toBe(1);
  });
});

describe('the range steps', () => {
  it('stop at gaps', () => {
    const mas = IN_STATUS.active();
    expect(masNextRange(mas, MT_MAX)).toBe(0);
    expect(place(mas)).toBe('active 40-49');
    expect(masNextRange(mas, MT_MAX)).toBe(3);
    expect(masPrevRange(mas, 0)).toBe(0);
    expect(masPrevRange(mas, 0)).toBe(2);
    expect(place(mas)).toBe('active 30-39');
  });
});

describe('an empty tree', () => {
  beforeEach(() => void store(0, MT_MAX, 0));

  it.each(Object.keys(STEPS) as (keyof typeof STEPS)[])('gives %s nothing', (step) => {
    const mas = masState(tree, 5, 5);
    expect(STEPS[step](mas)).toBe(0);
    expect(place(mas)).toBe(`none 0-${MT_MAX}`);
  });
});

describe('a cursor and stores', () => {
  it('stands on what it stored, widened if that was nothing', () => {
    const mas = masState(tree, 22, 24);
    masStoreGfp(mas, 9);
    expect(place(mas)).toBe('active 22-24');
    expect(masNext(mas, MT_MAX)).toBe(2);
    masSetRange(mas, 22, 24);
    masStoreGfp(mas, 0);
    expect(place(mas)).toBe('active 20-29');
    expect(masPrev(mas, 0)).toBe(1);
  });

  it('sees the tree as it is now when its leaf has been replaced', () => {
    const mas = IN_STATUS.active();
    store(45, 47, 9);
    expect(masNext(mas, MT_MAX)).toBe(9);
    store(48, 48, 0);
    store(0, 44, 0);
    expect(masPrev(mas, 0)).toBe(0);
  });

  it('passes on, never back, when what it stands on has grown', () => {
    const mas = IN_STATUS.active();
    store(20, 49, 7);
    expect(masNext(mas, MT_MAX)).toBe(7);
    expect(place(mas)).toBe('active 40-49');
    expect(masNext(mas, MT_MAX)).toBe(3);
  });

  it('is aimed anew by set, and walks there', () => {
    const mas = IN_STATUS.active();
    masSet(mas, 55);
    expect(place(mas)).toBe('start 55-55');
    expect(masWalk(mas)).toBe(3);
    expect(place(mas)).toBe('active 50-59');
    masReset(mas);
    expect(place(mas)).toBe('start 50-59');
  });
});
