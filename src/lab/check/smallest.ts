/**
 * Of a failing execution, a smaller one that fails in the same way: without the operations that it
 * does not take, and with the fewest changes away from a thread that could have gone on.
 */
import { type Found, foundBy } from './counterexample.ts';
import { DepthFirst } from './depth_first.ts';
import { Dpor } from './dpor.ts';
import { HappensBefore } from './happens_before.ts';
import {
  type Scenario,
  type Stage,
  type StageOptions,
  stageOf,
  withoutOperations,
} from './scenario.ts';
import type { Search } from './search.ts';
import { type Budget, searchThrough } from './search_through.ts';

/** Makes what was found smaller, for as long as the budget lasts. */
export function smallest<State>(
  scenario: Scenario<State>,
  found: Found,
  options: StageOptions,
  budget: Budget,
): Found {
  const ends = performance.now() + budget.seconds * 1000;
  const left = (): Budget => ({
    executions: budget.executions,
    seconds: Math.max(0, ends - performance.now()) / 1000,
  });
  const attempt = (without: readonly string[], searchFor: (threads: number) => Search) => {
    const stage = stageOf(withoutOperations(scenario, without));
    return tryOnce(stage, searchFor(stage.threadNames.length), found, options, left());
  };
  const isDemand = found.failure.kind === 'violation' || found.failure.kind === 'error';
  let best = found;
  for (const operation of operationsOf(scenario)) {
    const without = [...best.without, operation];
    const { failing } = attempt(without, (threads) => new Dpor(threads));
    // What is wrong at the end may be another thing when less was done.
    const isSame = failing?.failure.message === found.failure.message;
    if (failing !== null && (isSame || !isDemand)) best = { ...failing, without };
  }
  return fewestPreemptions(best, attempt);
}

type Attempt = (
  without: readonly string[],
  searchFor: (threads: number) => Search,
) => { readonly failing: Found | null; readonly isExhausted: boolean };

/** Every schedule with no preemption, with one, with two, ... until one fails. */
function fewestPreemptions(found: Found, attempt: Attempt): Found {
  for (let bound = 0; bound < found.preemptions; bound++) {
    const { failing, isExhausted } = attempt(found.without, () => new DepthFirst(bound));
    if (failing !== null) {
      return { ...failing, without: found.without, hasFewestPreemptions: true };
    }
    if (!isExhausted) return { ...found, hasFewestPreemptions: false };
  }
  return { ...found, hasFewestPreemptions: true };
}

function tryOnce(
  stage: Stage,
  search: Search,
  { failure }: Found,
  options: StageOptions,
  budget: Budget,
): ReturnType<Attempt> {
  const races = new HappensBefore(stage);
  const witnesses = failure.kind === 'race' ? [races] : [];
  const executor = stage.executor({ ...options, witnesses });
  const coverage = searchThrough(stage, executor, search, budget);
  const isSame = coverage.failure?.kind === failure.kind;
  return {
    failing: isSame && coverage.failure !== null ? foundBy(executor, coverage.failure) : null,
    isExhausted: coverage.isExhausted,
  };
}

/** As `thread.operation`, the last ones first: what comes early may be what the others build on. */
function operationsOf<State>(scenario: Scenario<State>): string[] {
  return Object.values(scenario.threads).flatMap((body, thread) =>
    typeof body === 'function' ? [] : body.map((_, i) => `${thread}.${i}`).toReversed(),
  );
}
