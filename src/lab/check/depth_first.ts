/**
 * Every schedule, one after another; or every one with at most so many preemptions: changes away
 * from a thread that could have gone on.
 */
import { type Search, type Step, STOP } from './search.ts';

interface Branch {
  /** Threads, or alternatives of a choice: what is tried here, in this order. */
  readonly options: readonly number[];
  tried: number;
  /** What the step was, to see whether it is again. */
  kind: number;
  at: number;
}

export class DepthFirst implements Search {
  readonly #bound: number;
  readonly #branches: Branch[] = [];
  readonly #options: (readonly number[] | undefined)[] = [];
  #depth = 0;
  #chosen = -1;
  #preemptions = 0;

  constructor(bound = Infinity) {
    this.#bound = bound;
  }

  /** Whether what comes now has not been before. */
  get isNew(): boolean {
    return this.#depth === this.#branches.length;
  }

  begin(): void {
    this.#depth = 0;
    this.#preemptions = 0;
  }

  choose(last: number, enabled: number): number {
    const couldGoOn = last >= 0 && ((enabled >> last) & 1) === 1;
    if (this.#depth === this.#branches.length) {
      const isFree = !couldGoOn || this.#preemptions < this.#bound;
      this.#push(isFree ? this.#optionsOf(last, enabled) : [last]);
    }
    this.#chosen = this.#depth;
    const next = this.#take();
    if (couldGoOn && next !== last) this.#preemptions++;
    return next;
  }

  pick(_thread: number, count: number): number {
    if (this.#depth === this.#branches.length) {
      this.#push(Array.from({ length: count }, (_, i) => i));
    }
    return this.#take();
  }

  stepped({ kind, at }: Step): boolean {
    const branch = this.#branches[this.#chosen];
    if (branch === undefined) return false;
    if (branch.kind === -1) {
      branch.kind = kind;
      branch.at = at;
    }
    return branch.kind === kind && branch.at === at;
  }

  next(): boolean {
    this.#branches.length = this.#depth;
    for (;;) {
      const branch = this.#branches.at(-1);
      if (branch === undefined) return false;
      branch.kind = -1;
      if (++branch.tried < branch.options.length) return true;
      this.#branches.pop();
    }
  }

  /** The same array for the same question: there are few of them, and they are asked often. */
  #optionsOf(last: number, enabled: number): readonly number[] {
    const key = enabled * 32 + last + 1;
    let options = this.#options[key];
    if (options === undefined) this.#options[key] = options = threadsOf(last, enabled);
    return options;
  }

  #push(options: readonly number[]): void {
    this.#branches.push({ options, tried: 0, kind: -1, at: 0 });
  }

  #take(): number {
    const branch = this.#branches[this.#depth++];
    return branch?.options[branch.tried] ?? STOP;
  }
}

/** The threads of a mask, the one that ran last first. */
export function threadsOf(last: number, enabled: number): number[] {
  const threads: number[] = [];
  if (last >= 0 && ((enabled >> last) & 1) === 1) threads.push(last);
  for (let thread = 0; enabled >> thread !== 0; thread++) {
    if (thread !== last && ((enabled >> thread) & 1) === 1) threads.push(thread);
  }
  return threads;
}
