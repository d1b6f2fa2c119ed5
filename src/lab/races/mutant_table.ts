/**
 * The list of planted bugs: which check, barrier or order each takes away, which race finds it, and
 * how hard that is.
 */
import { type Mutant, MUTANTS } from '../../engine/arena/mutants.ts';
import { DepthFirst } from '../check/depth_first.ts';
import { Dpor } from '../check/dpor.ts';
import { type Coverage, searchThrough } from '../check/explore.ts';
import { HappensBefore } from '../check/happens_before.ts';
import type { Search } from '../check/search.ts';
import type { RaceVariant } from './race.ts';
import { RACES } from './races.ts';

/** The first race that finds a planted bug. */
export interface Finding {
  readonly mutant: Mutant;
  readonly race: string;
  readonly variant: RaceVariant;
}

/** What is known of each, in the order of the list. A bug without a race is left out. */
export const findings = (): Finding[] => MUTANTS.flatMap((mutant) => findingOf(mutant) ?? []);

function findingOf(mutant: Mutant): Finding | null {
  for (const { name, variants } of RACES) {
    const variant = variants.find((each) => each.mutant === mutant && each.expects === 'violation');
    if (variant !== undefined) return { mutant, race: name, variant };
  }
  return null;
}

/** Most executions with one number of preemptions. */
const EXECUTIONS = 5000;
const MOST_PREEMPTIONS = 3;

/** Runs a variant with a search of its own. */
export function exploreVariant(
  { open }: RaceVariant,
  searchOf: (threads: number) => Search,
  executions: number,
): Coverage {
  const { stage, witnesses, leave } = open();
  const races = new HappensBefore(stage.threadNames, stage.nameOf);
  const executor = stage.executor({ witnesses: [...witnesses, races], maxSteps: 1e6 });
  try {
    const budget = { executions, seconds: Infinity };
    return searchThrough(stage, executor, searchOf(stage.threadNames.length), budget);
  } finally {
    leave();
  }
}

/** The fewest preemptions that it takes, or null: more, or not found in so many executions. */
function preemptionsOf(variant: RaceVariant): number | null {
  for (let bound = 0; bound <= MOST_PREEMPTIONS; bound++) {
    const { failure } = exploreVariant(variant, () => new DepthFirst(bound), EXECUTIONS);
    if (failure !== null) return bound;
  }
  return null;
}

/** What each planted bug does, as `source`, the file that lists them, says it. */
export function sentencesOf(source: string): ReadonlyMap<string, string> {
  const comments = source.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport const (\w+)/gu);
  return new Map(
    [...comments].map(([, text = '', name = '']) => [
      name,
      text.replaceAll(/\s*\n?\s*\* ?/gu, ' ').trim(),
    ]),
  );
}

/** The page, from the file that lists the planted bugs. */
export function mutantPage(source: string, tell: (mutant: Mutant) => void): string {
  const sentences = sentencesOf(source);
  const rows = findings().map(({ mutant, race, variant }) => {
    tell(mutant);
    const { executions, failure } = exploreVariant(variant, (n) => new Dpor(n), 1e6);
    const preemptions = preemptionsOf(variant) ?? `more than ${MOST_PREEMPTIONS}`;
    const what = `${sentences.get(mutant) ?? ''} | ${race}: ${variant.name}`;
    return `| \`${mutant}\` | ${what} | ${executions} | ${preemptions} | ${failure?.kind ?? '-'} |`;
  });
  return `${HEAD}${rows.join('\n')}\n`;
}

const HEAD = `# Planted bugs

Each takes one check, barrier or order away that the protocols need; every one of them is found.
*Executions* is what the complete search took until then. *Preemptions* are the fewest with which
it is found: changes away from a thread that could have gone on;
"more than ${MOST_PREEMPTIONS}" where a search with so many did not meet it in ${EXECUTIONS} executions.
The last column says how it shows: a *violation* of what the scenario demands; a *race* of plain
accesses, or an access to what is freed or not marked; a broken assertion of the engine (*error*);
a *deadlock*.

Made by \`node --conditions=checked dist/lab/races/mutants_main.js > docs/mutants.md\`.

| planted bug | what is taken away | found by | executions | preemptions | as |
|---|---|---|---|---|---|
`;
