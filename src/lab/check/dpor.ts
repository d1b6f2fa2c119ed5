/**
 * Source-DPOR with sleep sets: of all schedules that differ only in the order of steps that do not
 * touch each other, one. Complete: every final state, every deadlock, and every failed demand of a
 * thread is found.
 *
 * After each execution it looks at the races: two steps of two threads that touch the same word, at
 * least one of them by writing, with nothing between that orders them. To see them the other way
 * round, the thread that can begin the second one's story is tried where the first was taken.
 *
 * Source: Abdulla, Aronis, Jonsson, Sagonas: Optimal dynamic partial order reduction, POPL 2014,
 * algorithm 1.
 */
import { DporStack } from './dpor_stack.ts';
import { AFTER_ALL, NOTIFIES, OF_QUEUE, OF_WORD, WRITES, WRITES_QUEUE } from './kind.ts';
import { LastAccesses, OTHER_READ, READ, type Sort, WRITE } from './last_accesses.ts';
import { type Search, type Step, STOP } from './search.ts';
import { mix } from './state_hash.ts';

/** Of so many parts of a search, one. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** A search is divided by its first steps; there each thread that can run is tried. */
const SHARED_STEPS = 6;

export class Dpor implements Search {
  readonly #stack: DporStack;
  readonly #last: LastAccesses;
  readonly #threads: number;
  #depth = 0;
  /** The first step that the execution before did not take. */
  #fresh = 0;
  /** For each thread, the clock of its last step so far. */
  readonly #clocks: Int32Array;
  /** Steps that the one that is looked at comes after at once. */
  readonly #found: Int32Array;
  readonly #first: Int32Array;

  readonly #shard: Shard;

  constructor(threads: number, shard: Shard = { index: 0, of: 1 }) {
    this.#threads = threads;
    this.#shard = shard;
    this.#stack = new DporStack(threads);
    this.#last = new LastAccesses(threads);
    this.#clocks = new Int32Array(threads * threads);
    this.#found = new Int32Array(2 * (2 * threads + 1));
    this.#first = new Int32Array(threads);
  }

  begin(): void {
    this.#depth = 0;
  }

  choose(last: number, enabled: number): number {
    const stack = this.#stack;
    const step = this.#depth;
    if (step < stack.length) {
      this.#depth++;
      return stack.thread[step] ?? STOP;
    }
    if (step === SHARED_STEPS && !this.#isOurs()) return STOP;
    stack.push(enabled);
    const awake = enabled & ~(stack.asleep[step] ?? 0);
    if (awake === 0) {
      stack.length--;
      return STOP;
    }
    const goesOn = last >= 0 && ((awake >> last) & 1) === 1;
    const thread = goesOn ? last : lowest(awake);
    stack.choose(step, thread);
    if (step < SHARED_STEPS && this.#shard.of > 1) stack.tried[step] = enabled;
    this.#depth++;
    return thread;
  }

  /** @returns whether what begins with these steps is for this shard. */
  #isOurs(): boolean {
    let hash = 0;
    for (let step = 0; step < SHARED_STEPS; step++) {
      hash = mix(mix(hash, this.#stack.thread[step] ?? 0), this.#stack.alternative[step] ?? 0);
    }
    return (hash >>> 0) % this.#shard.of === this.#shard.index;
  }

  pick(_thread: number, count: number): number {
    this.#stack.alternatives[this.#depth - 1] = count;
    return this.#stack.alternative[this.#depth - 1] ?? 0;
  }

  stepped({ kind, at, mode, woke }: Step): boolean {
    const stack = this.#stack;
    const step = this.#depth - 1;
    if (stack.isDone(step)) return stack.kind[step] === kind && stack.at[step] === at;
    stack.kind[step] = kind;
    stack.at[step] = at;
    stack.mode[step] = mode;
    stack.woke[step] = woke;
    return true;
  }

  next(): boolean {
    this.#stack.length = this.#depth;
    this.#lookForRaces();
    return this.#backtrack();
  }

  /** Goes back to the last step where something else is to be tried. */
  #backtrack(): boolean {
    const stack = this.#stack;
    for (; stack.length > 0; stack.length--) {
      const step = stack.length - 1;
      const alternative = (stack.alternative[step] ?? 0) + 1;
      this.#fresh = step;
      if (alternative < (stack.alternatives[step] ?? 0)) {
        stack.alternative[step] = alternative;
        return true;
      }
      stack.sleep(step);
      const left = (stack.tried[step] ?? 0) & ~(stack.asleep[step] ?? 0);
      if (left === 0) continue;
      stack.choose(step, lowest(left));
      return true;
    }
    return false;
  }

  /** Orders the steps of the execution, and has the races among the new ones reversed. */
  #lookForRaces(): void {
    const stack = this.#stack;
    this.#last.reset();
    this.#clocks.fill(-1);
    for (let step = 0; step < stack.length; step++) {
      const thread = stack.thread[step] ?? 0;
      const mode = stack.mode[step] ?? 0;
      if ((mode & AFTER_ALL) !== 0) this.#followAll(thread);
      else if (mode !== 0) this.#follow(step, thread, mode);
      this.#clocks[thread * this.#threads + thread] = step;
      this.#keepClock(step, thread);
      if (mode !== 0) this.#note(step, thread, mode);
    }
  }

  /** The step comes after those that touched the same, by races with some of them. */
  #follow(step: number, thread: number, mode: number): void {
    const stack = this.#stack;
    const word = (stack.at[step] ?? 0) * 2;
    const found = this.#found;
    let count = 0;
    if ((mode & OF_WORD) !== 0) count = this.#last.before(word, ofWord(mode), found, count);
    if ((mode & OF_QUEUE) !== 0) count = this.#last.before(word + 1, ofQueue(mode), found, count);
    let racing = 0;
    if (step >= this.#fresh) {
      for (let i = 0; i < count; i++) if (this.#isRace(i, count, thread)) racing |= 1 << i;
    }
    for (let i = 0; i < count; i++) this.#join(thread, found[i] ?? 0);
    for (let i = 0; racing >> i !== 0; i++) {
      if (((racing >> i) & 1) === 1) this.#reverse(found[i] ?? 0, step, thread);
    }
  }

  /** @returns whether nothing else orders the i-th of those found, and what the thread does now. */
  #isRace(i: number, count: number, thread: number): boolean {
    const { clock, thread: who } = this.#stack;
    const found = this.#found;
    const first = found[i] ?? 0;
    const other = who[first] ?? 0;
    if (other === thread || first <= (this.#clocks[thread * this.#threads + other] ?? -1)) {
      return false;
    }
    for (let j = 0; j < count; j++) {
      const between = found[j] ?? 0;
      if (between > first && (clock[between * this.#threads + other] ?? -1) >= first) return false;
    }
    return true;
  }

  /**
   * Has the race of `step` with `first` tried the other way round: from where `first` was taken, by
   * somebody who can begin what happened since without it.
   */
  #reverse(first: number, step: number, thread: number): void {
    const stack = this.#stack;
    const beginners = this.#beginners(first, step, thread);
    const tried = (stack.tried[first] ?? 0) | (stack.asleep[first] ?? 0);
    if ((beginners & tried) !== 0) return;
    const able = beginners & (stack.enabled[first] ?? 0);
    // None: it could not be the other way round, the first step was what made the second possible.
    if (able !== 0) stack.tried[first] = (stack.tried[first] ?? 0) | (able & -able);
  }

  /**
   * Of the steps after `first` that do not come after it, with `step` at the end: the threads whose
   * own first one comes after no other.
   */
  #beginners(first: number, step: number, thread: number): number {
    const { thread: who, clock } = this.#stack;
    const self = who[first] ?? 0;
    let seen = 1 << self;
    let inside = 0;
    let beginners = 0;
    for (let at = first + 1; at < step; at++) {
      const other = who[at] ?? 0;
      if (((seen >> other) & 1) === 1) continue;
      seen |= 1 << other;
      const from = at * this.#threads;
      if ((clock[from + self] ?? -1) >= first) continue;
      if (!this.#follows(clock, from, inside)) beginners |= 1 << other;
      this.#first[other] = at;
      inside |= 1 << other;
    }
    if (((seen >> thread) & 1) === 1) return beginners;
    const isFirst = !this.#follows(this.#clocks, thread * this.#threads, inside);
    return isFirst ? beginners | (1 << thread) : beginners;
  }

  /** @returns whether a clock has seen the first step of one of these threads. */
  #follows(clock: Int32Array, from: number, threads: number): boolean {
    for (let other = 0; threads >> other !== 0; other++) {
      if (((threads >> other) & 1) === 0) continue;
      if ((clock[from + other] ?? -1) >= (this.#first[other] ?? 0)) return true;
    }
    return false;
  }

  /** A thread's clock takes up that of a step. */
  #join(thread: number, step: number): void {
    const clocks = this.#clocks;
    const clock = this.#stack.clock;
    const to = thread * this.#threads;
    const from = step * this.#threads;
    for (let i = 0; i < this.#threads; i++) {
      const seen = clock[from + i] ?? -1;
      if (seen > (clocks[to + i] ?? -1)) clocks[to + i] = seen;
    }
  }

  #followAll(thread: number): void {
    const clocks = this.#clocks;
    for (let i = 0; i < clocks.length; i++) {
      const to = thread * this.#threads + (i % this.#threads);
      clocks[to] = Math.max(clocks[to] ?? -1, clocks[i] ?? -1);
    }
  }

  #keepClock(step: number, thread: number): void {
    const { clock } = this.#stack;
    const from = thread * this.#threads;
    const to = step * this.#threads;
    for (let i = 0; i < this.#threads; i++) clock[to + i] = this.#clocks[from + i] ?? -1;
  }

  #note(step: number, thread: number, mode: number): void {
    const stack = this.#stack;
    const word = (stack.at[step] ?? 0) * 2;
    if ((mode & OF_WORD) !== 0) this.#last.note(word, ofWord(mode), thread, step);
    if ((mode & OF_QUEUE) !== 0) this.#last.note(word + 1, ofQueue(mode), thread, step);
    // Who was woken does nothing before this.
    const woke = stack.woke[step] ?? 0;
    for (let other = 0; woke >> other !== 0; other++) {
      if (((woke >> other) & 1) === 1) this.#join(other, step);
    }
  }
}

/** The lowest thread of a mask. */
const lowest = (mask: number): number => 31 - Math.clz32(mask & -mask);

const ofWord = (mode: number): Sort => ((mode & WRITES) === 0 ? READ : WRITE);

function ofQueue(mode: number): Sort {
  if ((mode & WRITES_QUEUE) !== 0) return WRITE;
  return (mode & NOTIFIES) === 0 ? READ : OTHER_READ;
}
