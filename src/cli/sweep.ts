/** `vmaspace sweep`: fails every allocation of every call, and tells what becomes of the calls. */
import { Command } from 'commander';
import { randomPrograms, scenarioPrograms } from '../lab/sweep/corpus.ts';
import { isProfile, PROFILE_NAMES } from '../lab/sweep/profiles.ts';
import { sweepDocument, sweepText } from '../lab/sweep/report.ts';
import { type Program, sweep } from '../lab/sweep/sweep.ts';
import { ALL_AGREED, EXIT_CODES, FOUND, UsageError, wholeNumber } from './exit.ts';

interface Options {
  readonly json?: boolean;
  readonly only?: string;
  readonly seed?: number;
  readonly runs?: number;
  readonly profile?: string;
}

const EXAMPLES = `
Examples:
  vmaspace sweep                               the corpus, as docs/sweep.md has it
  vmaspace sweep --only mremap                 the scenarios with this word
  vmaspace sweep --runs 20                     20 random programs of each profile
  vmaspace sweep --profile fork --seed 7       one of them again
  vmaspace sweep > docs/sweep.md               after a change

Profiles: ${PROFILE_NAMES.join(', ')}.
`;

export function sweepCommand(): Command {
  return new Command('sweep')
    .description('fails every allocation of every call of a corpus, and tells every outcome')
    .option('--json', 'print one JSON document')
    .option('--only <text>', 'only the scenarios whose name contains this')
    .option('--runs <n>', 'random programs of each profile, not the corpus', wholeNumber('--runs'))
    .option('--seed <n>', 'the seed of the first of them', wholeNumber('--seed'))
    .option('--profile <name>', 'random programs of this profile only')
    .addHelpText('after', `${EXAMPLES}\n${EXIT_CODES}`)
    .action(run);
}

function run(options: Options): void {
  const programs = chosen(options);
  const all = programs.length;
  const result = sweep(programs, ({ name }, { programs: done }) => showProgress(name, done, all));
  showProgress('', all, all);
  const document = sweepDocument(result);
  const text = options.json === true ? `${JSON.stringify(document)}\n` : sweepText(result);
  process.stdout.write(text);
  process.exitCode = document.ok ? ALL_AGREED : FOUND;
}

function chosen(options: Options): Program[] {
  const { only, seed, runs, profile } = options;
  const isRandom = seed !== undefined || runs !== undefined || profile !== undefined;
  if (isRandom && only !== undefined) {
    throw new UsageError('--only is about scenarios, not about random programs.');
  }
  const programs = isRandom ? randomOnes(options) : scenarioPrograms(only);
  if (programs.length > 0) return programs;
  throw new UsageError(`There is nothing to sweep: ${isRandom ? '--runs 0' : `no "${only}"`}.`);
}

function randomOnes({ seed, runs = 1, profile }: Options): Program[] {
  if (profile !== undefined && !isProfile(profile)) {
    const names = PROFILE_NAMES.join(', ');
    throw new UsageError(`--profile is one of ${names}, not "${profile}".`);
  }
  const first = seed ?? Math.floor(Math.random() * 2 ** 31);
  return [...randomPrograms(profile === undefined ? PROFILE_NAMES : [profile], first, runs)];
}

/** Milliseconds between two lines. */
const PAUSE = 100;
let shownAt = 0;

function showProgress(name: string, done: number, all: number): void {
  if (!process.stderr.isTTY || (performance.now() - shownAt < PAUSE && done < all)) return;
  shownAt = performance.now();
  process.stderr.write(done === all ? '\r\x1b[K' : `\r\x1b[K${done} of ${all}: ${name}`);
}
