/**
 * Whether calls that overlap come to what they come to one after another: in every interleaving,
 * what they return and what they leave is that of some order of whole calls. The orders are run on
 * the same machine first, so nothing but the engine says what is right.
 *
 * Who reads without mmap_lock keeps a weaker rule: of each page, what it says was true at some
 * moment of its call, so before or after the writer's.
 */
import type { Protocol } from '../../index.ts';
import { type Results, type Stage, stageOf } from '../check/scenario.ts';
import { searchThrough } from '../check/search_through.ts';
import { type Call, CALLS, IN_STEPS, LEFT_OUT, READERS, type Three, threeVmas } from './calls.ts';
import { type OpenScenario, openScenario } from './engine_stage.ts';
import { outcomeOf, type Precision } from './history.ts';
import type { Race, RaceVariant } from './race.ts';
import { Sequential } from './sequential.ts';
import type { Opening } from './task.ts';

/** The calls of each thread, by their keys in CALLS and READERS. */
export type History = readonly (readonly string[])[];

/** Learns from each order what may come out, and then judges. */
interface Rule {
  learn(world: Three, results: Results): void;
  judge(world: Three, results: Results): string | null;
}

const callOf = (name: string): Call => (CALLS[name] ?? READERS[name]) as Call;

/** Where a history takes place. */
interface Conditions extends Opening {
  readonly name: string;
  readonly variant: string;
}

/** A scenario in which what the calls of each thread may come to is known by their orders. */
function openCalls(
  calls: readonly (readonly Call[])[],
  rule: Rule,
  { name, variant, protocol = {}, locks }: Conditions,
): OpenScenario {
  let isLearning = true;
  const opened = openScenario(
    {
      protocol,
      scheduler: { restsOnLocks: locks !== 'real' },
      setup: threeVmas,
      threads: Object.fromEntries(calls.map((each, i) => [`thread ${i + 1}`, each])),
      final(world: Three, results: Results) {
        if (isLearning) rule.learn(world, results);
        return isLearning ? null : rule.judge(world, results);
      },
    },
    { name, variant },
  );
  runInOrder(
    stageOf(opened.scenario),
    calls.map((each) => each.length),
  );
  isLearning = false;
  return opened;
}

/** The same calls, compared with their orders by all that can be seen, or without what is present. */
export const openHistory = (
  calls: readonly (readonly Call[])[],
  precision: Precision,
  conditions: Conditions,
): OpenScenario => openCalls(calls, sameOutcome(precision), conditions);

/** Runs every order of whole calls. */
function runInOrder(stage: Stage, counts: readonly number[]): void {
  const search = new Sequential(counts);
  const executor = stage.executor({ witnesses: [search], maxSteps: 1e6 });
  const { failure } = searchThrough(stage, executor, search, { executions: 1e4, seconds: 60 });
  if (failure !== null) throw new Error(`one after another they already fail: ${failure.message}`);
}

/** The outcome is that of some order. */
function sameOutcome(precision: Precision): Rule {
  const outcomes = new Set<string>();
  return {
    learn: (world, results) => void outcomes.add(outcomeOf(world, results, precision)),
    judge(world, results) {
      const outcome = outcomeOf(world, results, precision);
      if (outcomes.has(outcome)) return null;
      return [`in no order do these calls come to:\n${outcome}`, ...outcomes].join(
        '\n--- but to:\n',
      );
    },
  };
}

type Said = string | null;

/** Of each page, what the reader, which is the last thread, says was so in some order. */
function pageByPage(): Rule {
  const seen: Set<Said>[] = [];
  const saidOf = (results: Results): Said[] => Object.values(results).at(-1)?.[0] as Said[];
  return {
    learn(_world, results) {
      for (const [page, says] of saidOf(results).entries()) (seen[page] ??= new Set()).add(says);
    },
    judge(_world, results) {
      const page = saidOf(results).findIndex(
        (says, i) => says !== null && seen[i]?.has(says) !== true,
      );
      if (page < 0) return null;
      const says = saidOf(results)[page];
      return `entry ${page} is ${says}, and was ${[...(seen[page] ?? [])].join(' or ')} at any moment`;
    },
  };
}

const storyOf = (history: History): string =>
  history.map((names) => names.map((name) => callOf(name).name).join(', ')).join(' | ');

const callsOf = (history: History): Call[][] => history.map((names) => names.map(callOf));

function linearizable(history: History): Race {
  const hasRss = !history.flat().some((name) => name in IN_STEPS);
  return {
    name: `lin-${history.map((names) => names.join('+')).join('-')}`,
    ids: ['X-1', 'X-3'],
    story: `Calls that overlap come to what they come to in some order: ${storyOf(history)}.`,
    variants: [
      {
        name: 'new',
        expects: 'none',
        mutant: null,
        open: (name, opening = {}) =>
          openHistory(callsOf(history), { hasRss }, { ...opening, name, variant: 'new' }),
      },
    ],
  };
}

function readable(writer: string, reader: string): Race {
  const history = [[writer], [reader]];
  const variant = (munmap: Protocol['munmap'], expects: RaceVariant['expects']): RaceVariant => ({
    name: munmap,
    expects,
    mutant: null,
    open: (name, { protocol, locks } = {}) =>
      openCalls(callsOf(history), pageByPage(), {
        name,
        variant: munmap,
        protocol: { munmap, ...protocol },
        ...(locks === undefined ? {} : { locks }),
      }),
  });
  const isSeen = writer === 'mmap-fixed' && reader === 'lookup';
  return {
    name: `lin-${writer}-${reader}`,
    ids: ['X-1', 'X-3', 'X-13', 'S0-1'],
    story: `What a reader says of a page was so before or after: ${storyOf(history)}.`,
    variants: [variant('gather', 'none'), ...(isSeen ? [variant('two-step', 'violation')] : [])],
  };
}

const NAMES = Object.keys(CALLS);

const isCompared = (first: string, second: string): boolean => !(`${first}-${second}` in LEFT_OUT);

/** Every call beside every other one, and beside itself. */
export const PAIRS: readonly Race[] = NAMES.flatMap((first, i) =>
  NAMES.slice(i)
    .filter((second) => isCompared(first, second))
    .map((second) => linearizable([[first], [second]])),
);

/** Three calls, on two threads or three. */
export const TRIPLES: readonly Race[] = [
  linearizable([['mprotect'], ['dontneed'], ['brk']]),
  linearizable([['mprotect', 'munmap'], ['mmap-fixed']]),
  linearizable([['mremap-move', 'mmap'], ['mprotect']]),
];

export const READ_PAIRS: readonly Race[] = [
  'mmap-fixed',
  'munmap',
  'mprotect',
  'mremap-move',
].flatMap((writer) =>
  Object.keys(READERS)
    .filter((reader) => isCompared(writer, reader))
    .map((reader) => readable(writer, reader)),
);
