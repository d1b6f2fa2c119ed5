/** Which steps touched a word last, or the queue of those who sleep on it: the last write, and the
 * last read of each thread since. */
import { grown, Slots } from './slots.ts';

const NONE = -1;

export class LastAccesses {
  readonly #threads: number;
  readonly #slots = new Slots();
  #write = new Int32Array(16);
  #reads: Int32Array<ArrayBuffer>;

  constructor(threads: number) {
    this.#threads = threads;
    this.#reads = new Int32Array(16 * threads);
  }

  reset(): void {
    this.#slots.reset();
  }

  /**
   * Writes into `found` the steps that a read or a write of this word comes after.
   *
   * @returns how many.
   */
  before(word: number, isWrite: boolean, found: Int32Array, from: number): number {
    const slot = this.#slotOf(word);
    let count = from;
    const write = this.#write[slot] ?? NONE;
    if (write !== NONE) found[count++] = write;
    if (!isWrite) return count;
    const end = (slot + 1) * this.#threads;
    for (let i = slot * this.#threads; i < end; i++) {
      const read = this.#reads[i] ?? NONE;
      if (read !== NONE) found[count++] = read;
    }
    return count;
  }

  /** Notes that step `step` of a thread read or wrote it. */
  note(word: number, isWrite: boolean, thread: number, step: number): void {
    const slot = this.#slotOf(word);
    const reads = slot * this.#threads;
    if (!isWrite) this.#reads[reads + thread] = step;
    else {
      this.#write[slot] = step;
      this.#reads.fill(NONE, reads, reads + this.#threads);
    }
  }

  #slotOf(word: number): number {
    const known = this.#slots.count;
    const slot = this.#slots.of(word);
    if (this.#slots.count === known) return slot;
    if (slot >= this.#write.length) {
      this.#write = grown(this.#write, slot * 2);
      this.#reads = grown(this.#reads, slot * 2 * this.#threads);
    }
    this.#write[slot] = NONE;
    this.#reads.fill(NONE, slot * this.#threads, (slot + 1) * this.#threads);
    return slot;
  }
}
