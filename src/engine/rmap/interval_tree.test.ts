import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { bareArena } from '../../../test/contention.ts';
import { takeWords } from '../arena/arena.ts';
import { setDouble, setWord } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import {
  type IntervalNode,
  intervalLeft,
  intervalTreeHas,
  intervalTreeInsert,
  intervalTreeInsertAfter,
  intervalTreeIterFirst,
  intervalTreeIterNext,
  intervalTreeRemove,
} from './interval_tree.ts';
import { verifyIntervalTree } from './verify_interval_tree.ts';

const NODE_WORDS = 10;
let root: number;
let at: number;

beforeEach(() => {
  bareArena(16 * 2 ** 20);
  root = takeWords(64);
  at = 0;
});

function newNode(): IntervalNode {
  if (at % (64 * NODE_WORDS) === 0) at = takeWords(64 * NODE_WORDS);
  const node = at as IntervalNode;
  at += NODE_WORDS;
  return node;
}

function insert(first: number, last: number): IntervalNode {
  const node = newNode();
  intervalTreeInsert(root, node, { first, last });
  return node;
}

function found(first: number, last: number): number[] {
  const nodes: number[] = [];
  let node = intervalTreeIterFirst(root, first, last);
  for (; node !== NULL; node = intervalTreeIterNext(node, first, last)) nodes.push(node);
  return nodes;
}

/** The same by looking at everything. */
class NaiveIntervals {
  readonly all: { node: IntervalNode; first: number; last: number }[] = [];

  insert(node: IntervalNode, first: number, last: number): void {
    const behind = this.all.findLastIndex((other) => other.first <= first);
    this.all.splice(behind + 1, 0, { node, first, last });
  }

  found(first: number, last: number): number[] {
    const meets = (each: { first: number; last: number }): boolean =>
      each.first <= last && each.last >= first;
    return this.all.filter(meets).map(({ node }) => node);
  }
}

const PAGE = fc.oneof(fc.nat(30), fc.nat(2 ** 31 - 1), fc.constantFrom(0, 2 ** 32, 2 ** 52));
const LENGTH = fc.oneof(fc.nat(3), fc.nat(40), fc.nat(2 ** 31 - 1));
const STEP = fc.record({
  does: fc.constantFrom('insert', 'insert', 'insertAfter', 'remove', 'look', 'look'),
  first: PAGE,
  length: LENGTH,
  which: fc.nat(1000),
});

describe('an interval tree', () => {
  it('finds what a list finds, in the same order, after any steps', () => {
    const isAlike = fc.property(fc.array(STEP, { maxLength: 120 }), (steps) => {
      setWord(root, NULL);
      const naive = new NaiveIntervals();
      for (const { does, first, length, which } of steps) {
        const index = which % Math.max(1, naive.all.length);
        const chosen = naive.all[index];
        if (does === 'insert') {
          naive.insert(insert(first, first + length), first, first + length);
        } else if (does === 'insertAfter' && chosen !== undefined) {
          const node = newNode();
          intervalTreeInsertAfter(root, node, chosen.node);
          naive.all.splice(index + 1, 0, { ...chosen, node });
        } else if (does === 'remove' && chosen !== undefined) {
          intervalTreeRemove(root, chosen.node);
          naive.all.splice(index, 1);
          expect(intervalTreeHas(root, chosen.node)).toBe(false);
        } else expect(found(first, first + length)).toEqual(naive.found(first, first + length));
        expect(verifyIntervalTree(root).nodes).toBe(naive.all.length);
      }
      expect(found(0, Infinity)).toEqual(naive.all.map(({ node }) => node));
      for (const { node } of naive.all) expect(intervalTreeHas(root, node)).toBe(true);
    });
    fc.assert(isAlike, { numRuns: 400 });
  });

  it('finds an interval by its first and its last page, and not beside them', () => {
    const node = insert(10, 12);
    for (const [first, last] of [
      [10, 10],
      [12, 12],
      [0, 10],
      [12, 99],
      [11, 11],
    ] as const) {
      expect(found(first, last)).toEqual([node]);
    }
    expect(found(0, 9)).toEqual([]);
    expect(found(13, 99)).toEqual([]);
  });

  it('stays low with 60,000 equal intervals, and so does finding one of another kind', () => {
    const nodes = Array.from({ length: 60_000 }, () => insert(5, 7));
    const { nodes: count, height } = verifyIntervalTree(root);
    expect(count).toBe(60_000);
    expect(height, 'log2 is 16; an unbalanced tree would have 60,000 levels').toBeLessThan(64);
    expect(found(8, 100)).toEqual([]);
    const other = insert(8, 9);
    expect(found(8, 100)).toEqual([other]);
    expect(found(5, 5)).toEqual(nodes);
    for (const node of nodes) intervalTreeRemove(root, node);
    expect(found(0, Infinity)).toEqual([other]);
  });

  it('stays low with intervals in ascending and in descending order', () => {
    for (let page = 0; page < 20_000; page++) insert(page, page);
    for (let page = 60_000; page > 40_000; page--) insert(page, page);
    expect(verifyIntervalTree(root)).toMatchObject({ nodes: 40_000 });
    expect(verifyIntervalTree(root).height).toBeLessThan(64);
  });

  it('puts a copy right behind its original, before others with the same start', () => {
    const [a, b] = [insert(3, 4), insert(3, 9)];
    const copy = newNode();
    intervalTreeInsertAfter(root, copy, a);
    expect(found(3, 3)).toEqual([a, copy, b]);
    expect(found(4, 4)).toEqual([a, copy, b]);
    expect(found(5, 5)).toEqual([b]);
  });

  it('refuses to remove a node twice, or from a tree that it is not in', () => {
    const [a, b] = [insert(1, 2), insert(3, 4)];
    intervalTreeRemove(root, a);
    expect(() => intervalTreeRemove(root, a)).toThrow('from the tree that it is in');
    const other = takeWords(64);
    expect(() => intervalTreeRemove(other, b)).toThrow('from the tree that it is in');
  });

  it('refuses an interval without pages', () => {
    expect(() => insert(3, 2)).toThrow('an interval has pages');
  });

  it('is found to be broken when it is', () => {
    for (let page = 0; page < 9; page++) insert(page, page + 2);
    const top = intervalTreeIterFirst(root, 0, 0) as IntervalNode;
    setDouble(top, 1000);
    expect(() => verifyIntervalTree(root)).toThrow('an interval has pages');
    setDouble(top, 0);
    verifyIntervalTree(root);
    setDouble(top + 4, 1000);
    expect(() => verifyIntervalTree(root)).toThrow('a maximum');
    expect(intervalLeft(top), 'it is the leftmost').toBe(NULL);
  });
});
