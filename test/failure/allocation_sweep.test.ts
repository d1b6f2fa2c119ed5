/**
 * Every allocation of every call fails, once and from there on for ever; every step of every fork.
 * After each failure the address space is what the call's contract says, and in the end nothing is
 * left. What that means is in src/lab/sweep/outcome.ts and parts.ts.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { FORK_STEPS, Machine } from '../../src/index.ts';
import { randomPrograms, scenarioPrograms } from '../../src/lab/sweep/corpus.ts';
import { PROFILE_NAMES } from '../../src/lab/sweep/profiles.ts';
import { type SweepDocument, sweepDocument, sweepText } from '../../src/lab/sweep/report.ts';
import { sweep, type SweepResult } from '../../src/lab/sweep/sweep.ts';

const writtenIn = (page: string): string =>
  readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');

/** Milliseconds; it takes a fraction of one. */
const MINUTES = 4 * 60_000;

describe('X-4 X-9 S0-20 S0-24 the sweep over the corpus', () => {
  let result: SweepResult;
  let document: SweepDocument;

  beforeAll(() => {
    result = sweep(scenarioPrograms());
    document = sweepDocument(result);
  }, MINUTES);

  it('X-4 knows every outcome', () => {
    expect(document.findings).toEqual([]);
    expect(document.ok).toBe(true);
    expect(document.outcomes.unknown.count).toBe(0);
  });

  it('X-4 makes every call fail in many ways', () => {
    const { summary, attempts, outcomes } = document;
    expect(summary.sites).toBeGreaterThan(50);
    expect(attempts.once).toBeGreaterThan(1500);
    expect(attempts['for ever']).toBe(attempts.once);
    expect(attempts['then again']).toBeGreaterThan(1000);
    for (const name of ['unchanged', 'splits', 'hole', 'another way', 'some VMAs'] as const) {
      expect([name, outcomes[name].count > 20]).toEqual([name, true]);
    }
  });

  it('X-4 refuses an object of every cache', () => {
    const caches = new Set(document.sites.map(({ site }) => site.split(':')[0]));
    for (const { name } of Machine.create().report().caches) expect(caches).toContain(name);
  });

  it('S3-2 fails at every step of a fork, for every VMA, and then leaves nothing', () => {
    const steps = document.sites.filter(({ site }) => site.startsWith('fork'));
    expect(steps.map(({ site }) => site)).toEqual(
      FORK_STEPS.map((step) => `fork: the step “${step}”`).toSorted(),
    );
    for (const { outcomes } of steps) expect(Object.keys(outcomes)).toEqual(['unchanged']);
    expect(document.attempts['fork step']).toBeGreaterThan(2000);
  });

  it('X-4 says what docs/sweep.md says', () => {
    expect(sweepText(result), 'vmaspace sweep > docs/sweep.md').toBe(writtenIn('sweep.md'));
  });

  it('X-4 has no outcome that docs/failure.md does not explain', () => {
    const explained = writtenIn('failure.md');
    for (const [name, { count }] of Object.entries(document.outcomes)) {
      if (count > 0) expect(explained).toContain(`**${name}`);
    }
  });
});

describe('X-4 X-9 the sweep over random programs', () => {
  it.each(PROFILE_NAMES)('X-4 knows every outcome of %s programs', (profile) => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const programs = [...randomPrograms([profile], 1, 1), ...randomPrograms([profile], seed, 1)];
    const { findings, summary } = sweepDocument(sweep(programs));
    expect(findings, programs.map(({ command }) => command).join('\n')).toEqual([]);
    expect(summary.attempts).toBeGreaterThan(50);
  });
});
