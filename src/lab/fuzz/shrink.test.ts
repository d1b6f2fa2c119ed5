import { describe, expect, it } from 'vitest';
import type { Step } from '../oracle/programs.ts';
import { shrink } from './shrink.ts';

const stepsOf = (text: string): Step[] =>
  text.split('; ').map((operation) => ({ process: 0, operation }));
const textOf = (steps: readonly Step[]): string =>
  steps.map(({ operation }) => operation).join('; ');

/** Fails while it contains all of these, in this order. */
const containing =
  (...needed: string[]) =>
  (steps: readonly Step[]) => {
    let at = 0;
    for (const { operation } of steps) if (operation.startsWith(needed[at] ?? '\n')) at++;
    return at === needed.length;
  };

describe('shrinking', () => {
  it('leaves only what is needed', () => {
    const steps = stepsOf('exit; fork 1; exit; exit; fork 2; exit; fork 3; exit');
    const smallest = shrink(steps, containing('fork 1', 'fork 3'), { tries: 100 });
    expect(textOf(smallest)).toBe('fork 1; fork 3');
  });

  it('makes lengths, flags and values simple', () => {
    const steps = stepsOf(
      'mmap 0x200000000000 0x7000 5 0x20032 -1 0x0; st 0x200000000000 0x3000 0x9900',
    );
    const smallest = shrink(steps, containing('mmap 0x200000000000', 'st'), { tries: 100 });
    expect(textOf(smallest)).toBe(
      'mmap 0x200000000000 0x1000 3 0x32 -1 0x0; st 0x200000000000 0x1000 0x1100',
    );
  });

  it('stops when its tries are used up, with what it has by then', () => {
    let tried = 0;
    const fails = (steps: readonly Step[]): boolean => {
      tried++;
      return steps.length > 0;
    };
    const smallest = shrink(stepsOf(Array(64).fill('exit').join('; ')), fails, { tries: 3 });
    expect(smallest).toHaveLength(8);
    expect(tried).toBe(3);
  });
});
