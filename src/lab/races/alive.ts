/** Asks the shadow memory at every access whether its word may be looked at, or changed. */
import { checkWord } from '../../engine/arena/guard.ts';
import { PLAIN_STORE, KIND_MASK, WRITES, BEGINS, NO_WORD } from '../check/kind.ts';
import type { Step } from '../check/search.ts';
import type { Witness } from '../check/witness.ts';
import type { EngineScheduler } from './engine_scheduler.ts';

export class Alive implements Witness {
  readonly #scheduler: EngineScheduler;

  constructor(scheduler: EngineScheduler) {
    this.#scheduler = scheduler;
  }

  begin(): void {}
  wakes(): void {}

  atomic({ at, mode }: Step): string | null {
    return at === NO_WORD ? null : this.#ask(at, (mode & WRITES) !== 0);
  }

  plain(_thread: number, kind: number, at: number): string | null {
    const base = kind & KIND_MASK;
    return base >= BEGINS || this.#scheduler.isUnguarded
      ? null
      : this.#ask(at, base === PLAIN_STORE);
  }

  #ask(at: number, isWrite: boolean): string | null {
    return this.#scheduler.aside(() => {
      try {
        checkWord(at, isWrite);
        return null;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    });
  }
}
