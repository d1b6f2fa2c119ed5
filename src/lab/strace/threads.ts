import type { TidStyle } from './prefix.ts';

/** A call that has begun and not yet come back. */
export interface Pending {
  readonly tid: number;
  readonly line: number;
  readonly time: number | null;
  readonly name: string;
  /** The arguments printed so far. */
  readonly text: string;
  readonly continuedLine: number | null;
}

/** The number of the traced program in a log that does not tell it. */
export const MAIN_TID = 0;

/**
 * Who is alive, as far as the log tells, and what each is in the middle of.
 *
 * On stderr strace names the thread only while there is more than one, so a line without a name
 * belongs to the only one alive. The program itself may have run long under no name; when its
 * number shows up at last, it keeps 0, so that one thread has one number in the whole log.
 */
export class Threads {
  /** The real number of thread 0, once it is known. */
  mainTid: number | null = null;
  readonly #alive = new Set<number>();
  readonly #pending = new Map<number, Pending>();

  /** @returns the number that the records of a line carry. */
  identify(style: TidStyle, printed: number): number {
    if (style === 'column') return printed;
    if (style === 'none') return this.#unnamed();
    if (this.#alive.has(printed)) return printed;
    if (printed === this.mainTid) return MAIN_TID;

    if (this.mainTid === null && this.#alive.has(MAIN_TID)) {
      this.mainTid = printed;
      return MAIN_TID;
    }
    this.#alive.add(printed);
    return printed;
  }

  #unnamed(): number {
    if (this.#alive.size === 0) this.#alive.add(MAIN_TID);
    if (this.#alive.size > 1 && this.#alive.has(MAIN_TID)) return MAIN_TID;
    for (const tid of this.#alive) return tid;
    return MAIN_TID;
  }

  attach(tid: number): void {
    this.#alive.add(tid);
  }

  leave(tid: number): void {
    this.#alive.delete(tid);
  }

  /** @returns the call that the thread was in before, and now never comes back from. */
  begin(call: Pending, tid: number): Pending | null {
    const lost = this.take(tid);
    this.#pending.set(tid, call);
    return lost;
  }

  pendingOf(tid: number): Pending | null {
    return this.#pending.get(tid) ?? null;
  }

  take(tid: number): Pending | null {
    if (this.#pending.size === 0) return null;
    const call = this.#pending.get(tid) ?? null;
    if (call !== null) this.#pending.delete(tid);
    return call;
  }

  /**
   * An exec by `by`, not the leader of its process, has made it the leader `tid`.
   *
   * @returns the call the old leader was in.
   */
  supersede(tid: number, by: number): Pending | null {
    const exec = this.take(by);
    this.leave(by);
    if (exec === null) return this.take(tid);
    return this.begin(exec, tid);
  }

  /** @returns every call left, in the order they began. */
  takeAll(): Pending[] {
    const calls = [...this.#pending.values()].toSorted((a, b) => a.line - b.line);
    this.#pending.clear();
    return calls;
  }
}
