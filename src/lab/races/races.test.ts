/** Every variant of every race: what is to break breaks, and what is to hold does so throughout. */
import { describe, expect, it } from 'vitest';
import { explored } from './explored.ts';
import { GAP } from './gap.ts';
import type { RaceVariant } from './race.ts';
import { RACES } from './races.ts';
import type { Opening } from './task.ts';

function expectOf(race: string, variant: RaceVariant, opening: Opening = {}): void {
  const { counterexample, isExhausted } = explored(variant.open(race, opening));
  if (variant.expects === 'violation') expect(counterexample).not.toBeNull();
  else expect({ text: counterexample?.text, isExhausted }).toEqual({ isExhausted: true });
}

describe.each(RACES)('$name', ({ name, ids, variants }) => {
  it.each(variants)(`${ids.join(' ')} $name: $expects`, (variant) => expectOf(name, variant));
});

describe('with the waiting lines of production', () => {
  it.each(GAP.variants)(`${GAP.name} $name: $expects`, (variant) =>
    expectOf(GAP.name, variant, { locks: 'real' }),
  );
});
