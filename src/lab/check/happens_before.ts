/**
 * Finds races: two accesses of two threads to the same bytes, at least one of them a store and at
 * least one of them plain, that nothing orders. As the JavaScript memory model has it, an atomic
 * load comes after the atomic store whose value it reads, and all that its thread did before; and
 * who is woken comes after who woke it.
 *
 * Where it finds none in any schedule, no execution is anything but one of those schedules.
 */
import type { Witness } from './witness.ts';
import {
  KIND_MASK,
  LANE_SHIFT,
  BEGINS,
  NO_WORD,
  PLAIN_LOAD,
  READS,
  STORE,
  WRITES,
} from './kind.ts';
import { laneBytes } from './lane.ts';
import type { Stage } from './scenario.ts';
import type { Step } from './search.ts';
import { grown, Slots } from './slots.ts';

// What is noted of a word, each for every thread: up to when each was heard of by who stored last,
// and when each has loaded and stored.
const RELEASED = 0;
const ATOMIC_LOAD = 1;
const ATOMIC_STORE = 2;
const PLAIN_LOADED = 3;
const PLAIN_STORED = 4;
const GROUPS = 5;
const DID = ['', 'atomic load', 'atomic store', 'plain load', 'plain store'];
const A_DID = ['', 'an atomic load', 'an atomic store', 'a plain load', 'a plain store'];

const NOBODY = -1;
const WHOLE = 15;
/** Keys of a word: the whole, and its four bytes. */
const KEYS = 5;

/** What it has to know of a stage. */
type Watched = Pick<Stage, 'threadNames' | 'nameOf' | 'isQuiet'>;

export class HappensBefore implements Witness {
  readonly #names: readonly string[];
  readonly #nameOf: (at: number) => string;
  readonly #isQuiet: (at: number) => boolean;
  readonly #threads: number;
  /** For each thread, up to when it has heard of each. */
  readonly #clocks: Int32Array;
  readonly #slots = new Slots();
  #notes = new Int32Array(256);
  /** Words of which only some bytes have been accessed. */
  readonly #split = new Set<number>();

  constructor({ threadNames, nameOf, isQuiet }: Watched) {
    this.#names = threadNames;
    this.#nameOf = nameOf;
    this.#isQuiet = isQuiet;
    this.#threads = threadNames.length;
    this.#clocks = new Int32Array(threadNames.length ** 2);
  }

  begin(): void {
    this.#slots.reset();
    this.#clocks.fill(0);
    for (let i = 0; i < this.#clocks.length; i += this.#threads + 1) this.#clocks[i] = 1;
  }

  atomic({ thread, kind, at, mode, woke }: Step): string | null {
    if (at === NO_WORD) return null;
    const isStore = (mode & WRITES) !== 0;
    if (woke !== 0) this.#meet(thread, woke);
    if ((mode & (READS | WRITES)) === 0) return null;
    const group = isStore ? ATOMIC_STORE : ATOMIC_LOAD;
    const wrong = this.#access(thread, kind, at, group);
    if (isStore) this.#tick(thread);
    return wrong;
  }

  /** What woke it has told it already. */
  wakes(): void {}

  plain(thread: number, kind: number, at: number): string | null {
    const base = kind & KIND_MASK;
    if (base >= BEGINS || this.#isQuiet(at)) return null;
    return this.#access(thread, kind, at, base === PLAIN_LOAD ? PLAIN_LOADED : PLAIN_STORED);
  }

  /** Who wakes and who is woken hear of each other. */
  #meet(thread: number, woke: number): void {
    const own = thread * this.#threads;
    for (let other = 0; woke >> other !== 0; other++) {
      if (((woke >> other) & 1) === 1) this.#hear(own, other * this.#threads);
    }
    for (let other = 0; woke >> other !== 0; other++) {
      if (((woke >> other) & 1) === 0) continue;
      this.#hear(other * this.#threads, own);
      this.#tick(other);
    }
    this.#tick(thread);
  }

  #access(thread: number, kind: number, at: number, group: number): string | null {
    const bytes = laneBytes(kind >> LANE_SHIFT);
    if (bytes !== WHOLE && !this.#split.has(at)) this.#splitWord(at);
    if (!this.#split.has(at)) return this.#touch(thread, this.#slotOf(at * KEYS), at, kind, group);
    let wrong: string | null = null;
    for (let byte = 0; byte < 4; byte++) {
      if (((bytes >> byte) & 1) === 0) continue;
      const slot = this.#slotOf(at * KEYS + 1 + byte);
      wrong = this.#touch(thread, slot, at, kind, group) ?? wrong;
    }
    return wrong;
  }

  /** From now on its bytes are told apart; each has what is known of the whole. */
  #splitWord(at: number): void {
    this.#split.add(at);
    const stride = GROUPS * this.#threads;
    const from = this.#slotOf(at * KEYS) * stride;
    for (let byte = 0; byte < 4; byte++) {
      const to = this.#slotOf(at * KEYS + 1 + byte) * stride;
      this.#notes.copyWithin(to, from, from + stride);
    }
  }

  /** One access of a word, or a byte. @returns with which other it races, or null. */
  #touch(thread: number, slot: number, at: number, kind: number, group: number): string | null {
    const notes = this.#notes;
    const from = slot * GROUPS * this.#threads;
    const own = thread * this.#threads;
    const time = this.#clocks[own + thread] ?? 0;
    const isStore = group === ATOMIC_STORE || group === PLAIN_STORED;
    const isPlain = group >= PLAIN_LOADED;
    let wrong = this.#unordered(from, PLAIN_STORED, thread);
    if (wrong === NOBODY && isStore) wrong = this.#unordered(from, PLAIN_LOADED, thread);
    if (wrong === NOBODY && isPlain) wrong = this.#unordered(from, ATOMIC_STORE, thread);
    if (wrong === NOBODY && group === PLAIN_STORED) {
      wrong = this.#unordered(from, ATOMIC_LOAD, thread);
    }
    notes[from + group * this.#threads + thread] = time;
    if (!isPlain) this.#synchronize(from, own, kind, isStore);
    return wrong === NOBODY ? null : this.#sentence(wrong, thread, at, group);
  }

  /** @returns who did this to it, without this thread having heard of it: a group and a thread. */
  #unordered(from: number, group: number, thread: number): number {
    for (let other = 0; other < this.#threads; other++) {
      if (other === thread) continue;
      const did = this.#notes[from + group * this.#threads + other] ?? 0;
      const heard = this.#clocks[thread * this.#threads + other] ?? 0;
      if (did > heard) return group * this.#threads + other;
    }
    return NOBODY;
  }

  /** An atomic load hears of what its store knew; a store that reads hands that on. */
  #synchronize(from: number, own: number, kind: number, isStore: boolean): void {
    const notes = this.#notes;
    if ((kind & KIND_MASK) !== STORE) {
      for (let i = 0; i < this.#threads; i++) {
        const heard = notes[from + RELEASED + i] ?? 0;
        if (heard > (this.#clocks[own + i] ?? 0)) this.#clocks[own + i] = heard;
      }
    }
    if (!isStore) return;
    for (let i = 0; i < this.#threads; i++) {
      notes[from + RELEASED + i] = this.#clocks[own + i] ?? 0;
    }
  }

  #sentence(wrong: number, thread: number, at: number, group: number): string {
    const other = this.#names[wrong % this.#threads];
    const did = A_DID[Math.trunc(wrong / this.#threads)];
    const name = this.#nameOf(at);
    return `race on ${name}: nothing orders ${did} by ${other} and this ${DID[group]} by ${this.#names[thread]}`;
  }

  /** A thread's own time goes on: what it does from now on has not been heard of. */
  #tick(thread: number): void {
    const i = thread * (this.#threads + 1);
    this.#clocks[i] = (this.#clocks[i] ?? 0) + 1;
  }

  #hear(to: number, from: number): void {
    const clocks = this.#clocks;
    for (let i = 0; i < this.#threads; i++) {
      const heard = clocks[from + i] ?? 0;
      if (heard > (clocks[to + i] ?? 0)) clocks[to + i] = heard;
    }
  }

  #slotOf(key: number): number {
    const known = this.#slots.count;
    const slot = this.#slots.of(key);
    const stride = GROUPS * this.#threads;
    if (this.#slots.count === known) return slot;
    const from = slot * stride;
    if (from + stride > this.#notes.length) {
      this.#notes = grown(this.#notes, Math.max(this.#notes.length * 2, from + stride));
    }
    // By hand: so few at a time are not worth a call.
    for (let i = from; i < from + stride; i++) this.#notes[i] = 0;
    return slot;
  }
}
