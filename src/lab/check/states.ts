/**
 * Every state once: a schedule is given up when it comes to where another has been. A state is the
 * words, who rests where, and of each thread the hash of what its accesses answered, of which all
 * that it knows is a function. Simpler than DPOR, and so a check on it.
 *
 * States are known by 53 bits of hash: among a million, two that differ are taken for one with a
 * probability of 1 in 18,000.
 */
import { DepthFirst } from './depth_first.ts';
import type { Executor } from './executor.ts';
import type { Witness } from './witness.ts';
import { type Search, type Step, STOP } from './search.ts';
import { keyOf, MemoryHash, mix, mixOther } from './state_hash.ts';

export class States implements Search, Witness {
  /** How many have been seen. */
  get count(): number {
    return this.#seen.size;
  }
  readonly #seen = new Set<number>();
  readonly #search = new DepthFirst();
  /** Two hashes of each thread's log. */
  readonly #low: Int32Array;
  readonly #high: Int32Array;
  readonly #memory = new MemoryHash();
  #executor: Executor | null = null;

  constructor(threads: number) {
    this.#low = new Int32Array(threads);
    this.#high = new Int32Array(threads);
  }

  /** Whose states it sees; it is one of its witnesses. */
  watch(executor: Executor): void {
    this.#executor = executor;
  }

  begin(): void {
    this.#search.begin();
    this.#low.fill(1);
    this.#high.fill(7);
    this.#memory.reset();
  }

  choose(last: number, enabled: number): number {
    if (this.#search.isNew && !this.#isNewState()) return STOP;
    return this.#search.choose(last, enabled);
  }

  pick(thread: number, count: number): number {
    return this.#search.pick(thread, count);
  }

  stepped(step: Step): boolean {
    return this.#search.stepped(step);
  }

  next(): boolean {
    return this.#search.next();
  }

  atomic({ thread, kind, at, value, rests }: Step): string | null {
    // What a rest answers is known when it ends.
    if (!rests) this.#note(thread, kind + at * 64, value);
    return null;
  }

  wakes(thread: number, kind: number, at: number): void {
    this.#note(thread, kind + at * 64, 0);
  }

  plain(thread: number, kind: number, at: number, value: number): string | null {
    this.#note(thread, kind + at * 64, value);
    return null;
  }

  #note(thread: number, what: number, value: number): void {
    this.#low[thread] = mix(mix(this.#low[thread] ?? 0, what), value);
    this.#high[thread] = mixOther(mixOther(this.#high[thread] ?? 0, what), value);
  }

  #isNewState(): boolean {
    const executor = this.#executor;
    if (executor === null) return true;
    this.#memory.follow(executor.memory);
    let { low, high } = this.#memory;
    for (let thread = 0; thread < this.#low.length; thread++) {
      low = mix(low, this.#low[thread] ?? 0);
      high = mixOther(high, this.#high[thread] ?? 0);
    }
    executor.sleepers.hash((value) => {
      low = mix(low, value);
      high = mixOther(high, value);
    });
    const before = this.#seen.size;
    this.#seen.add(keyOf(low, high));
    return this.#seen.size > before;
  }
}
