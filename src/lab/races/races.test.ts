/** Every variant of every race: what is to break breaks, and what is to hold does so throughout. */
import { describe, expect, it } from 'vitest';
import { explored } from './explored.ts';
import { GAP } from './gap.ts';
import type { RaceVariant } from './race.ts';
import { RACES } from './races.ts';

function expectOf(variant: RaceVariant, scheduler = {}): void {
  const { failure, isExhausted } = explored(variant.open(scheduler));
  if (variant.expects === 'violation') expect(failure).not.toBeNull();
  else expect({ failure, isExhausted }).toEqual({ failure: null, isExhausted: true });
}

describe.each(RACES)('$name', ({ ids, variants }) => {
  it.each(variants)(`${ids.join(' ')} $name: $expects`, (variant) => expectOf(variant));
});

describe('with the waiting lines of production', () => {
  it.each(GAP.variants)(`${GAP.name} $name: $expects`, (variant) =>
    expectOf(variant, { restsOnLocks: false }),
  );
});
