/** The search that lets no two operations overlap: all orders in which whole ones can follow. */
import type { Witness } from '../check/witness.ts';
import { ENDS, KIND_MASK } from '../check/kind.ts';
import { type Search, STOP } from '../check/search.ts';

export class Sequential implements Search, Witness {
  readonly #orders: readonly (readonly number[])[];
  #order = 0;
  /** Operations that have ended in this execution. */
  #ended = 0;

  /** @param counts of each thread, how many operations it has. */
  constructor(counts: readonly number[]) {
    this.#orders = mergesOf(counts);
  }

  begin(): void {
    this.#ended = 0;
  }

  choose(): number {
    return this.#orders[this.#order]?.[this.#ended] ?? STOP;
  }

  pick(): number {
    return 0;
  }

  stepped(): boolean {
    return true;
  }

  next(): boolean {
    return ++this.#order < this.#orders.length;
  }

  atomic(): null {
    return null;
  }

  wakes(): void {}

  plain(_thread: number, kind: number): null {
    if ((kind & KIND_MASK) === ENDS) this.#ended++;
    return null;
  }
}

/** Every order of so many of each, as lists of whose turn it is. */
function mergesOf(counts: readonly number[]): number[][] {
  if (counts.every((count) => count === 0)) return [[]];
  return counts.flatMap((count, thread) => {
    if (count === 0) return [];
    const before = counts.map((each, other) => (other === thread ? each - 1 : each));
    return mergesOf(before).map((rest) => rest.concat(thread));
  });
}
