/** An execution in which something is wrong, for people and for programs. */
import type { Executor } from './executor.ts';
import type { Failure } from './failure.ts';
import {
  type Scenario,
  type Stage,
  type StageOptions,
  stageOf,
  withoutOperations,
} from './scenario.ts';
import { HappensBefore } from './happens_before.ts';
import {
  type Item,
  itemsOf,
  parseSchedule,
  Replay,
  type Schedule,
  scheduleText,
} from './schedule.ts';
import { searchThrough } from './search_through.ts';
import { Trace, type TraceStep } from './trace.ts';
import { traceLines } from './trace_text.ts';

export interface Counterexample {
  readonly failure: Failure;
  /** The name of the word that it is about. */
  readonly word: string | null;
  /** Give it to replay(). */
  readonly schedule: string;
  readonly preemptions: number;
  /** Whether no schedule with fewer preemptions fails; false: not known. */
  readonly hasFewestPreemptions: boolean;
  /** Operations that were left out, and it still fails: `thread.operation`. */
  readonly without: readonly string[];
  readonly threads: readonly string[];
  readonly steps: readonly TraceStep[];
  /** All of it, to be read. */
  readonly text: string;
}

/** What a schedule led to: the execution, whatever came of it. */
export interface Replayed {
  readonly failure: Failure | null;
  /** Why the schedule could not be followed, or null. */
  readonly problem: string | null;
  readonly steps: readonly TraceStep[];
  readonly threads: readonly string[];
  /** The trace, to be read. */
  readonly text: string;
}

/** Runs a scenario by a schedule, as a report or a person gives it. */
export function replay<State>(
  scenario: Scenario<State>,
  schedule: string,
  options: StageOptions = {},
): Replayed {
  const parsed = parseSchedule(schedule);
  const stage = stageOf(withoutOperations(scenario, parsed.without));
  const { trace, failure, word, problem } = runBy(stage, parsed.items, options);
  const text = [
    ...traceLines(stage.threadNames, trace.steps),
    ...endLines(stage, failure, word),
    ...(problem === null ? [] : [problem]),
  ];
  return {
    failure,
    problem,
    steps: trace.steps,
    threads: stage.threadNames,
    text: text.join('\n'),
  };
}

function runBy(stage: Stage, items: readonly Item[], options: StageOptions) {
  const trace = new Trace(stage);
  const races = new HappensBefore(stage);
  const executor = stage.executor({ ...options, witnesses: [trace, ...racesOf(options, races)] });
  trace.watch(executor);
  const search = new Replay(items);
  const { failure, word } = searchThrough(stage, executor, search, { executions: 1, seconds: 60 });
  if (failure === null) search.ended();
  return { trace, failure, word, problem: search.problem };
}

const racesOf = ({ races }: StageOptions, detector: HappensBefore): readonly HappensBefore[] =>
  races === false ? [] : [detector];

/** A failing execution, once more, with its trace. */
export function counterexampleOf<State>(
  scenario: Scenario<State>,
  found: Found,
  options: StageOptions,
): Counterexample {
  const reduced = withoutOperations(scenario, found.without);
  const stage = stageOf(reduced);
  const { trace, failure: again, word } = runBy(stage, found.items, options);
  const failure = again ?? found.failure;
  const schedule = scheduleText({
    name: scenario.name,
    variant: scenario.variant ?? '',
    without: found.without,
    items: found.items,
  } satisfies Schedule);
  const lines = [
    `${scenario.name}${scenario.variant === undefined ? '' : ` (${scenario.variant})`}: ${failure.kind}: ${failure.message}`,
    '',
    ...traceLines(stage.threadNames, trace.steps),
    ...endLines(stage, failure, word),
    ...(again === null ? [VANISHED] : []),
    `${found.preemptions} preemptions${found.hasFewestPreemptions ? ', and none with fewer' : ''}.`,
    `replay: ${schedule}`,
  ];
  return {
    failure,
    word: failure.at < 0 ? null : stage.nameOf(failure.at),
    schedule,
    preemptions: found.preemptions,
    hasFewestPreemptions: found.hasFewestPreemptions,
    without: found.without,
    threads: stage.threadNames,
    steps: trace.steps,
    text: lines.join('\n'),
  };
}

const VANISHED =
  'It did not fail when it was run again: something that the checker does not see has changed.';

/** A failing execution as a search finds it. */
export interface Found {
  readonly failure: Failure;
  readonly items: readonly Item[];
  readonly preemptions: number;
  readonly hasFewestPreemptions: boolean;
  readonly without: readonly string[];
}

/** @returns the execution that the executor has just run. */
export const foundBy = (executor: Executor, failure: Failure): Found => ({
  failure,
  items: itemsOf(executor),
  preemptions: executor.preemptions,
  hasFewestPreemptions: executor.preemptions === 0,
  without: [],
});

function endLines(stage: Stage, failure: Failure | null, word: number | null): string[] {
  if (failure === null) return ['', 'Nothing is wrong with this execution.'];
  const lines = ['', `${failure.kind}: ${failure.message}`];
  if (word !== null) lines.push(`the word: ${stage.nameOf(failure.at)} = ${word}`);
  return lines;
}
