/** Which thread of the log belongs to which program. */
import type { Deed } from './cast.ts';
import type { FaultTouch } from './fault_feed.ts';
import type { Program, Thread } from './program.ts';

/** Something of a thread that nobody knows yet. */
export type Held =
  | { readonly kind: 'record'; readonly record: Deed }
  | {
      readonly kind: 'touch';
      readonly tid: number;
      readonly addr: number;
      readonly touch: FaultTouch;
    };

export class Roster {
  readonly #threads = new Map<number, Thread>();
  /** A child is on its way: the call that makes it has not come back. */
  readonly #orphans = new Map<number, Held[]>();
  /** All programs there were. */
  readonly programs: Program[] = [];
  /** Lines of the calls that may be making a process right now. */
  readonly forksBegun = new Set<number>();
  /** Processes that are made, but whose turn has not come. */
  forksWaiting = 0;
  #last: Program | null = null;

  thread(tid: number): Thread | null {
    const thread = this.#threads.get(tid) ?? null;
    if (thread !== null) this.#last = thread.program;
    return thread;
  }

  add(thread: Thread): void {
    const { tid, program, process } = thread;
    this.#threads.set(tid, thread);
    program.threads.set(tid, process);
    this.#last = program;
  }

  /** It belongs to its program no longer. @returns null when nobody knew it. */
  remove(tid: number): Thread | null {
    const thread = this.#threads.get(tid);
    if (thread === undefined) return null;
    this.#threads.delete(tid);
    const { threads } = thread.program;
    threads.delete(tid);
    const [other] = threads.values();
    if (other !== undefined) thread.program.process = other;
    return thread;
  }

  /** The program that was last heard of, while it lives. */
  get lastActive(): Program | null {
    if (this.#last !== null && !this.#last.isGone) return this.#last;
    return this.programs.findLast((program) => !program.isGone) ?? null;
  }

  /** Whether an unknown thread may be a child whose making is under way. */
  get mayBeChild(): boolean {
    return this.forksBegun.size > 0 || this.forksWaiting > 0;
  }

  hold(tid: number, held: Held): void {
    const waiting = this.#orphans.get(tid);
    if (waiting === undefined) this.#orphans.set(tid, [held]);
    else waiting.push(held);
  }

  isHeld(tid: number): boolean {
    return this.#orphans.has(tid);
  }

  peek(tid: number): readonly Held[] {
    return this.#orphans.get(tid) ?? [];
  }

  /** @returns what waited for this thread to be known. */
  release(tid: number): readonly Held[] {
    const waiting = this.#orphans.get(tid) ?? [];
    this.#orphans.delete(tid);
    return waiting;
  }

  get orphans(): number[] {
    return [...this.#orphans.keys()];
  }
}
