/** The exploration that runs, if one does: what the functions that threads call reach it by. */
import { accessAlone } from './access_alone.ts';
import type { Executor } from './executor.ts';
import type { Memory } from './memory.ts';

export interface Exploration {
  readonly memory: Memory;
  /** Null while the scenario is being set up. */
  executor: Executor | null;
}

let active: Exploration | null = null;

/** @returns what runs now, or null. */
export const activeExploration = (): Exploration | null => active;

/** Runs `body` with `exploration` as the one that runs. */
export function within<T>(exploration: Exploration, body: () => T): T {
  const before = active;
  active = exploration;
  try {
    return body();
  } finally {
    active = before;
  }
}

/** @returns what threads run in, or null: nothing is explored, or it is still being set up. */
export const activeExecutor = (): Executor | null => (active === null ? null : active.executor);

/** One access of the thread that runs; while the scenario is set up, of nobody. */
export function access(kind: number, at: number, a: number, b: number): number {
  if (active === null) return 0;
  const { executor, memory } = active;
  if (executor === null) return accessAlone(memory, kind, at, { a, b });
  return executor.access(kind, at, a, b);
}
