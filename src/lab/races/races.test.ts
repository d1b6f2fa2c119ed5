/** Every variant of every race: what is to break breaks, and what is to hold does so throughout. */
import { describe, expect, it } from 'vitest';
import { explore } from '../check/explore.ts';
import { RACES } from './races.ts';

describe.each(RACES)('$name', ({ name, ids, variants }) => {
  it.each(variants)(`${ids.join(' ')} $name: $expects`, (variant) => {
    const { scenario, leave } = variant.open(name);
    const { counterexample, isExhausted } = explore(scenario, { maxSteps: 1e6, shrink: false });
    leave();
    if (variant.expects === 'violation') expect(counterexample).not.toBeNull();
    else expect({ text: counterexample?.text, isExhausted }).toEqual({ isExhausted: true });
  });
});
