/**
 * Every variant of every race: what is to break breaks, and what is to hold does so throughout; and
 * docs/races.md says what came out.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from '../../engine/arena/mutants.ts';
import { explored } from './explored.ts';
import { GAP } from './gap.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import type { RaceVariant } from './race.ts';
import { RACES } from './races.ts';
import { tablePage } from './races_table.ts';
import { listing } from './run_task.ts';
import type { Opening } from './task.ts';

const outcomes: Outcome[] = [];

function outcomeIn(race: string, variant: RaceVariant, opening: Opening = {}): Outcome {
  const report = explored(variant.open(race, opening), { shrink: false });
  const task = { race, variant: variant.name, options: {} };
  return outcomeOf({ kind: 'report', task, report }, listing());
}

describe.each(RACES)('$name', ({ name, ids, variants }) => {
  it.each(variants)(`${ids.join(' ')} $name: $expects`, (variant) => {
    const outcome = outcomeIn(name, variant);
    outcomes.push(outcome);
    const text = outcome.report?.counterexample?.text;
    expect(outcome.verdict, text).toBe('as known');
  });
});

it('X-10 docs/races.md is what came out: npm run races', () => {
  const page = readFileSync(new URL('../../../docs/races.md', import.meta.url), 'utf8');
  expect(page).toBe(tablePage(outcomes));
});

describe('with the waiting lines of production', () => {
  it.each(GAP.variants)(`${GAP.name} $name: $expects`, (variant) => {
    expect(outcomeIn(GAP.name, variant, { locks: 'real' }).verdict).toBe('as known');
  });
});

it('X-10 a race finds each planted bug', () => {
  const found = outcomes.filter(({ report }) => report?.counterexample !== null);
  expect([...new Set(found.flatMap(({ mutant }) => mutant ?? []))].toSorted()).toEqual(MUTANTS);
});
