/** Searches that prove nothing and go where the complete ones cannot: by chance, from a seed. */
import { Random } from '../oracle/random.ts';
import { threadsOf } from './depth_first.ts';
import { type Search, STOP } from './search.ts';

/** Whoever can run is as likely as another to take the next step. */
export class RandomWalk implements Search {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed, 'walk');
  }

  begin(): void {}

  choose(_last: number, enabled: number): number {
    return this.#random.pick(threadsOf(-1, enabled));
  }

  pick(_thread: number, count: number): number {
    return this.#random.below(count);
  }

  stepped(): boolean {
    return true;
  }

  next(): boolean {
    return true;
  }
}

/**
 * Each thread has a priority; at a few steps, chosen by chance, the one that runs gets the lowest.
 * A bug that takes d orders of steps is met with a probability of at least 1 in
 * threads * steps^(d-1).
 *
 * Source: Burckhardt, Kothari, Musuvathi, Nagarakatte: A randomized scheduler with probabilistic
 * guarantees of finding bugs, ASPLOS 2010.
 */
export class Pct implements Search {
  readonly #random: Random;
  readonly #threads: number;
  readonly #changes: number;
  /** The highest first. */
  #order: number[] = [];
  #changeAt: number[] = [];
  #steps = 0;
  #longest = 8;

  constructor(seed: number, threads: number, depth = 3) {
    this.#random = new Random(seed, 'pct');
    this.#threads = threads;
    this.#changes = depth - 1;
  }

  begin(): void {
    const left = Array.from({ length: this.#threads }, (_, i) => i);
    this.#order = [];
    while (left.length > 0) {
      this.#order.push(...left.splice(this.#random.below(left.length), 1));
    }
    this.#changeAt = Array.from({ length: this.#changes }, () => this.#random.below(this.#longest));
    this.#steps = 0;
  }

  choose(_last: number, enabled: number): number {
    if (this.#changeAt.includes(this.#steps++)) this.#lower(enabled);
    return this.#first(enabled);
  }

  pick(_thread: number, count: number): number {
    return this.#random.below(count);
  }

  stepped(): boolean {
    return true;
  }

  next(): boolean {
    this.#longest = Math.max(this.#longest, this.#steps);
    return true;
  }

  #lower(enabled: number): void {
    const first = this.#first(enabled);
    this.#order = [...this.#order.filter((thread) => thread !== first), first];
  }

  #first(enabled: number): number {
    return this.#order.find((thread) => ((enabled >> thread) & 1) === 1) ?? STOP;
  }
}
