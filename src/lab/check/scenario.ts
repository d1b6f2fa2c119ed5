/** What is explored: shared memory, and threads that use it. */
import { type Exploration, within } from './active.ts';
import { Executor } from './executor.ts';
import type { Witness } from './witness.ts';
import { Memory } from './memory.ts';
import { PerThread } from './per_thread.ts';

/** A step of a thread that has a meaning of its own: a call, a lookup. */
export interface Operation<State> {
  readonly name: string;
  readonly run: (state: State) => unknown;
}

/** A function, or operations one after another, of which the checker may leave some out. */
export type ThreadBody<State> = ((state: State) => unknown) | readonly Operation<State>[];

/** What the operations of each thread returned, by the thread's name. */
export type Results = Readonly<Record<string, readonly unknown[]>>;

export interface Scenario<State = unknown> {
  readonly name: string;
  /** Which of several protocols. */
  readonly variant?: string;
  /** Makes the shared memory. Called for each search: its executions begin with what it leaves. */
  readonly setup: (perThread: PerThread) => State;
  readonly threads: Readonly<Record<string, ThreadBody<State>>>;
  /**
   * Holds after every step that writes. Throws, or returns what is wrong. It sees every state only
   * with the strategy `states`: the others leave out orders that no thread can tell apart.
   */
  readonly invariant?: (state: State) => string | null | undefined | void;
  /** Holds when all threads are done. */
  readonly final?: (state: State, results: Results) => string | null | undefined | void;
  /**
   * Some stores are not told to the checker. Who says so puts back what they change, or knows that
   * nobody reads it.
   */
  readonly hasUnseenStores?: boolean;
  /** The name of a word, for traces. */
  readonly nameOf?: (at: number) => string | undefined;
  /** Words that may race: nobody's business but the code's own. */
  readonly isQuiet?: (at: number) => boolean;
  /** False: traces leave plain accesses out. */
  readonly showsPlain?: boolean;
  /** Who else is to see every access; asked for once the scenario is set up. */
  readonly witnesses?: () => readonly Witness[];
}

/** A scenario that is set up: what an exploration needs to run it. */
export interface Stage {
  readonly exploration: Exploration;
  readonly hasUnseenStores: boolean;
  readonly threadNames: readonly string[];
  /** Of each thread, the names of its operations. */
  readonly operationNames: readonly (readonly string[])[];
  readonly nameOf: (at: number) => string;
  readonly isQuiet: (at: number) => boolean;
  readonly showsPlain: boolean;
  /** Makes an executor, of which one may run at a time. */
  readonly executor: (options: StageOptions) => Executor;
  /** @returns what is wrong at the end, or null. */
  readonly final: (executor: Executor) => string | null;
}

export interface StageOptions {
  readonly maxSteps?: number;
  readonly timeouts?: number;
  readonly witnesses?: readonly Witness[];
  /** False: plain accesses are not looked at for races. */
  readonly races?: boolean;
}

/** Most threads: DPOR keeps what a step follows, four for each, in the bits of a number. */
const MOST_THREADS = 7;

/** The scenario without some operations, given as `thread.operation`. */
export function withoutOperations<State>(
  scenario: Scenario<State>,
  without: readonly string[],
): Scenario<State> {
  const threads: [string, ThreadBody<State>][] = Object.entries(scenario.threads).map(
    ([name, body], thread) => {
      if (typeof body === 'function') return [name, body];
      return [name, body.filter((_, i) => !without.includes(`${thread}.${i}`))];
    },
  );
  return { ...scenario, threads: Object.fromEntries<ThreadBody<State>>(threads) };
}

/** Sets a scenario up. */
export function stageOf<State>(scenario: Scenario<State>): Stage {
  const memory = new Memory();
  const perThread = new PerThread();
  const exploration: Exploration = { memory, executor: null };
  const state = within(exploration, () => scenario.setup(perThread));
  for (const view of viewsIn(state)) memory.add(view.buffer);
  const names = Object.keys(scenario.threads);
  if (names.length === 0 || names.length > MOST_THREADS) {
    throw new RangeError(`${scenario.name}: ${names.length} threads; 1 to ${MOST_THREADS} can be.`);
  }
  memory.snapshot();
  perThread.begin(names.length);
  const nameOf = (at: number): string => scenario.nameOf?.(at) ?? `word ${at}`;
  return {
    exploration,
    hasUnseenStores: scenario.hasUnseenStores ?? false,
    threadNames: names,
    operationNames: Object.values(scenario.threads).map((body) =>
      typeof body === 'function' ? [] : body.map(({ name }) => name),
    ),
    nameOf,
    isQuiet: scenario.isQuiet ?? (() => false),
    showsPlain: scenario.showsPlain ?? true,
    executor(options) {
      const { invariant } = scenario;
      const made: Executor = new Executor({
        ...options,
        witnesses: [...(options.witnesses ?? []), ...(scenario.witnesses?.() ?? [])],
        memory,
        perThread,
        nameOf,
        threads: names.map((name) => ({
          name,
          body: () => run(made, scenario.threads[name] ?? [], state),
        })),
        invariant: invariant === undefined ? undefined : () => wrongIn(() => invariant(state)),
      });
      return made;
    },
    final: ({ threads }) =>
      wrongIn(() =>
        scenario.final?.(
          state,
          Object.fromEntries(threads.map(({ name, results }) => [name, results])),
        ),
      ),
  };
}

/** The typed arrays that a state is, or has in its fields: others are known when they are used. */
const viewsIn = (state: unknown): ArrayBufferView[] =>
  [state, ...(typeof state === 'object' && state !== null ? fieldsOf(state) : [])].filter(
    (value) => ArrayBuffer.isView(value) && value.buffer.byteLength % 4 === 0,
  ) as ArrayBufferView[];

const fieldsOf = (state: object): unknown[] =>
  ArrayBuffer.isView(state) ? [] : Object.values(state);

function run<State>(executor: Executor, body: ThreadBody<State>, state: State): void {
  if (typeof body === 'function') {
    executor.answers(0, body(state));
    return;
  }
  for (const [index, operation] of body.entries()) {
    executor.begins(index);
    executor.ends(index, operation.run(state));
  }
}

/** @returns what a demand says is wrong, by returning or throwing it, or null. */
function wrongIn(demand: () => string | null | undefined | void): string | null {
  try {
    return demand() ?? null;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
