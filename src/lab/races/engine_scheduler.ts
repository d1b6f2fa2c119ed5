/**
 * The scheduler that a checked build of the engine is given: each of its accesses becomes one of
 * the checker's.
 */
import { H_RAM_AT } from '../../engine/arena/layout.ts';
import type { WordAt } from '../../engine/arena/ref.ts';
import type { PlainAccess, Scheduler } from '../../engine/arena/scheduler.ts';
import { PAGE_SIZE } from '../../engine/arena/units.ts';
import { access } from '../check/active.ts';
import { UNWIND } from '../check/failure.ts';
import {
  ADD,
  AND,
  CAS,
  CHOICE,
  CHOICE_ALLOC,
  EXCHANGE,
  LANE_SHIFT,
  LOAD,
  NO_WORD,
  NOTIFY,
  OR,
  PLAIN_LOAD,
  PLAIN_STORE,
  PUBLISHED_LOAD,
  SPIN,
  STORE,
  WAIT,
} from '../check/kind.ts';
import { laneOf } from '../check/lane.ts';

export interface EngineSchedulerOptions {
  /** False: locks wait as they do in production, step by step. */
  readonly restsOnLocks: boolean;
  readonly passes: number;
  readonly rcuBatch: number;
  /** Caches whose allocations may fail, each of them. */
  readonly mayFail: ReadonlySet<string>;
}

const EVERYBODY = 2 ** 31 - 1;
const FRAME_WORDS = PAGE_SIZE / 4;

/** A byte's lane, or that of the whole word. */
const laned = (kind: number, byte: number | undefined): number =>
  byte === undefined ? kind : kind | (laneOf(1, byte) << LANE_SHIFT);

export class EngineScheduler implements Scheduler {
  readonly restsOnLocks: boolean;
  readonly passes: number;
  readonly rcuBatch: number;
  readonly #mayFail: ReadonlySet<string>;
  /** The words, while somebody looks at them who is not one of the threads. */
  #bare: Int32Array | null = null;
  readonly #words: Int32Array;
  /** Where the frames begin. */
  readonly #ram: number;
  /** Whether the allocator is at work. */
  isUnguarded = false;
  readonly unguarded: PlainAccess = {
    plainLoad: (at, byte) => this.#asAllocator(() => this.plainLoad(at, byte)),
    plainStore: (at, value, byte) => this.#asAllocator(() => this.plainStore(at, value, byte)),
  };

  constructor(words: Int32Array, options: EngineSchedulerOptions) {
    this.#words = words;
    this.#ram = words[H_RAM_AT] ?? words.length;
    this.restsOnLocks = options.restsOnLocks;
    this.passes = options.passes;
    this.rcuBatch = options.rcuBatch;
    this.#mayFail = options.mayFail;
  }

  /** Runs what looks at the memory and is no step of a thread. */
  aside<T>(look: () => T): T {
    this.#bare = this.#words;
    try {
      return look();
    } finally {
      this.#bare = null;
    }
  }

  #asAllocator<T>(body: () => T): T {
    this.isUnguarded = true;
    try {
      return body();
    } finally {
      this.isUnguarded = false;
    }
  }

  load(at: WordAt): number {
    return this.#bare?.[at] ?? access(LOAD, at, 0, 0);
  }

  store(at: WordAt, value: number): void {
    access(STORE, at, value, 0);
  }

  exchange(at: WordAt, value: number): number {
    return access(EXCHANGE, at, value, 0);
  }

  add(at: WordAt, delta: number): number {
    return access(ADD, at, delta, 0);
  }

  or(at: WordAt, bits: number): number {
    return access(OR, at, bits, 0);
  }

  and(at: WordAt, bits: number): number {
    return access(AND, at, bits, 0);
  }

  cas(at: WordAt, from: number, to: number): boolean {
    return access(CAS, at, from, to) === from;
  }

  wait(at: WordAt, value: number): void {
    access(WAIT, at, value, 0);
  }

  wakeAll(at: WordAt): void {
    access(NOTIFY, at, EVERYBODY, 0);
  }

  loadPublished(at: WordAt): number {
    return this.#bare?.[at] ?? access(PUBLISHED_LOAD, at, 0, 0);
  }

  plainLoad(at: WordAt, byte?: number): number {
    if (this.#bare !== null) return bareLoad(this.#bare, at, byte);
    if (this.#isShown(at, byte)) return access(LOAD, at, 0, 0);
    return access(laned(PLAIN_LOAD, byte), at, 0, 0);
  }

  plainStore(at: WordAt, value: number, byte?: number): void {
    if (this.#isShown(at, byte)) return this.store(at, value);
    access(laned(PLAIN_STORE, byte), at, value, 0);
  }

  /**
   * What programs do with their own memory is their affair, and no race of the engine's. The first
   * word of each frame stands for what they see of it: its accesses are steps.
   */
  #isShown(at: WordAt, byte: number | undefined): boolean {
    return byte === undefined && at >= this.#ram && (at - this.#ram) % FRAME_WORDS === 0;
  }

  rest(at: WordAt, value: number): void {
    access(SPIN, at, value, 0);
  }

  refuses(cache: string): boolean {
    return this.#mayFail.has(cache) && access(CHOICE, NO_WORD, 2, CHOICE_ALLOC) === 1;
  }

  letThrough(thrown: unknown): void {
    if (thrown === UNWIND) throw UNWIND;
  }
}

function bareLoad(words: Int32Array, at: WordAt, byte: number | undefined): number {
  const value = words[at] ?? 0;
  return byte === undefined ? value : (value >>> (8 * byte)) & 0xff;
}
