/** The sweep under the checked build: what fails half-way meets nothing that was given back. */
import { expect, it } from 'vitest';
import { IS_SHADOWED } from '#shadow';
import { randomPrograms, scenarioPrograms } from '../../src/lab/sweep/corpus.ts';
import { sweepDocument } from '../../src/lab/sweep/report.ts';
import { sweep } from '../../src/lab/sweep/sweep.ts';

it('X-4 X-5 no failure of an allocation leads to what is free', () => {
  expect(IS_SHADOWED).toBe(true);
  const { summary, findings } = sweepDocument(sweep(scenarioPrograms('', [0])));
  expect(findings).toEqual([]);
  expect(summary.attempts).toBeGreaterThan(2000);
  expect(summary.sites).toBeGreaterThan(50);
});

it('X-4 X-5 nor in a random program', () => {
  const { summary, findings } = sweepDocument(sweep(randomPrograms(['mixed'], 3, 1)));
  expect(findings).toEqual([]);
  expect(summary.attempts).toBeGreaterThan(200);
});
