/**
 * The checker checked: DPOR and the search by states must come to the same final states as all
 * schedules of random small programs do, and find a race where there is one.
 */
import { Random } from '../oracle/random.ts';
import { within } from './active.ts';
import { DepthFirst } from './depth_first.ts';
import { Dpor } from './dpor.ts';
import type { Executor } from './executor.ts';
import { HappensBefore } from './happens_before.ts';
import { randomProgram } from './random_program.ts';
import { type Stage, stageOf } from './scenario.ts';
import type { Search } from './search.ts';
import { States } from './states.ts';

export interface SelfTest {
  programs: number;
  /** Of those, the ones that have a race, and the ones with too many schedules to see them all. */
  racy: number;
  skipped: number;
  /** Executions of each search. */
  exhaustive: number;
  dpor: number;
  states: number;
  finals: number;
  /** What does not agree. */
  readonly wrong: string[];
}

interface Outcome {
  readonly finals: ReadonlySet<string>;
  readonly executions: number;
  readonly hasRace: boolean;
  readonly isComplete: boolean;
}

const MOST_EXECUTIONS = 2000;

/**
 * Compares the searches on programs of these seeds.
 *
 * @param reduced the search that is to be as good as all schedules.
 */
export function selfTest(
  seed: number,
  programs: number,
  reduced: (threads: number) => Search = (threads) => new Dpor(threads),
): SelfTest {
  const result: SelfTest = {
    programs: 0,
    racy: 0,
    skipped: 0,
    exhaustive: 0,
    dpor: 0,
    states: 0,
    finals: 0,
    wrong: [],
  };
  for (let i = 0; i < programs; i++) compare(seed + i, result, reduced);
  return result;
}

function compare(seed: number, result: SelfTest, reducedSearch: (threads: number) => Search): void {
  const scenario = randomProgram(new Random(seed, 'program'), `program ${seed}`);
  const stage = stageOf(scenario);
  const threads = stage.threadNames.length;
  result.programs++;
  const all = outcomesOf(stage, new DepthFirst());
  if (!all.isComplete && !all.hasRace) {
    result.skipped++;
    return;
  }
  const reduced = outcomesOf(stage, reducedSearch(threads));
  result.exhaustive += all.executions;
  result.dpor += reduced.executions;
  if (all.hasRace !== reduced.hasRace) {
    const who = all.hasRace ? 'DPOR misses' : 'only DPOR finds';
    result.wrong.push(`program ${seed}: ${who} a race`);
  }
  if (all.hasRace) {
    result.racy++;
    return;
  }
  const states = outcomesOf(stage, new States(threads));
  result.states += states.executions;
  result.finals += all.finals.size;
  for (const [name, { finals }] of [['DPOR', reduced] as const, ['states', states] as const]) {
    const missed = [...all.finals].filter((final) => !finals.has(final));
    const more = [...finals].filter((final) => !all.finals.has(final));
    if (missed.length + more.length === 0) continue;
    result.wrong.push(
      `program ${seed}: ${name} misses ${missed.length} of ${all.finals.size} final states and has ${more.length} others: ${[...missed, ...more][0]}`,
    );
  }
}

function outcomesOf(stage: Stage, search: Search): Outcome {
  const races = new HappensBefore(stage);
  const watcher = search instanceof States ? [search] : [];
  const executor = stage.executor({ witnesses: [races, ...watcher] });
  if (search instanceof States) search.watch(executor);
  return within(Object.assign(stage.exploration, { executor }), () => {
    const finals = new Set<string>();
    let executions = 0;
    let isComplete = false;
    while (!isComplete && executions < MOST_EXECUTIONS) {
      const failure = executor.run(search);
      executions++;
      if (failure?.kind === 'race') return { finals, executions, hasRace: true, isComplete };
      if (!executor.isCut) finals.add(finalOf(executor, failure?.message ?? ''));
      isComplete = !search.next();
    }
    return { finals, executions, hasRace: false, isComplete };
  });
}

/** All that can be seen at the end of an execution. */
function finalOf({ memory, threads }: Executor, wrong: string): string {
  const words = Array.from({ length: memory.size }, (_, at) => memory.read(at));
  return `${wrong} ${words.join(',')} ${threads.map(({ results }) => results.join()).join(' ')}`;
}
