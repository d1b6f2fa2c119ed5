/** Runs a search through a scenario: until something is wrong, nothing is left, or time is up. */
import { within } from './active.ts';
import type { Executor } from './executor.ts';
import type { Failure } from './failure.ts';
import type { Stage } from './scenario.ts';
import type { Search } from './search.ts';
import { keyOf, MemoryHash } from './state_hash.ts';

export interface Budget {
  readonly executions: number;
  readonly seconds: number;
}

/** What a search has seen. */
export interface Coverage {
  executions: number;
  /** Of those, the ones that were given up: all that followed had been seen. */
  cut: number;
  /** Accesses that were made; not those that were only repeated. */
  steps: number;
  /** Atomic steps of the longest execution. */
  deepest: number;
  /** How many different memories the executions ended with. */
  finals: number;
  /** Whether nothing is left. */
  isExhausted: boolean;
  seconds: number;
  /** What was wrong with the last execution, at which it ended. */
  failure: Failure | null;
  /** What the word that it is about holds then. */
  word: number | null;
}

/** Goes on until something is wrong, nothing is left, or the budget is spent. */
export function searchThrough(
  stage: Stage,
  executor: Executor,
  search: Search,
  budget: Budget,
): Coverage {
  const coverage: Coverage = {
    executions: 0,
    cut: 0,
    steps: 0,
    deepest: 0,
    finals: 0,
    isExhausted: false,
    seconds: 0,
    failure: null,
    word: null,
  };
  const began = performance.now();
  const before = executor.accesses;
  const finals = new Finals();
  within(Object.assign(stage.exploration, { executor }), () => {
    do {
      coverage.failure = executor.run(search) ?? endFailure(stage, executor);
      note(coverage, executor, finals);
      if (coverage.failure !== null) break;
      coverage.failure = unseenFailure(stage, executor, coverage.executions);
      if (coverage.failure !== null) break;
      coverage.isExhausted = !search.next();
    } while (!coverage.isExhausted && !isSpent(budget, coverage.executions, began));
  });
  const at = coverage.failure?.at ?? -1;
  if (at >= 0) coverage.word = executor.memory.read(at);
  // Whoever sets the scenario up again may find the same memory.
  executor.memory.undo();
  executor.perThread.restart();
  coverage.finals = finals.count;
  coverage.seconds = (performance.now() - began) / 1000;
  coverage.steps = executor.accesses - before;
  return coverage;
}

/** The memories that executions ended with, known by 53 bits of hash. */
class Finals {
  readonly #seen = new Set<number>();
  readonly #hash = new MemoryHash();

  get count(): number {
    return this.#seen.size;
  }

  note(executor: Executor): void {
    this.#hash.reset();
    this.#hash.follow(executor.memory);
    this.#seen.add(keyOf(this.#hash.low, this.#hash.high));
  }
}

function note(coverage: Coverage, executor: Executor, finals: Finals): void {
  coverage.executions++;
  if (executor.isCut) coverage.cut++;
  else finals.note(executor);
  if (executor.depth > coverage.deepest) coverage.deepest = executor.depth;
}

/** The clock is looked at now and then only. */
const isSpent = (budget: Budget, executions: number, began: number): boolean =>
  executions >= budget.executions ||
  ((executions & 63) === 0 && performance.now() - began > budget.seconds * 1000);

function endFailure(stage: Stage, executor: Executor): Failure | null {
  if (executor.isCut) return null;
  const message = stage.final(executor);
  return message === null ? null : { kind: 'violation', message, thread: -1, at: -1 };
}

/** After executions 1, 2, 4, 8, ...: whether undoing what was seen undoes all. */
function unseenFailure(stage: Stage, { memory }: Executor, executions: number): Failure | null {
  if (stage.hasUnseenStores || (executions & (executions - 1)) !== 0) return null;
  memory.undo();
  const at = memory.repairUnseen();
  if (at < 0) return null;
  const message = `${stage.nameOf(at)} was changed by a store that the checker did not see: give threads shared(view) for plain accesses, and import Atomics from the checker`;
  return { kind: 'unseen', message, thread: -1, at };
}
