/**
 * Which steps touched something last: the last write, and the last read of each thread since.
 * Reads are of two sorts, of which each comes after the other but not after its own.
 */
import { grown, Slots } from './slots.ts';

const NONE = -1;

export const READ = 0;
export const OTHER_READ = 1;
export const WRITE = 2;
export type Sort = typeof READ | typeof OTHER_READ | typeof WRITE;

export class LastAccesses {
  readonly #threads: number;
  readonly #slots = new Slots();
  #write = new Int32Array(16);
  /** For each slot, the reads of either sort by each thread. */
  #reads: Int32Array<ArrayBuffer>;

  constructor(threads: number) {
    this.#threads = threads;
    this.#reads = new Int32Array(16 * 2 * threads);
  }

  reset(): void {
    this.#slots.reset();
  }

  /**
   * Writes into `found`, from `count` on, the steps that an access comes after at once.
   *
   * @returns how many there are then.
   */
  before(key: number, sort: Sort, found: Int32Array, count: number): number {
    const slot = this.#slotOf(key);
    let end = count;
    const write = this.#write[slot] ?? NONE;
    if (write !== NONE) found[end++] = write;
    const reads = slot * 2 * this.#threads;
    if (sort !== READ) end = this.#copy(reads, found, end);
    if (sort !== OTHER_READ) end = this.#copy(reads + this.#threads, found, end);
    return end;
  }

  /** Notes that step `step` of a thread did it. */
  note(key: number, sort: Sort, thread: number, step: number): void {
    const slot = this.#slotOf(key);
    if (sort !== WRITE) this.#reads[(slot * 2 + sort) * this.#threads + thread] = step;
    else {
      this.#write[slot] = step;
      this.#forgetReads(slot);
    }
  }

  #copy(from: number, found: Int32Array, count: number): number {
    let end = count;
    for (let i = from; i < from + this.#threads; i++) {
      const read = this.#reads[i] ?? NONE;
      if (read !== NONE) found[end++] = read;
    }
    return end;
  }

  #forgetReads(slot: number): void {
    const end = (slot + 1) * 2 * this.#threads;
    // By hand: so few at a time are not worth a call.
    for (let i = slot * 2 * this.#threads; i < end; i++) this.#reads[i] = NONE;
  }

  #slotOf(key: number): number {
    const known = this.#slots.count;
    const slot = this.#slots.of(key);
    if (this.#slots.count === known) return slot;
    if (slot >= this.#write.length) {
      this.#write = grown(this.#write, slot * 2);
      this.#reads = grown(this.#reads, slot * 2 * 2 * this.#threads);
    }
    this.#write[slot] = NONE;
    this.#forgetReads(slot);
    return slot;
  }
}
