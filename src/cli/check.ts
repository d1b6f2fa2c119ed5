/** `vmaspace check`: every interleaving of the engine, in scenarios. */
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { PROTOCOL_AXES, type Protocol } from '../index.ts';
import type { ExploreOptions } from '../lab/check/explore.ts';
import { Crew } from '../lab/races/crew.ts';
import { isWrong, type Outcome, outcomeOf } from '../lab/races/outcome.ts';
import { racesDocument } from '../lab/races/races_document.ts';
import { summaryText, tablePage, tableText } from '../lab/races/races_table.ts';
import type { RaceListing, ReplayAnswer, Task } from '../lab/races/task.ts';
import { budget, protocol, shard, strategy } from './check_options.ts';
import { ALL_AGREED, EXIT_CODES, FOUND, UsageError, wholeNumber } from './exit.ts';
import { ProgressLine } from './progress.ts';

interface Options {
  readonly json?: boolean;
  readonly list?: boolean;
  readonly page?: boolean;
  readonly story?: string;
  readonly replay?: string;
  readonly protocol?: Partial<Protocol>;
  readonly locks?: string;
  readonly strategy?: ExploreOptions['strategy'];
  readonly budget?: Pick<ExploreOptions, 'executions' | 'seconds'>;
  readonly seed?: number;
  readonly shard?: NonNullable<ExploreOptions['shard']>;
  readonly jobs?: number;
}

const EXAMPLES = `
Examples:
  vmaspace check                                  everything, and a table
  vmaspace check --story 000                      seed 000: the bug, then its absence
  vmaspace check 000-gap                          one race in all its variants
  vmaspace check 000-gap:two-step                 one variant; what breaks is shown
  vmaspace check 000-gap --protocol vmaLock=rwsem in a protocol of your choice
  vmaspace check --replay '000-gap:two-step:0*64,1*5,0*13'
  vmaspace check 000-gap --json                   with every step

A budget is executions (100000) or seconds (30s).
Axes of --protocol: ${Object.keys(PROTOCOL_AXES).join(', ')}.
`;

export function checkCommand(): Command {
  return new Command('check')
    .description('explores every interleaving of the engine, in old protocols and in new ones')
    .argument('[scenario...]', 'RACE or RACE:VARIANT; none: all')
    .option('--list', 'only say which there are')
    .option(
      '--story <seed>',
      'show a seed: what breaks in the old protocol, and not in the new one',
    )
    .option('--protocol <key=value,...>', 'explore in this protocol', protocol)
    .option('--locks <how>', "'real': locks wait as in production, step by step")
    .option('--strategy <name>', 'dpor, states, all, random or pct', strategy)
    .option('--budget <n>', 'of each variant: executions, or seconds as 30s', budget)
    .option('--seed <n>', 'of what goes by chance', wholeNumber('--seed'))
    .option('--shard <i/n>', 'only part i of n of each search', shard)
    .option('--replay <schedule>', 'follow one schedule, as a trace says it')
    .option('--jobs <n>', 'how many explore at the same time', wholeNumber('--jobs'))
    .option('--page', 'print docs/races.md')
    .option('--json', 'print one JSON document')
    .addHelpText('after', `${EXAMPLES}\n${EXIT_CODES}`)
    .action(run);
}

async function run(names: readonly string[], options: Options): Promise<void> {
  if (options.locks !== undefined && options.locks !== 'real') {
    throw new UsageError(`--locks takes "real", not "${options.locks}".`);
  }
  const crew = new Crew(Math.max(1, options.jobs ?? Math.min(4, availableParallelism())));
  try {
    const races = await crew.races();
    if (options.list === true) tell(listText(races));
    else if (options.replay !== undefined) await follow(crew, options.replay, options, races);
    else await explore(crew, tasksOf(races, names, options), races, options);
  } finally {
    crew.end();
  }
}

const tell = (text: string): void => void process.stdout.write(text);

const listText = (races: readonly RaceListing[]): string =>
  races
    .map(({ name, story, variants }) => {
      const forms = variants.map(
        (variant) => `${variant.name}${variant.expects === 'none' ? '' : ' (breaks)'}`,
      );
      return `${name}\n    ${story}\n    ${forms.join(', ')}\n`;
    })
    .join('');

/** What is to be explored, in the order of the list. */
function tasksOf(
  races: readonly RaceListing[],
  names: readonly string[],
  options: Options,
): Task[] {
  const chosen = races.flatMap((race) =>
    race.variants
      .filter(({ name }) => isChosen(race.name, name, names, options.story))
      .filter(
        ({ expects }) => options.protocol === undefined || expects === 'none' || isNamed(names),
      )
      .map(({ name }) => taskOf(race.name, name, names, options)),
  );
  if (chosen.length > 0) return chosen;
  const what = options.story ?? names.join(' ');
  throw new UsageError(
    `There is no scenario "${what}": vmaspace check --list says which there are.`,
  );
}

const isNamed = (names: readonly string[]): boolean => names.some((name) => name.includes(':'));

function isChosen(
  race: string,
  variant: string,
  names: readonly string[],
  story?: string,
): boolean {
  if (story !== undefined && !race.startsWith(`${story}-`) && race !== story) return false;
  return names.length === 0 || names.includes(race) || names.includes(`${race}:${variant}`);
}

function taskOf(race: string, variant: string, names: readonly string[], options: Options): Task {
  const { protocol: asked, locks, strategy: by, seed, shard: part, story } = options;
  // What is asked for by name, or told as a story, is shown: as small as it can be.
  const isShown = names.length > 0 || story !== undefined;
  return {
    race,
    variant,
    ...(asked === undefined ? {} : { protocol: asked }),
    ...(locks === undefined ? {} : { locks: 'real' }),
    options: {
      shrink: isShown,
      ...options.budget,
      ...(by === undefined ? {} : { strategy: by }),
      ...(seed === undefined ? {} : { seed }),
      ...(part === undefined ? {} : { shard: part }),
    },
  };
}

async function explore(
  crew: Crew,
  tasks: readonly Task[],
  races: readonly RaceListing[],
  options: Options,
): Promise<void> {
  const began = performance.now();
  const line = new ProgressLine();
  const done = new Map<string, Outcome>();
  await crew.run(tasks, (answer) => {
    if (answer.kind === 'races') return;
    const outcome = outcomeOf(answer, races);
    done.set(`${outcome.race}:${outcome.variant}`, outcome);
    line.show(() => `${done.size} of ${tasks.length}: ${outcome.race} ${outcome.variant}`);
  });
  line.clear();
  const outcomes = tasks.flatMap(({ race, variant }) => done.get(`${race}:${variant}`) ?? []);
  const seconds = (performance.now() - began) / 1000;
  if (options.json === true) tell(`${JSON.stringify(racesDocument(outcomes, seconds))}\n`);
  else if (options.page === true) tell(tablePage(outcomes));
  else tell(resultText(outcomes, tasks, seconds));
  process.exitCode = outcomes.some(isWrong) ? FOUND : ALL_AGREED;
}

/** Traces of what was asked for by name or is wrong; the table; what was covered. */
function resultText(outcomes: readonly Outcome[], tasks: readonly Task[], seconds: number): string {
  const shown = outcomes.filter(
    (outcome, i) => isWrong(outcome) || tasks[i]?.options.shrink === true,
  );
  const traces = shown.flatMap(({ story, report }) =>
    report?.counterexample === undefined || report.counterexample === null
      ? []
      : [`${story}\n\n${report.counterexample.text}\n\n`],
  );
  return `${traces.join('')}${tableText(outcomes)}\n${summaryText(outcomes, seconds)}.\n`;
}

async function follow(
  crew: Crew,
  schedule: string,
  options: Options,
  races: readonly RaceListing[],
): Promise<void> {
  const [race = '', variant = ''] = schedule.split(':');
  const isKnown = races.some(
    ({ name, variants }) => name === race && variants.some((form) => form.name === variant),
  );
  if (!isKnown) {
    throw new UsageError(`--replay takes RACE:VARIANT:SCHEDULE; there is no "${race}:${variant}".`);
  }
  const task = { ...taskOf(race, variant, [race], options), replay: schedule };
  await crew.run([task], (answer) => {
    if (answer.kind === 'replayed') tellReplay(answer.replayed, task, options);
    else throw new UsageError(answer.kind === 'failed' ? answer.message : 'no answer');
  });
}

function tellReplay(replayed: ReplayAnswer, { race, variant }: Task, { json }: Options): void {
  const ok = replayed.failure === null && replayed.problem === null;
  const summary = {
    scenarios: 1,
    schedules: 1,
    steps: replayed.steps.length,
    violations: replayed.failure === null ? 0 : 1,
    races: 0,
    exhausted: 0,
    seconds: 0,
  };
  const finding = { race, variant, ...replayed };
  const document = {
    schema: 'vmaspace-check/1',
    ok,
    summary,
    findings: ok ? [] : [finding],
    replayed,
  };
  tell(json === true ? `${JSON.stringify(document)}\n` : `${replayed.text}\n`);
  process.exitCode = ok ? ALL_AGREED : FOUND;
}
