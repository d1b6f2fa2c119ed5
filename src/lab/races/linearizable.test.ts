/** The comparison with sequential orders: that it finds what is not one call. */
import { describe, expect, it } from 'vitest';
import { CALLS, type Call } from './calls.ts';
import { explored } from './explored.ts';
import { openHistory } from './linearizable.ts';
import { Sequential } from './sequential.ts';
import { mapFixed, RW, unmap } from './world.ts';

/** Two calls that pass for one. */
const replaceInTwo: Call = {
  name: 'munmap, and then mmap',
  run(state) {
    unmap({ page: 0, count: 2 }).run(state);
    return mapFixed({ page: 0, count: 2 }, RW).run(state);
  },
};
const replaceInOne: Call = mapFixed({ page: 0, count: 2 }, RW);
const protect = CALLS['mprotect'] as Call;

const TITLE = { name: 'history', variant: 'new' };

describe('openHistory', () => {
  it('finds what comes to something that no order comes to', () => {
    const { counterexample } = explored(
      openHistory([[replaceInTwo], [protect]], { hasRss: true }, TITLE),
      { shrink: false },
    );
    const failure = counterexample?.failure;
    expect(failure?.message).toMatch(/^in no order do these calls come to:\nthread 1: \d+\n/u);
    expect(failure?.message).toContain('thread 2: -12');
  });

  it('finds nothing wrong with the same in one call', () => {
    const coverage = explored(openHistory([[replaceInOne], [protect]], { hasRss: true }, TITLE), {
      shrink: false,
    });
    expect(coverage).toMatchObject({ counterexample: null, isExhausted: true });
  });
});

describe('Sequential', () => {
  const ordersOf = (counts: readonly number[]): number => {
    const search = new Sequential(counts);
    let orders = 1;
    while (search.next()) orders++;
    return orders;
  };

  it('has an execution for each order of whole operations', () => {
    expect(ordersOf([1, 1])).toBe(2);
    expect(ordersOf([2, 1])).toBe(3);
    expect(ordersOf([1, 1, 1])).toBe(6);
    expect(ordersOf([2, 2])).toBe(6);
  });
});
