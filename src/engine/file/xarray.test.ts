import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { bareArena } from '../../../test/contention.ts';
import { takeWords } from '../arena/arena.ts';
import { EEXIST, ENOMEM, OK } from '../arena/errno.ts';
import { word } from '../arena/memory.ts';
import { NULL, type WordAt } from '../arena/ref.ts';
import { synchronizeRcu } from '../rcu/rcu.ts';
import { cacheDrain, cacheStats } from '../slab/cache.ts';
import { cacheFail } from '../slab/fail.ts';
import { XA_NODE_CACHE } from './xa_node_struct.ts';
import { xaErase, xaFind, xaInsert, xaLoad } from './xarray.ts';

const LARGEST = 2 ** 51 - 1;

let root: WordAt;
beforeEach(() => {
  bareArena();
  root = takeWords(64);
});

const nodes = (): number => cacheStats(XA_NODE_CACHE).live;

describe('xarray', () => {
  it.each([0, 63, 64, 4095, 4096, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, LARGEST])(
    'keeps one entry at index %d, and nothing beside it',
    (index) => {
      expect(xaInsert(root, index, 77)).toBe(OK);
      expect(xaLoad(root, index)).toBe(77);
      expect(xaLoad(root, index + 1)).toBe(NULL);
      expect(xaFind(root, 0, LARGEST)).toBe(77);
      expect(xaFind(root, index, index)).toBe(77);
      expect(xaFind(root, index + 1, LARGEST + 1)).toBe(NULL);
      if (index > 0) expect(xaFind(root, 0, index - 1)).toBe(NULL);
      expect(xaErase(root, index)).toBe(77);
      expect([xaLoad(root, index), word(root), nodes()]).toEqual([NULL, NULL, 0]);
    },
  );

  it('refuses a second entry at an index', () => {
    xaInsert(root, 5, 1);
    expect(xaInsert(root, 5, 2)).toBe(EEXIST);
    expect(xaLoad(root, 5)).toBe(1);
  });

  it('grows above what it holds', () => {
    xaInsert(root, 3, 1);
    xaInsert(root, 64 ** 3, 2);
    expect([xaLoad(root, 3), xaLoad(root, 64 ** 3)]).toEqual([1, 2]);
    expect(xaFind(root, 4, LARGEST)).toBe(2);
  });

  it('leaves nothing behind when memory runs out at any node', () => {
    xaInsert(root, 1, 1);
    for (let skip = 0; skip < 9; skip++) {
      cacheFail(XA_NODE_CACHE, skip, 1);
      const result = xaInsert(root, LARGEST, 2);
      cacheFail(XA_NODE_CACHE, 0, 0);
      if (result === OK) break;
      expect(result).toBe(ENOMEM);
      expect([xaLoad(root, 1), xaLoad(root, LARGEST)]).toEqual([1, NULL]);
    }
    if (xaLoad(root, LARGEST) === NULL) xaInsert(root, LARGEST, 2);
    xaErase(root, 1);
    xaErase(root, LARGEST);
    expect([word(root), nodes()]).toEqual([NULL, 0]);
  });

  it('is a map from numbers to entries, whatever comes and goes', () => {
    const anyIndex = fc.oneof(
      fc.nat(200),
      fc.nat(2 ** 20),
      fc.integer({ min: 0, max: LARGEST }),
      fc.constantFrom(0, 63, 64, 4095, 4096),
    );
    const step = fc.record({ what: fc.constantFrom('insert', 'erase', 'find'), index: anyIndex });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        bareArena();
        root = takeWords(64);
        const model = new Map<number, number>();
        for (const [i, { what, index }] of steps.entries()) {
          if (what === 'insert') {
            expect(xaInsert(root, index, i + 1)).toBe(model.has(index) ? EEXIST : OK);
            if (!model.has(index)) model.set(index, i + 1);
          } else if (what === 'erase') {
            expect(xaErase(root, index)).toBe(model.get(index) ?? NULL);
            model.delete(index);
          } else {
            const next = Math.min(...[...model.keys()].filter((key) => key >= index));
            expect(xaFind(root, index, LARGEST)).toBe(model.get(next) ?? NULL);
          }
        }
        for (const [key, value] of model) expect(xaLoad(root, key)).toBe(value);
        for (const key of model.keys()) xaErase(root, key);
        synchronizeRcu();
        cacheDrain(XA_NODE_CACHE);
        expect([word(root), nodes()]).toEqual([NULL, 0]);
      }),
      { numRuns: 200 },
    );
  });
});
