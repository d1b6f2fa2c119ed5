/** Every variant of every race: what is to break breaks, and what is to hold does so throughout. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from '../../engine/arena/mutants.ts';
import { Dpor } from '../check/dpor.ts';
import { exploreVariant, findings, sentencesOf } from './mutant_table.ts';
import type { RaceVariant } from './race.ts';
import { RACES } from './races.ts';

const explored = (variant: RaceVariant) =>
  exploreVariant(variant, (threads) => new Dpor(threads), 1e6);

/** What speaks against the engine, and not against the scenario. */
const FOUND = ['violation', 'error', 'deadlock', 'race'];

describe.each(RACES)('$name', ({ ids, variants }) => {
  it.each(variants)(`${ids.join(' ')} $name: $expects`, (variant) => {
    const { failure, isExhausted } = explored(variant);
    if (variant.expects === 'violation') expect(FOUND).toContain(failure?.kind);
    else expect({ failure, isExhausted }).toEqual({ failure: null, isExhausted: true });
  });
});

describe('the list of planted bugs', () => {
  it('X-10 names a race that finds each of them', () => {
    expect(findings().map(({ mutant }) => mutant)).toEqual(MUTANTS);
  });

  it('says what each of them takes away, and docs/mutants.md shows it', () => {
    const sentences = sentencesOf(readFileSync('src/engine/arena/no_mutants.ts', 'utf8'));
    expect([...sentences.keys()]).toEqual(MUTANTS);
    const page = readFileSync('docs/mutants.md', 'utf8');
    for (const { mutant, race, variant } of findings()) {
      const row = `| \`${mutant}\` | ${sentences.get(mutant) ?? ''} | ${race}: ${variant.name} |`;
      expect(page).toContain(row);
    }
  });
});
