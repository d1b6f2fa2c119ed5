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
import type { Machine, MachineImage } from '../../index.ts';
import type { Outcome } from './judge.ts';
import { isPlacing } from './judge.ts';
import type { Step, TouchStep } from './program.ts';
import { rangeOf } from './run_call.ts';

/** Runs of single steps before the search gives up: a start, and more for each step. */
const BUDGET = 2000;
const BUDGET_PER_STEP = 20;
/** Clocks of the log are exact to the microsecond. */
const CLOCK_SLACK = 2e-6;
/** States kept: of all of the last steps, and of every so many before. */
const KEPT_ALL = 24;
const KEPT_EVERY = 16;

/** Whether the log says that `a` happened before `b`. */
function isBefore(a: Step, b: Step): boolean {
  if (a.kind !== 'touch' && b.kind !== 'touch') return a.end < b.begin;
  if (a.endTime === null || b.beginTime === null) return false;
  return a.endTime < b.beginTime - CLOCK_SLACK;
}

const isEarlier = (a: TouchStep, b: TouchStep): boolean => (a.endTime ?? 0) < (b.endTime ?? 0);

/** Whether another order could give other answers. */
export function canOrderMatter(steps: readonly Step[]): boolean {
  const calls = steps.filter((step) => step.kind === 'call');
  if (calls.length < 2 || new Set(calls.map(({ tid }) => tid)).size < 2) return false;
  if (calls.some(({ call }) => isPlacing(call))) return true;
  const ranges = calls.map(({ call }) => rangeOf(call));
  return ranges.some((a, i) =>
    ranges.some(
      (b, j) => j > i && (a === null || b === null || (a.start <= b.end && b.start <= a.end)),
    ),
  );
}

export interface Ordered {
  readonly steps: readonly Step[];
  readonly outcomes: readonly (Outcome | null)[];
  /** Whether every answer is the recorded one. */
  readonly isWhole: boolean;
}

/**
 * What to try first. The order in which the calls came back is nearest to the truth; when it leads
 * astray, calls whose place the kernel chose tell most, and then what made room for them.
 */
const PREFERENCES = ['as they came back', 'where answers tell'] as const;
type Preference = (typeof PREFERENCES)[number];

/** One step of the way: what can come next, and how much of that was tried. */
interface Level {
  readonly choices: readonly number[];
  tried: number;
  /** The state before the step; null where it is cheaper to go there again. */
  image: MachineImage | null;
}

/** Looks, depth first, for an order in which every answer is the recorded one. */
export class OrderSearch {
  readonly #machine: Machine;
  readonly #run: (step: Step) => Outcome | null;
  readonly #steps: readonly Step[];
  readonly #base: MachineImage;
  readonly #taken: boolean[];
  readonly #levels: Level[] = [];
  #order: Step[] = [];
  #outcomes: (Outcome | null)[] = [];
  /** The longest way that agreed. */
  #best: readonly Step[] = [];
  #budget = 0;
  #preference: Preference = 'as they came back';

  /** @param run makes a step in the engine. */
  constructor(machine: Machine, steps: readonly Step[], run: (step: Step) => Outcome | null) {
    this.#machine = machine;
    this.#steps = steps;
    this.#run = run;
    this.#base = machine.saveMappings();
    this.#taken = steps.map(() => false);
  }

  /** @returns the order, with the machine at its end; the best there is when none is whole. */
  find(): Ordered {
    if (this.#isInOrder()) return this.#found(true);
    for (const preference of PREFERENCES) {
      this.#startOver(preference);
      if (this.#search()) return this.#found(true);
    }
    this.#machine.restore(this.#base);
    const rest = this.#steps.filter((step) => !this.#best.includes(step));
    this.#order = [...this.#best, ...rest];
    this.#outcomes = this.#order.map(this.#run);
    return this.#found(false);
  }

  #startOver(preference: Preference): void {
    this.#machine.restore(this.#base);
    this.#preference = preference;
    this.#budget = BUDGET + BUDGET_PER_STEP * this.#steps.length;
    this.#taken.fill(false);
    this.#levels.length = 0;
    this.#order = [];
    this.#outcomes = [];
  }

  #found(isWhole: boolean): Ordered {
    return { steps: this.#order, outcomes: this.#outcomes, isWhole };
  }

  /** Most often the order in which the calls came back is right. */
  #isInOrder(): boolean {
    for (const step of this.#steps) {
      const outcome = this.#run(step);
      if (outcome !== null && !outcome.agrees) return false;
      this.#order.push(step);
      this.#outcomes.push(outcome);
    }
    return true;
  }

  /** Ends: every round spends from the budget, or goes back a level. */
  #search(): boolean {
    this.#levels.push(this.#level());
    while (this.#order.length < this.#steps.length) {
      const level = this.#levels.at(-1);
      if (level === undefined) return false;
      const choice = level.choices[level.tried];
      if (choice === undefined) {
        if (!this.#goBack()) return false;
        continue;
      }
      level.tried++;
      if (--this.#budget < 0) return false;
      if (this.#take(choice)) this.#levels.push(this.#level());
      else this.#return(this.#order.length);
    }
    return true;
  }

  #take(choice: number): boolean {
    const step = this.#steps[choice];
    if (step === undefined) return false;
    const outcome = this.#run(step);
    if (outcome !== null && !outcome.agrees) return false;
    this.#taken[choice] = true;
    this.#order.push(step);
    this.#outcomes.push(outcome);
    if (this.#order.length > this.#best.length) this.#best = [...this.#order];
    return true;
  }

  #goBack(): boolean {
    this.#levels.pop();
    const step = this.#order.pop();
    this.#outcomes.pop();
    if (step === undefined) return false;
    this.#taken[this.#steps.indexOf(step)] = false;
    this.#return(this.#order.length);
    return true;
  }

  /** Brings the machine to the state before the step of this number. */
  #return(depth: number): void {
    let from = depth;
    while (from > 0 && (this.#levels[from]?.image ?? null) === null) from--;
    this.#machine.restore(this.#levels[from]?.image ?? this.#base);
    for (let i = from; i < depth; i++) {
      const step = this.#order[i];
      if (step !== undefined) this.#outcomes[i] = this.#run(step);
    }
  }

  #level(): Level {
    const choices = this.#choices();
    const depth = this.#levels.length;
    const old = this.#levels[depth - KEPT_ALL];
    if (old !== undefined && (depth - KEPT_ALL) % KEPT_EVERY !== 0) old.image = null;
    return { choices, tried: 0, image: choices.length > 1 ? this.#machine.saveMappings() : null };
  }

  /** What can come next, the most promising first. */
  #choices(): number[] {
    const next = this.#possible();
    const touch = next.find((i) => this.#steps[i]?.kind === 'touch');
    // Touches have no answer that could decide: they come as early as they can.
    if (touch !== undefined) return [touch];
    if (this.#preference === 'as they came back') return next;
    const wanted = next.flatMap((i) => wantedPlace(this.#steps[i]));
    const rank = (i: number): number => rankOf(this.#steps[i], wanted);
    return next.toSorted((a, b) => rank(a) - rank(b) || a - b);
  }

  /** Nothing that is left must come before it; a thread does one thing after the other. */
  #possible(): number[] {
    const left = [...this.#steps.keys()].filter((i) => this.#taken[i] !== true);
    // What ends first bounds what can come next.
    const first = Math.min(...left.map((i) => lastLine(this.#steps[i])));
    const near = left.filter((i) => (this.#steps[i]?.begin ?? 0) <= first);
    return near.filter((i) => near.every((j) => j === i || !this.#mustPrecede(j, i)));
  }

  #mustPrecede(j: number, i: number): boolean {
    const [other, step] = [this.#steps[j], this.#steps[i]];
    if (other === undefined || step === undefined) return false;
    if (other.tid === step.tid) return j < i;
    if (other.kind === 'touch' && step.kind === 'touch') return isEarlier(other, step);
    return isBefore(other, step);
  }
}

const lastLine = (step: Step | undefined): number =>
  step === undefined || step.kind === 'touch' ? Infinity : step.end;

const isPlacingStep = (step: Step | undefined): boolean =>
  step?.kind === 'call' && isPlacing(step.call) && step.wanted > 0;

const wantedPlace = (step: Step | undefined): number[] =>
  step?.kind === 'call' && isPlacingStep(step) ? [Number(step.wanted)] : [];

function rankOf(step: Step | undefined, wanted: readonly number[]): number {
  if (isPlacingStep(step)) return 0;
  if (step === undefined || step.kind !== 'call') return 3;
  const range = rangeOf(step.call);
  if (range === null) return 2;
  return wanted.some((place) => range.start <= place && place < range.end) ? 1 : 2;
}
