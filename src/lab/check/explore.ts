/** Explores a scenario: the face of the checker. */
import { type Counterexample, counterexampleOf, type Found, foundBy } from './counterexample.ts';
import { DepthFirst } from './depth_first.ts';
import { Dpor } from './dpor.ts';
import type { Executor } from './executor.ts';
import { HappensBefore } from './happens_before.ts';
import { Pct, RandomWalk } from './random_walk.ts';
import { type Report, reportText, type Strategy } from './report.ts';
import { type Scenario, type Stage, stageOf } from './scenario.ts';
import type { Search } from './search.ts';
import { searchThrough } from './search_through.ts';
import { smallest } from './smallest.ts';
import { States } from './states.ts';

export interface ExploreOptions {
  /** `dpor` unless said otherwise, followed by `states` where there is an invariant. */
  readonly strategy?: Strategy;
  /** Most executions, and seconds, before it gives up. */
  readonly executions?: number;
  readonly seconds?: number;
  /** Of what goes by chance. */
  readonly seed?: number;
  /** Most accesses of an execution: more are taken for a loop without end. */
  readonly maxSteps?: number;
  /** Most waits of a thread that time out although others can run. */
  readonly timeouts?: number;
  /** False: plain accesses that race are let be. What they then see is not explored. */
  readonly races?: boolean;
  /** A part of a search by dpor, or by chance: index from 0. */
  readonly shard?: { readonly index: number; readonly of: number };
  /** False: a failing execution is shown as it was found, not the smallest one. */
  readonly shrink?: boolean;
}

const EXECUTIONS = 1_000_000;
const SECONDS = 60;
const BY_CHANCE = 10_000;
const SHRINK = { executions: 300_000, seconds: 5 };

/** Explores a scenario. @returns what was covered, and what was found. */
export function explore<State>(scenario: Scenario<State>, options: ExploreOptions = {}): Report {
  const report = exploreBy(scenario, options.strategy ?? 'dpor', options);
  if (options.strategy !== undefined || scenario.invariant === undefined) return report;
  if (!report.isExhausted || report.counterexample !== null) return report;
  return both(report, exploreBy(scenario, 'states', options));
}

/** Explores a scenario. @throws Error with the trace, when anything is wrong or not covered. */
export function prove<State>(scenario: Scenario<State>, options: ExploreOptions = {}): Report {
  const report = explore(scenario, options);
  if (report.counterexample !== null || !report.isExhausted) throw new NotProved(report);
  return report;
}

/** What prove() throws; its message is the trace. */
export class NotProved extends Error {
  override readonly name = 'NotProved';
  readonly report: Report;

  constructor(report: Report) {
    super(reportText(report));
    this.report = report;
    this.stack = `${this.name}: ${this.message}`;
  }
}

function exploreBy<State>(
  scenario: Scenario<State>,
  strategy: Strategy,
  options: ExploreOptions,
): Report {
  refuseOptions(strategy, options);
  const stage = stageOf(scenario);
  const threads = stage.threadNames.length;
  const seed = options.seed ?? 1;
  const search = searchOf(strategy, threads, seed, options.shard);
  const executor = executorOf(stage, search, options);
  const isByChance = strategy === 'random' || strategy === 'pct';
  const {
    failure,
    word: _,
    ...coverage
  } = searchThrough(stage, executor, search, {
    executions: options.executions ?? (isByChance ? BY_CHANCE : EXECUTIONS),
    seconds: options.seconds ?? SECONDS,
  });
  const { index, of } = options.shard ?? { index: 0, of: 1 };
  return {
    ...coverage,
    scenario: scenario.name,
    variant: scenario.variant ?? '',
    strategy,
    seed: isByChance ? seed : null,
    shard: of === 1 ? null : `${index + 1}/${of}`,
    counterexample: failure === null ? null : shown(scenario, foundBy(executor, failure), options),
  };
}

function searchOf(
  strategy: Strategy,
  threads: number,
  seed: number,
  shard: ExploreOptions['shard'],
): Search {
  switch (strategy) {
    case 'dpor':
      return new Dpor(threads, shard);
    case 'states':
      return new States(threads);
    case 'all':
      return new DepthFirst();
    case 'random':
      return new RandomWalk(seed + 0x10000 * (shard?.index ?? 0));
    case 'pct':
      return new Pct(seed + 0x10000 * (shard?.index ?? 0), threads);
  }
}

function refuseOptions(strategy: Strategy, { shard }: ExploreOptions): void {
  if (shard === undefined) return;
  const { index, of } = shard;
  if (!Number.isInteger(index) || !Number.isInteger(of) || index < 0 || index >= of) {
    throw new RangeError(`shard ${index} of ${of}: the first is 0, the last one less than all.`);
  }
  if (strategy === 'states' || strategy === 'all') {
    throw new RangeError(`the strategy ${strategy} has no shards: use dpor, random or pct.`);
  }
}

function executorOf(stage: Stage, search: Search, options: ExploreOptions): Executor {
  const races = new HappensBefore(stage);
  const witnesses = [
    ...(options.races === false ? [] : [races]),
    ...(search instanceof States ? [search] : []),
  ];
  const executor = stage.executor({ ...options, witnesses });
  if (search instanceof States) search.watch(executor);
  return executor;
}

function shown<State>(
  scenario: Scenario<State>,
  found: Found,
  options: ExploreOptions,
): Counterexample {
  const { failure } = found;
  // What does not repeat itself cannot be made smaller.
  const mayShrink = failure.kind !== 'nondeterminism' && failure.kind !== 'unseen';
  const isToShrink = options.shrink !== false && mayShrink;
  const best = isToShrink ? smallest(scenario, found, options, SHRINK) : found;
  return counterexampleOf(scenario, best, options);
}

/** What two searches of one scenario have seen. */
const both = (report: Report, more: Report): Report => ({
  ...more,
  executions: report.executions + more.executions,
  cut: report.cut + more.cut,
  steps: report.steps + more.steps,
  seconds: report.seconds + more.seconds,
  deepest: Math.max(report.deepest, more.deepest),
  isExhausted: report.isExhausted && more.isExhausted,
  strategy: more.counterexample === null ? report.strategy : more.strategy,
});
