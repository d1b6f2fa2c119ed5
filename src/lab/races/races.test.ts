/** Every variant of every race: what is to break breaks, and what is to hold does so throughout. */
import { describe, expect, it } from 'vitest';
import { Dpor } from '../check/dpor.ts';
import { type Coverage, searchThrough } from '../check/explore.ts';
import { HappensBefore } from '../check/happens_before.ts';
import type { RaceVariant } from './race.ts';
import { RACES } from './races.ts';

function explored(variant: RaceVariant): Coverage {
  const { stage, witnesses, leave } = variant.open();
  const races = new HappensBefore(stage.threadNames, stage.nameOf);
  const executor = stage.executor({ witnesses: [...witnesses, races], maxSteps: 1e6 });
  const search = new Dpor(stage.threadNames.length);
  try {
    return searchThrough(stage, executor, search, { executions: 1e6, seconds: 60 });
  } finally {
    leave();
  }
}

describe.each(RACES)('$name', ({ ids, variants }) => {
  it.each(variants)(`${ids.join(' ')} $name: $expects`, (variant) => {
    const { failure, isExhausted } = explored(variant);
    if (variant.expects === 'violation') expect(failure).not.toBeNull();
    else expect({ failure, isExhausted }).toEqual({ failure: null, isExhausted: true });
  });
});
