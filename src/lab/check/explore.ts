/** Runs a scenario as often as its search has something new, or as its budget lasts. */
import { within } from './active.ts';
import { DepthFirst } from './depth_first.ts';
import type { Executor } from './executor.ts';
import type { Failure } from './failure.ts';
import { type Scenario, type Stage, stageOf } from './scenario.ts';
import type { Search } from './search.ts';

export interface Budget {
  readonly executions: number;
  readonly seconds: number;
}

/** What a search has seen. */
export interface Coverage {
  executions: number;
  /** Of those, the ones that were given up: all that followed had been seen. */
  cut: number;
  steps: number;
  /** Atomic steps of the longest. */
  deepest: number;
  /** Whether nothing is left. */
  isExhausted: boolean;
  seconds: number;
  /** What was wrong with the last execution, at which it ended. */
  failure: Failure | null;
}

/** Goes on until something is wrong, nothing is left, or the budget is spent. */
export function searchThrough(
  stage: Stage,
  executor: Executor,
  search: Search,
  budget: Budget,
  seen: (executor: Executor) => void = () => undefined,
): Coverage {
  const coverage: Coverage = {
    executions: 0,
    cut: 0,
    steps: 0,
    deepest: 0,
    isExhausted: false,
    seconds: 0,
    failure: null,
  };
  const began = performance.now();
  const before = executor.accesses;
  within(Object.assign(stage.exploration, { executor }), () => {
    do {
      coverage.failure = executor.run(search) ?? finalFailure(stage, executor);
      coverage.executions++;
      if (executor.isCut) coverage.cut++;
      if (executor.depth > coverage.deepest) coverage.deepest = executor.depth;
      if (coverage.failure !== null) break;
      seen(executor);
      coverage.isExhausted = !search.next();
    } while (!coverage.isExhausted && !isSpent(budget, coverage.executions, began));
  });
  coverage.seconds = (performance.now() - began) / 1000;
  coverage.steps = executor.accesses - before;
  return coverage;
}

/** The clock is looked at now and then only. */
const isSpent = (budget: Budget, executions: number, began: number): boolean =>
  executions >= budget.executions ||
  ((executions & 63) === 0 && performance.now() - began > budget.seconds * 1000);

function finalFailure(stage: Stage, executor: Executor): Failure | null {
  if (executor.isCut) return null;
  const message = stage.final(executor);
  return message === null ? null : { kind: 'violation', message, thread: -1, at: -1 };
}

/** Explores a scenario. */
export function explore<State>(
  scenario: Scenario<State>,
  budget: Budget = { executions: 1e6, seconds: 60 },
): Coverage {
  const stage = stageOf(scenario);
  return searchThrough(stage, stage.executor({}), new DepthFirst(), budget);
}
