/**
 * Runs the threads of a scenario as a search says, on the one stack of the one JavaScript thread.
 *
 * The code under test is unchanged and synchronous; each of its accesses calls access(). To let
 * another thread run, access() calls that thread's function, on top of the stack. To go back to a
 * thread below, it throws UNWIND through those above; they are run again from their start when it
 * is their turn, and their logs answer their accesses until they are where they were.
 *
 *   A: load, store, ┐                       ┌ ... A goes on
 *                   └ B: cas, load ── UNWIND ┘      (B later: cas, load from its log, then live)
 */
import { type Failure, type FailureKind, UNWIND, Violation } from './failure.ts';
import {
  AFTER_ALL,
  BEGINS,
  ENDS,
  KIND_MASK,
  NO_WORD,
  NOTIFIES,
  NOTIFY,
  PLAIN_LOAD,
  READS,
  SPIN,
  WAIT,
  WAIT_NOT_EQUAL,
  WAIT_OK,
  WAIT_TIMED_OUT,
  WAITS,
  WRITES,
  WRITES_QUEUE,
} from './kind.ts';
import { accessAlone } from './access_alone.ts';
import type { Memory } from './memory.ts';
import { PerThread } from './per_thread.ts';
import { type Search, type Step, STOP } from './search.ts';
import * as sentences from './sentences.ts';
import { Sleepers } from './sleepers.ts';
import { grown } from './slots.ts';
import { accessText, argumentsOf, Thread } from './thread.ts';
import type { Witness } from './witness.ts';

export interface ExecutorOptions {
  readonly memory: Memory;
  readonly threads: readonly { readonly name: string; readonly body: () => unknown }[];
  /** Accesses that an execution may have. */
  readonly maxSteps?: number;
  /** Waits of a thread that may time out although others can run. */
  readonly timeouts?: number;
  readonly perThread?: PerThread;
  readonly witnesses?: readonly Witness[];
  /** Asked after every step that wrote. @returns what is wrong, or null. */
  readonly invariant?: (() => string | null) | undefined;
  readonly nameOf?: (at: number) => string;
}

/** How often a catch may keep UNWIND before its thread is given made-up answers. */
const MOST_THROWS = 1000;
const NOBODY = -1;

export class Executor {
  readonly memory: Memory;
  readonly threads: readonly Thread[];
  readonly sleepers: Sleepers;
  readonly perThread: PerThread;
  /** What was wrong with the last execution. */
  failure: Failure | null = null;
  /** Whether the search stopped it before its end. */
  isCut = false;
  /** Accesses of all executions: those made, and those repeated; and executions left. */
  accesses = 0;
  repeated = 0;
  /** Atomic steps of this execution, and changes away from a thread that could have gone on. */
  depth = 0;
  preemptions = 0;
  /** What was chosen in this execution: `chosen` threads, or, below 0, alternatives: -1 - which. */
  choices: Int32Array<ArrayBuffer> = new Int32Array(64);
  chosen = 0;
  readonly #witnesses: readonly Witness[];
  readonly #invariant: (() => string | null) | undefined;
  readonly #nameOf: (at: number) => string;
  readonly #maxSteps: number;
  readonly #step: Step = {
    thread: 0,
    kind: 0,
    at: 0,
    a: 0,
    b: 0,
    value: 0,
    mode: 0,
    woke: 0,
    rests: false,
  };
  #search: Search | null = null;
  #current: Thread | null = null;
  #last = NOBODY;
  /** Who has been chosen and has not taken its step yet. */
  #pending = NOBODY;
  /** To which thread on the stack UNWIND flies, or nobody: then to the end of the execution. */
  #target = NOBODY;
  #isUnwinding = false;
  #isStopped = false;
  #isForced = false;
  #throws = 0;
  #most = 0;

  constructor(options: ExecutorOptions) {
    this.memory = options.memory;
    this.threads = options.threads.map(({ name, body }, id) => new Thread(id, name, body));
    this.sleepers = new Sleepers(this.threads.length, options.timeouts ?? 1);
    this.perThread = options.perThread ?? new PerThread();
    this.#witnesses = options.witnesses ?? [];
    this.#invariant = options.invariant;
    this.#nameOf = options.nameOf ?? ((at) => `word ${at}`);
    this.#maxSteps = options.maxSteps ?? 20_000;
  }

  /** Runs one execution; what it leaves in memory stays until the next. */
  run(search: Search): Failure | null {
    this.#begin(search);
    while (!this.#isStopped) {
      const next = this.#choose();
      if (next === null) break;
      this.#pending = next.id;
      this.#enter(next);
    }
    this.#search = null;
    return this.failure;
  }

  #begin(search: Search): void {
    this.memory.undo();
    this.sleepers.reset();
    this.perThread.restart();
    for (const thread of this.threads) thread.reset();
    for (const witness of this.#witnesses) witness.begin();
    this.failure = null;
    this.isCut = this.#isStopped = this.#isUnwinding = false;
    this.#last = this.#pending = this.#target = NOBODY;
    this.#throws = this.depth = this.preemptions = this.chosen = 0;
    this.#most = this.accesses + this.#maxSteps;
    this.#search = search;
    search.begin();
  }

  /** One access of the thread that runs. @returns its answer. */
  access(kind: number, at: number, a: number, b: number): number {
    const thread = this.#current;
    if (thread === null) return accessAlone(this.memory, kind, at, { a, b });
    if (this.#isUnwinding) return this.#throwAgain(thread, at, a);
    if (thread.isReplaying) return this.#repeat(thread, kind, at, argumentsOf(a, b));
    if (++this.accesses > this.#most) this.#refuseMore(thread);
    const base = kind & KIND_MASK;
    if (base >= PLAIN_LOAD) return this.#plain(thread, kind, at, a);
    if (this.#pending === thread.id) this.#pending = NOBODY;
    else this.#schedule(thread);
    const value = this.#take(thread, kind, at, a, b);
    thread.note(kind, at, argumentsOf(a, b), value);
    return value;
  }

  /** Ends the execution: what the scenario demands does not hold. */
  violate(message: string): never {
    const thread = this.#current;
    if (thread === null) throw new Violation(message);
    if (this.#isUnwinding) throw UNWIND;
    this.#fail('violation', message, thread.id, thread.lastWord);
    throw this.#unwind(NOBODY);
  }

  /** Operation `index` of the running thread begins. */
  begins(index: number): void {
    this.access(BEGINS, index, 0, 0);
  }

  /** It has ended, with a result. */
  ends(index: number, result: unknown): void {
    this.answers(index, result);
    this.access(ENDS, index, 0, 0);
  }

  /** What an operation of the running thread returned; a thread that is one function has one. */
  answers(index: number, result: unknown): void {
    if (this.#current !== null) this.#current.results[index] = result;
  }

  #repeat(thread: Thread, kind: number, at: number, args: number): number {
    this.repeated++;
    if (thread.repeats(kind, at, args)) return thread.answer();
    const did = thread.expected(this.#nameOf);
    const does = accessText(kind, at, this.#nameOf);
    this.#fail('nondeterminism', sentences.repeatsOther(thread, did, does), thread.id, at);
    throw this.#unwind(NOBODY);
  }

  #plain(thread: Thread, kind: number, at: number, a: number): number {
    const base = kind & KIND_MASK;
    const value = base >= BEGINS ? 0 : this.memory.apply(kind, at, a, 0);
    thread.note(kind, at, argumentsOf(a, 0), value);
    for (const witness of this.#witnesses) {
      const wrong = witness.plain(thread.id, kind, at, base === PLAIN_LOAD ? value : a);
      if (wrong !== null) this.#fail('race', wrong, thread.id, at);
    }
    if (this.sleepers.spinning > 0 && base < BEGINS) {
      this.sleepers.written(at, this.memory.read(at));
    }
    if (this.#isStopped) throw this.#unwind(NOBODY);
    return value;
  }

  /** Takes a step, now that it is the thread's turn. @returns its answer. */
  #take(thread: Thread, kind: number, at: number, a: number, b: number): number {
    this.depth++;
    const step = this.#step;
    step.thread = thread.id;
    step.kind = kind;
    step.at = at;
    step.a = a;
    step.b = b;
    step.woke = 0;
    step.rests = false;
    const base = kind & KIND_MASK;
    if (base < WAIT) return this.#touch(step);
    if (base === WAIT) return this.#wait(thread, step);
    if (base === SPIN) return this.#spin(thread, step);
    return base === NOTIFY ? this.#notify(step) : this.#pick(step);
  }

  #touch(step: Step): number {
    const { memory } = this;
    const logged = memory.logged;
    step.value = memory.apply(step.kind, step.at, step.a, step.b);
    step.mode = memory.logged === logged ? READS : WRITES;
    const value = step.value;
    if (step.mode === WRITES) this.#written(step);
    this.#tell(step);
    return value;
  }

  #written({ at, thread }: Step): void {
    if (this.sleepers.spinning > 0) this.sleepers.written(at, this.memory.read(at));
    if (this.#invariant !== undefined) this.#checkInvariant(thread, at);
  }

  #pick(step: Step): number {
    const value = this.#search?.pick(step.thread, step.a) ?? 0;
    this.#noteChoice(-1 - value);
    step.at = NO_WORD;
    step.mode = 0;
    step.value = value;
    this.#tell(step);
    return value;
  }

  #notify(step: Step): number {
    step.woke = this.sleepers.wake(step.at, step.a);
    const value = countBits(step.woke);
    step.value = value;
    step.mode = value === 0 ? NOTIFIES : NOTIFIES | WRITES_QUEUE;
    this.#tell(step);
    return value;
  }

  #wait(thread: Thread, step: Step): number {
    const { kind, at, a, b } = step;
    if (!this.sleepers.isResting(thread.id)) {
      if (this.memory.read(at) !== a) return this.#tellEnd(step, READS | WAITS, WAIT_NOT_EQUAL);
      this.sleepers.sleep(thread.id, at, b !== 0);
      step.rests = true;
      this.#tellEnd(step, READS | WAITS | WRITES_QUEUE, WAIT_OK);
      this.#schedule(thread);
    }
    if (this.sleepers.rise(thread.id)) {
      // Woken: waking was the other's step. Ours is whatever comes next.
      this.#pending = thread.id;
      for (const witness of this.#witnesses) witness.wakes(thread.id, kind, at);
      return WAIT_OK;
    }
    const mode = WAITS | WRITES_QUEUE | (this.#isForced ? AFTER_ALL : 0);
    Object.assign(step, { thread: thread.id, kind, at, a, b, woke: 0, rests: false });
    return this.#tellEnd(step, mode, WAIT_TIMED_OUT);
  }

  #spin(thread: Thread, step: Step): number {
    const { kind, at, a, b } = step;
    for (;;) {
      const value = this.memory.read(at);
      if (value !== a) return this.#tellEnd(step, READS, value);
      this.sleepers.spin(thread.id, at, a);
      step.rests = true;
      this.#tellEnd(step, READS, value);
      this.#schedule(thread);
      Object.assign(step, { thread: thread.id, kind, at, a, b, woke: 0, rests: false });
    }
  }

  #tellEnd(step: Step, mode: number, value: number): number {
    step.mode = mode;
    step.value = value;
    this.#tell(step);
    return value;
  }

  #tell(step: Step): void {
    if (this.#search !== null && !this.#search.stepped(step)) this.#refuseOther(step);
    for (const witness of this.#witnesses) {
      const wrong = witness.atomic(step);
      if (wrong !== null) this.#fail('race', wrong, step.thread, step.at);
    }
    if (this.#isStopped) throw this.#unwind(NOBODY);
  }

  /** Lets others run until it is this thread's turn. */
  #schedule(self: Thread): void {
    for (;;) {
      const next = this.#choose();
      if (next === self) return;
      if (next === null) throw this.#unwind(NOBODY);
      if (next.isOnStack) throw this.#unwind(next.id);
      this.#pending = next.id;
      this.#enter(next);
      if (this.#isStopped) throw this.#unwind(NOBODY);
      if (this.#target === self.id) {
        this.#target = NOBODY;
        return;
      }
      if (this.#target !== NOBODY) throw this.#unwind(this.#target);
    }
  }

  /** @returns whose turn it is, or null: nobody's. */
  #choose(): Thread | null {
    const { enabled, patient } = this.sleepers;
    const mask = enabled === 0 ? patient : enabled;
    if (mask === 0) {
      this.#end();
      return null;
    }
    const next = this.#search?.choose(this.#last, mask) ?? STOP;
    if (next === STOP) {
      this.isCut = this.#isStopped = true;
      return null;
    }
    if (((mask >> next) & 1) === 0) {
      this.#fail('nondeterminism', sentences.cannotRun(next), next);
      return null;
    }
    this.#isForced = enabled === 0;
    if (next !== this.#last && this.#last >= 0 && ((mask >> this.#last) & 1) === 1) {
      this.preemptions++;
    }
    this.#last = next;
    this.#noteChoice(next);
    return this.threads[next] ?? null;
  }

  #noteChoice(choice: number): void {
    if (this.chosen === this.choices.length) this.choices = grown(this.choices, this.chosen * 2);
    this.choices[this.chosen++] = choice;
  }

  /** Nobody can run: all are done, or else. */
  #end(): void {
    this.#isStopped = true;
    const left = this.threads.filter((thread) => !thread.isDone);
    const [first] = left;
    if (first === undefined) return;
    const at = this.sleepers.wordOf(first.id);
    this.#fail('deadlock', sentences.allRest(left, this.sleepers, this.#nameOf), first.id, at);
  }

  /** Runs a thread from its start, on top of whoever runs; it is left or ends before this does. */
  #enter(thread: Thread): void {
    const before = this.#current;
    if (before !== null) this.perThread.save(before.id);
    this.perThread.restart();
    thread.restart();
    this.#current = thread;
    try {
      thread.body();
      this.#returned(thread);
    } catch (thrown) {
      this.#caught(thread, thrown);
    }
    thread.isOnStack = this.#isUnwinding = false;
    this.#current = before;
    if (before !== null) this.perThread.restore(before.id);
  }

  #returned(thread: Thread): void {
    if (this.#isUnwinding) return this.#refuseCatch(thread);
    if (thread.isReplaying) {
      const did = thread.expected(this.#nameOf);
      return this.#fail('nondeterminism', sentences.ended(thread, did), thread.id);
    }
    if (this.#pending === thread.id) this.#pending = NOBODY;
    thread.isDone = true;
    this.sleepers.retire(thread.id);
  }

  #caught(thread: Thread, thrown: unknown): void {
    // A finally, or a catch that wraps what it caught, may throw something else in its place.
    if (this.#isUnwinding) return;
    if (thrown === UNWIND) return this.#refuseCatch(thread);
    const isDemand = thrown instanceof Violation;
    const kind = isDemand ? 'violation' : 'error';
    this.#fail(
      kind,
      isDemand ? thrown.message : sentences.thrown(thrown),
      thread.id,
      thread.lastWord,
    );
  }

  /** @returns what to throw, to go to a thread on the stack, or to the end of the execution. */
  #unwind(target: number): Error {
    this.#isUnwinding = true;
    this.#target = target;
    return UNWIND;
  }

  /** An access of a finally, or of what runs on after a catch, while the thread is being left. */
  #throwAgain(thread: Thread, at: number, a: number): number {
    if (++this.#throws < MOST_THROWS) throw UNWIND;
    this.#refuseCatch(thread);
    // It tries again and again. With answers that it hopes for it may come to an end.
    return this.#throws % 2 === 0 ? a : this.memory.read(Math.max(at, 0));
  }

  #fail(kind: FailureKind, message: string, thread: number, at: number = NO_WORD): void {
    this.#isStopped = true;
    this.failure ??= { kind, message, thread, at };
  }

  #refuseCatch({ id, name }: Thread): void {
    this.#fail('swallowed', sentences.kept(name), id);
  }

  #refuseMore({ id, name }: Thread): never {
    this.#fail('endless', sentences.tooMany(this.#maxSteps, name), id);
    throw this.#unwind(NOBODY);
  }

  #refuseOther({ kind, at, thread }: Step): void {
    const does = accessText(kind, at, this.#nameOf);
    const name = this.threads[thread]?.name ?? '?';
    this.#fail('nondeterminism', sentences.didOther(name, does), thread, at);
  }

  #checkInvariant(thread: number, at: number): void {
    const current = this.#current;
    this.#current = null;
    const wrong = this.#invariant?.() ?? null;
    this.#current = current;
    if (wrong !== null) this.#fail('violation', wrong, thread, at);
  }
}

function countBits(bits: number): number {
  let count = 0;
  for (let left = bits; left !== 0; left &= left - 1) count++;
  return count;
}
