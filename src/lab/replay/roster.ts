/** Which thread of the log belongs to which program. */
import type { OpenCalls } from './open_calls.ts';
import type { Program, Thread } from './program.ts';
import { pidsOf, type Recording } from './recording.ts';

export class Roster {
  readonly #recording: Recording;
  readonly #openCalls: OpenCalls;
  readonly #threads = new Map<number, Thread>();
  /** All programs there were. */
  readonly programs: Program[] = [];
  /** Lines of the calls that may be making a process right now. */
  readonly forksBegun = new Set<number>();
  /** Processes that are made, but whose turn has not come. */
  forksWaiting = 0;
  /** The real number of thread 0, once the log has told it. */
  mainTid: number | null = null;
  #last: Program | null = null;

  constructor(recording: Recording, openCalls: OpenCalls) {
    this.#recording = recording;
    this.#openCalls = openCalls;
  }

  thread(tid: number): Thread | null {
    const thread = this.#threads.get(tid) ?? null;
    if (thread !== null) this.#last = thread.program;
    return thread;
  }

  /** A thread is known from now on. */
  add(thread: Thread): void {
    const { tid, program, process } = thread;
    this.#threads.set(tid, thread);
    program.threads.set(tid, process);
    this.#last = program;
    this.#openCalls.arrive(thread);
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

  /** A log of one process may not number it; the files beside it do. */
  pidOf({ pid }: Program): number {
    if (pid !== 0) return pid;
    if (this.mainTid !== null) return this.mainTid;
    const pids = pidsOf(this.#recording);
    const [only] = pids;
    return pids.size === 1 && only !== undefined ? only : 0;
  }
}
