/**
 * Every state once: a schedule is given up when it comes to where another has been. A state is the
 * words, who rests where, and of each thread the hash of what its accesses answered, of which all
 * that it knows is a function. Simpler than DPOR, and so a check on it.
 *
 * States are known by 53 bits of hash: among a million, two that differ are taken for one with a
 * probability of 1 in 18,000.
 */
import { DepthFirst } from './depth_first.ts';
import type { Executor, Witness } from './executor.ts';
import { WRITE_WORDS } from './memory.ts';
import { type Search, type Step, STOP } from './search.ts';

export class States implements Search, Witness {
  /** How many have been seen. */
  get count(): number {
    return this.#seen.size;
  }
  readonly #seen = new Set<number>();
  readonly #search = new DepthFirst();
  /** Two hashes of each thread's log, and of memory, which changes with each write. */
  readonly #low: Int32Array;
  readonly #high: Int32Array;
  #memoryLow = 0;
  #memoryHigh = 0;
  #hashed = 0;
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
    this.#memoryLow = this.#memoryHigh = this.#hashed = 0;
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
    this.#hashWrites(executor);
    let low = this.#memoryLow;
    let high = this.#memoryHigh;
    for (let thread = 0; thread < this.#low.length; thread++) {
      low = mix(low, this.#low[thread] ?? 0);
      high = mixOther(high, this.#high[thread] ?? 0);
    }
    executor.sleepers.hash((value) => {
      low = mix(low, value);
      high = mixOther(high, value);
    });
    const before = this.#seen.size;
    this.#seen.add((low >>> 0) * 0x20_0000 + ((high >>> 0) & 0x1f_ffff));
    return this.#seen.size > before;
  }

  /** The sum over all words of a hash of what they hold, kept up by what was written. */
  #hashWrites({ memory: { log, logged } }: Executor): void {
    for (; this.#hashed < logged; this.#hashed++) {
      const i = this.#hashed * WRITE_WORDS;
      const at = log[i] ?? 0;
      const old = log[i + 1] ?? 0;
      const value = log[i + 2] ?? 0;
      this.#memoryLow = (this.#memoryLow + wordHash(at, value) - wordHash(at, old)) | 0;
      this.#memoryHigh = (this.#memoryHigh + otherHash(at, value) - otherHash(at, old)) | 0;
    }
  }
}

function mix(hash: number, value: number): number {
  const h = Math.imul(hash ^ value, 0x9e3779b1);
  return h ^ (h >>> 15);
}

function mixOther(hash: number, value: number): number {
  const h = Math.imul((hash + 0x51ed27) ^ value, 0x85ebca6b);
  return h ^ (h >>> 13);
}

const wordHash = (at: number, value: number): number => mix(mix(at + 1, value), 0x2545f491);
const otherHash = (at: number, value: number): number =>
  mixOther(mixOther(at + 3, value), 0x1b873593);
