/**
 * The steps of an execution, and at each what else is to be tried there: one array for each
 * column, since there are millions of them in a second.
 */
import { areDependent, NO_WORD } from './kind.ts';
import { grown } from './slots.ts';

const NOT_YET = -1;

export class DporStack {
  readonly threads: number;
  /** How many steps there are. */
  length = 0;
  /** Who took the step; who could have; who has been, or is to be, tried. */
  thread = new Int32Array(64);
  enabled = new Int32Array(64);
  tried = new Int32Array(64);
  /** Whose steps lead to nothing new: they were taken before, and all since were independent. */
  asleep = new Int32Array(64);
  /** What the step did, see Step; kind is NOT_YET until it is done. */
  kind = new Int32Array(64);
  at = new Int32Array(64);
  mode = new Int32Array(64);
  woke = new Int32Array(64);
  /** Of a choice: how many alternatives, and which is taken. */
  alternatives = new Int32Array(64);
  alternative = new Int32Array(64);
  /** For each thread: which of its steps come before this one, by the last of them. */
  clock = new Int32Array(64);
  /** For each thread that is asleep: what its step does. */
  #sleepAt = new Int32Array(64);
  #sleepMode = new Int32Array(64);

  constructor(threads: number) {
    this.threads = threads;
  }

  /** Adds a step that has not been chosen yet, after those that are there. */
  push(enabled: number): void {
    if ((this.length + 1) * this.threads > this.clock.length) this.#grow();
    const step = this.length++;
    this.enabled[step] = enabled;
    this.tried[step] = 0;
    this.asleep[step] = step === 0 ? 0 : this.#inherit(step);
  }

  /** Chooses who takes a step. */
  choose(step: number, thread: number): void {
    this.thread[step] = thread;
    this.tried[step] = (this.tried[step] ?? 0) | (1 << thread);
    this.kind[step] = NOT_YET;
    this.at[step] = NO_WORD;
    this.mode[step] = this.woke[step] = this.alternatives[step] = this.alternative[step] = 0;
  }

  /** @returns whether a step has been done before. */
  isDone(step: number): boolean {
    return this.kind[step] !== NOT_YET;
  }

  /** All that follows this step has been seen: its thread need not take it here again. */
  sleep(step: number): void {
    const thread = this.thread[step] ?? 0;
    const i = step * this.threads + thread;
    this.#sleepAt[i] = this.at[step] ?? NO_WORD;
    this.#sleepMode[i] = this.mode[step] ?? 0;
    this.asleep[step] = (this.asleep[step] ?? 0) | (1 << thread);
  }

  /** @returns who is still asleep after the step before this one. */
  #inherit(step: number): number {
    const before = step - 1;
    const { threads } = this;
    const at = this.at[before] ?? NO_WORD;
    const mode = this.mode[before] ?? 0;
    const mask = (this.asleep[before] ?? 0) & ~(1 << (this.thread[before] ?? 0));
    let asleep = 0;
    for (let thread = 0; mask >> thread !== 0; thread++) {
      if (((mask >> thread) & 1) === 0) continue;
      const from = before * threads + thread;
      const sleepAt = this.#sleepAt[from] ?? NO_WORD;
      const sleepMode = this.#sleepMode[from] ?? 0;
      if (areDependent(sleepAt, sleepMode, at, mode)) continue;
      this.#sleepAt[from + threads] = sleepAt;
      this.#sleepMode[from + threads] = sleepMode;
      asleep |= 1 << thread;
    }
    return asleep;
  }

  #grow(): void {
    const length = this.clock.length * 2;
    this.thread = grown(this.thread, length);
    this.enabled = grown(this.enabled, length);
    this.tried = grown(this.tried, length);
    this.asleep = grown(this.asleep, length);
    this.kind = grown(this.kind, length);
    this.at = grown(this.at, length);
    this.mode = grown(this.mode, length);
    this.woke = grown(this.woke, length);
    this.alternatives = grown(this.alternatives, length);
    this.alternative = grown(this.alternative, length);
    this.clock = grown(this.clock, length);
    this.#sleepAt = grown(this.#sleepAt, length);
    this.#sleepMode = grown(this.#sleepMode, length);
  }
}
