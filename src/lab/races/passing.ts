/** Watches that the first in line is not passed once it has been passed often enough. */
import type { WordAt } from '../../engine/arena/ref.ts';
import type { Witness } from '../check/witness.ts';
import { CAS, KIND_MASK, WAIT, WRITES } from '../check/kind.ts';
import type { Step } from '../check/search.ts';

export class Passing implements Witness {
  readonly #lock: WordAt;
  /** The thread that stands in line, the only one. */
  readonly #waiter: number;
  /** Times that it sleeps before nobody else may get in: the first is on coming. */
  readonly #most: number;
  #sleeps = 0;

  constructor(lock: WordAt, waiter: number, passes: number) {
    this.#lock = lock;
    this.#waiter = waiter;
    this.#most = passes + 1;
  }

  begin(): void {
    this.#sleeps = 0;
  }

  atomic({ thread, kind, at, mode, rests }: Step): string | null {
    const base = kind & KIND_MASK;
    if (thread === this.#waiter && base === WAIT && rests) this.#sleeps++;
    // Only who takes it does so by a compare-and-swap.
    if (at !== this.#lock || base !== CAS || (mode & WRITES) === 0) return null;
    if (thread === this.#waiter) this.#sleeps = 0;
    if (this.#sleeps < this.#most) return null;
    return `the first in line has slept ${this.#sleeps} times, and is passed once more`;
  }

  wakes(): void {}

  plain(): null {
    return null;
  }
}
