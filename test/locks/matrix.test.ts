/**
 * One suite for every generation of the VMA lock and both forms of munmap. The table at the end
 * says what passed where; `-` is what a form has no place for, with the reason below.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { FORMS, GENERATIONS, nameOf, NotHere } from './forms.ts';
import { LIFE_SCENARIOS } from './life_scenarios.ts';
import { LOCK_SCENARIOS } from './lock_scenarios.ts';

const SCENARIOS = Object.entries({ ...LOCK_SCENARIOS, ...LIFE_SCENARIOS });

const table: Record<string, Record<string, string>> = {};
const reasons = new Set<string>();

describe.each(FORMS)('$vmaLock, $munmap:', (form) => {
  it.each(SCENARIOS)('%s', (name, scenario) => {
    const row = (table[name.slice(0, 60)] ??= {});
    row[nameOf(form)] = 'FAILED';
    const outcome = scenario(form);
    row[nameOf(form)] = outcome instanceof NotHere ? '-' : 'passed';
    if (outcome instanceof NotHere) reasons.add(`${form.vmaLock}: ${outcome.why}`);
  });
});

it('S2-31 S2-45 the matrix has every generation and both forms, each scenario in three of four', () => {
  expect(FORMS).toHaveLength(GENERATIONS.length * 2);
  for (const [name] of SCENARIOS) {
    const row = Object.values(table[name.slice(0, 60)] ?? {});
    expect(row, name).toHaveLength(FORMS.length);
    expect(row.filter((cell) => cell === '-').length, name).toBeLessThanOrEqual(2);
  }
});

afterAll(() => {
  console.table(table);
  console.log([...reasons].join('\n'));
});
