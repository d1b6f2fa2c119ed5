/**
 * What decides who runs next. An executor asks it at every point where another thread may run, and
 * tells it what each step did; next() then makes up its mind about the execution after this one.
 */
export interface Search {
  /** An execution begins. */
  begin(): void;
  /**
   * Which thread takes the next step.
   *
   * @param last who took the one before, or -1.
   * @param enabled a bit for each thread that can.
   * @returns it, or STOP where what follows need not be seen.
   */
  choose(last: number, enabled: number): number;
  /** Which of `count` alternatives a thread takes. */
  pick(thread: number, count: number): number;
  /**
   * The step that was chosen, once it is done.
   *
   * @returns whether it may be: false when it was another one the last time that all went alike.
   */
  stepped(step: Step): boolean;
  /** Ends an execution. @returns whether there is another one. */
  next(): boolean;
}

export const STOP = -1;

/** One step. The executor has a single one, which it fills anew each time: keep no reference. */
export interface Step {
  thread: number;
  /** What was accessed, and how: see kind.ts. */
  kind: number;
  at: number;
  a: number;
  b: number;
  value: number;
  /** What it did: READS, WRITES, ... of kind.ts. */
  mode: number;
  /** A bit for each thread that it woke. */
  woke: number;
  /** Whether it put its thread to rest: the answer comes later. */
  rests: boolean;
}
