/**
 * The words that the threads share, over one or several buffers, and the log by which an
 * execution is undone: what was written, in order. Words are numbered through all buffers.
 */
import {
  ADD,
  AND,
  CAS,
  EXCHANGE,
  KIND_MASK,
  LANE_SHIFT,
  LOAD,
  OR,
  PLAIN_LOAD,
  PLAIN_STORE,
  PUBLISHED_LOAD,
  STORE,
  SUB,
  XOR,
} from './kind.ts';
import { laneMask, laneShift } from './lane.ts';

interface Region {
  readonly buffer: ArrayBufferLike;
  readonly words: Int32Array;
  readonly from: number;
  readonly to: number;
  /** What was there at the beginning. */
  before: Int32Array;
}

/** A thread that made its own in every execution would have more and more. */
const MOST_REGIONS = 64;

/** Of an entry of the log: which word, what was in it, what was put there. */
export const WRITE_WORDS = 3;

export class Memory {
  /** Entries of WRITE_WORDS numbers; `logged` of them are of this execution. */
  log: Int32Array = new Int32Array(1024);
  logged = 0;
  readonly #regions: Region[] = [];
  #first: Region = regionOf(new ArrayBuffer(0), 0);

  /** How many words there are. */
  get size(): number {
    return this.#regions.at(-1)?.to ?? 0;
  }

  /** Makes a buffer part of it. @returns the number of its first word. */
  add(buffer: ArrayBufferLike): number {
    const known = this.#regions.find((region) => region.buffer === buffer);
    if (known !== undefined) return known.from;
    if (buffer.byteLength % 4 !== 0) {
      throw new RangeError(
        `a shared buffer of ${buffer.byteLength} bytes: make its length a multiple of 4.`,
      );
    }
    if (this.#regions.length === MOST_REGIONS) {
      throw new RangeError(
        `more than ${MOST_REGIONS} shared buffers: make them in setup(), not in a thread.`,
      );
    }
    const region = regionOf(buffer, this.size);
    if (this.#regions.length === 0) this.#first = region;
    this.#regions.push(region);
    return region.from;
  }

  /** What a word holds. */
  read(at: number): number {
    const { words, from } = this.#regionAt(at);
    return words[at - from] ?? 0;
  }

  /** Does what a load, a store or a read-modify-write does. @returns its result. */
  apply(kind: number, at: number, a: number, b: number): number {
    const region = at < this.#first.to ? this.#first : this.#regionAt(at);
    const words = region.words;
    const index = at - region.from;
    const old = words[index] ?? 0;
    if (kind > KIND_MASK) return this.#applyLane(region, kind, at, { a, b, old });
    if (kind === LOAD || kind === PLAIN_LOAD || kind === PUBLISHED_LOAD) return old;
    if (kind === CAS && old !== a) return old;
    const value = after(kind, old, a, b);
    this.#note(at, old, value);
    words[index] = value;
    return kind === STORE || kind === PLAIN_STORE ? a : old;
  }

  #applyLane(
    { words, from }: Region,
    kind: number,
    at: number,
    { a, b, old }: { readonly a: number; readonly b: number; readonly old: number },
  ): number {
    const lane = kind >> LANE_SHIFT;
    const shift = laneShift(lane);
    const mask = laneMask(lane);
    const part = (old >>> shift) & mask;
    const plain = kind & KIND_MASK;
    if (plain === LOAD || plain === PLAIN_LOAD || plain === PUBLISHED_LOAD) return part;
    if (plain === CAS && part !== (a & mask)) return part;
    const value = (old & ~(mask << shift)) | ((after(plain, part, a, b) & mask) << shift);
    this.#note(at, old, value);
    words[at - from] = value;
    return plain === STORE || plain === PLAIN_STORE ? a : part;
  }

  /** Takes what is there now as the beginning of every execution. */
  snapshot(): void {
    this.logged = 0;
    for (const region of this.#regions) region.before = region.words.slice();
  }

  /** Takes back what was written since the beginning. */
  undo(): void {
    const log = this.log;
    for (let i = (this.logged - 1) * WRITE_WORDS; i >= 0; i -= WRITE_WORDS) {
      const at = log[i] ?? 0;
      const region = at < this.#first.to ? this.#first : this.#regionAt(at);
      region.words[at - region.from] = log[i + 1] ?? 0;
    }
    this.logged = 0;
  }

  /** @returns a word that was changed by a store that nobody told of, or -1; it is repaired. */
  repairUnseen(): number {
    let found = -1;
    for (const { words, from, before } of this.#regions) {
      for (let i = 0; i < words.length; i++) {
        if (words[i] === before[i]) continue;
        if (found < 0) found = from + i;
        words[i] = before[i] ?? 0;
      }
    }
    return found;
  }

  #note(at: number, old: number, value: number): void {
    const i = this.logged * WRITE_WORDS;
    if (i + WRITE_WORDS > this.log.length) {
      const grown = new Int32Array(this.log.length * 2);
      grown.set(this.log);
      this.log = grown;
    }
    this.log[i] = at;
    this.log[i + 1] = old;
    this.log[i + 2] = value;
    this.logged++;
  }

  #regionAt(at: number): Region {
    for (const region of this.#regions) if (at < region.to) return region;
    throw new RangeError(`word ${at} is in no shared buffer.`);
  }
}

const regionOf = (buffer: ArrayBufferLike, from: number): Region => {
  const words = new Int32Array(buffer);
  return { buffer, words, from, to: from + words.length, before: words.slice() };
};

/** What a word holds after a store or a read-modify-write. */
function after(kind: number, old: number, a: number, b: number): number {
  if (kind === STORE || kind === PLAIN_STORE || kind === EXCHANGE) return a | 0;
  if (kind === CAS) return b | 0;
  if (kind === ADD) return (old + a) | 0;
  if (kind === SUB) return (old - a) | 0;
  if (kind === AND) return old & a;
  if (kind === OR) return old | a;
  if (kind === XOR) return old ^ a;
  throw new RangeError(`an access of kind ${kind} stores nothing.`);
}
