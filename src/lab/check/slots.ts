/**
 * Dense numbers for the words that an execution touches, so that what is noted of each takes no
 * room for the others, and forgetting all of them takes no time.
 */
export class Slots {
  /** How many words have been touched. */
  count = 0;
  #slot = new Int32Array(64);
  #round = new Int32Array(64);
  #now = 1;

  /** Forgets all. */
  reset(): void {
    this.count = 0;
    this.#now++;
  }

  /** @returns the slot of a word; it is the last one when the word is new. */
  of(at: number): number {
    if (at >= this.#slot.length) this.#grow(at);
    if (this.#round[at] !== this.#now) {
      this.#round[at] = this.#now;
      this.#slot[at] = this.count++;
    }
    return this.#slot[at] ?? 0;
  }

  #grow(at: number): void {
    const length = 2 ** Math.ceil(Math.log2(at + 1));
    this.#slot = grown(this.#slot, length);
    this.#round = grown(this.#round, length);
  }
}

/** A longer array that begins with what this one has. */
export function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(length);
  longer.set(array);
  return longer;
}
