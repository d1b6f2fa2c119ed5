/**
 * The order of calls that overlap. Two threads are in a call at the same time; the log shows when
 * strace saw each begin and come back, not when the kernel did it:
 *
 *     A  |-------------- mmap ------------|
 *     B        |---- munmap ----|                 A before B, or B before A?
 *     C                             |-- mmap --|  after B for certain
 *
 * The answers decide: an order is right when every answer in it is the recorded one.
 */
import type { Machine } from '../../index.ts';
import type { Outcome } from './judge.ts';
import { isPlacing } from './judge.ts';
import type { Step } from './program.ts';
import { rangeOf } from './run_call.ts';

/** Runs of single steps before the search gives up. */
const BUDGET = 2000;
/** Clocks of the log are exact to the microsecond. */
const CLOCK_SLACK = 2e-6;

/** Whether the log says that `a` happened before `b`. */
export function isBefore(a: Step, b: Step): boolean {
  if (a.kind !== 'touch' && b.kind !== 'touch') return a.end < b.begin;
  if (a.endTime === null || b.beginTime === null) return false;
  return a.endTime < b.beginTime - CLOCK_SLACK;
}

/** Whether another order could give other answers. */
export function canOrderMatter(steps: readonly Step[]): boolean {
  const calls = steps.filter((step) => step.kind === 'call');
  if (calls.length < 2 || new Set(calls.map(({ tid }) => tid)).size < 2) return false;
  if (calls.some(({ call }) => isPlacing(call))) return true;
  const ranges = calls.map(({ call }) => rangeOf(call));
  return ranges.some((a, i) =>
    ranges.some((b, j) => j > i && (a === null || b === null || (a.start <= b.end && b.start <= a.end))),
  );
}

export interface Ordered {
  readonly steps: readonly Step[];
  readonly outcomes: readonly (Outcome | null)[];
}

/** Looks, depth first, for an order in which every answer is the recorded one. */
export class OrderSearch {
  readonly #machine: Machine;
  readonly #run: (step: Step) => Outcome | null;
  readonly #steps: readonly Step[];
  readonly #taken: boolean[];
  readonly #order: Step[] = [];
  readonly #outcomes: (Outcome | null)[] = [];
  #budget = BUDGET;

  /** @param run makes a step in the engine. */
  constructor(machine: Machine, steps: readonly Step[], run: (step: Step) => Outcome | null) {
    this.#machine = machine;
    this.#steps = steps;
    this.#run = run;
    this.#taken = steps.map(() => false);
  }

  /** @returns the order, with the machine at its end; or null, with the machine as it was. */
  find(): Ordered | null {
    return this.#descend() ? { steps: this.#order, outcomes: this.#outcomes } : null;
  }

  /** Every level takes a step more, so the depth is the number of steps. */
  #descend(): boolean {
    if (this.#order.length === this.#steps.length) return true;
    const next = this.#candidates();
    // With one way on, only the level above can want to come back.
    const image = next.length > 1 ? this.#machine.save() : null;
    for (const i of next) {
      if (--this.#budget < 0) return false;
      if (this.#try(i)) return true;
      if (image !== null) this.#machine.restore(image);
    }
    return false;
  }

  #candidates(): number[] {
    const all = this.#steps.keys();
    return [...all].filter((i) => this.#taken[i] !== true && this.#isNext(i));
  }

  #try(i: number): boolean {
    const step = this.#steps[i];
    if (step === undefined) return false;
    const outcome = this.#run(step);
    if (outcome !== null && !outcome.agrees) return false;
    this.#taken[i] = true;
    this.#order.push(step);
    this.#outcomes.push(outcome);
    if (this.#descend()) return true;
    this.#taken[i] = false;
    this.#order.pop();
    this.#outcomes.pop();
    return false;
  }

  /** Nothing that is left must come before it; a thread does one thing after the other. */
  #isNext(i: number): boolean {
    const step = this.#steps[i];
    if (step === undefined) return false;
    return this.#steps.every((other, j) => {
      if (j === i || this.#taken[j] === true) return true;
      if (other.tid === step.tid) return j > i;
      // Touches have no answer that could decide: they stay in the order of their times.
      if (other.kind === 'touch' && step.kind === 'touch') return j > i;
      return !isBefore(other, step);
    });
  }
}
