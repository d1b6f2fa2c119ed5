/**
 * Keeps page faults that belong to the program that an exec is about to start. While a thread is in
 * execve() its kernel reads the arguments from the old memory; all else that faults is of the new.
 */
import type { FaultTouch } from './fault_feed.ts';

export interface HeldTouch {
  readonly tid: number;
  readonly addr: number;
  readonly touch: FaultTouch;
}

const EXEC_NAMES: ReadonlySet<string> = new Set(['execve', 'execveat']);

export const isExecName = (name: string): boolean => EXEC_NAMES.has(name);

export class ExecTouches {
  #held: HeldTouch[] = [];
  /** The thread whose exec is about to be replayed. */
  returning: number | null = null;

  /** @param call the name of the call that the thread is in. @returns whether it was kept. */
  keeps(held: HeldTouch, call: string | undefined): boolean {
    const isInExec = held.tid === this.returning || isExecName(call ?? '');
    if (!isInExec || (held.touch.isKernel && held.touch.access === 'read')) return false;
    this.#held.push(held);
    return true;
  }

  /** The exec of a thread is over, with success or not. @returns what was kept, in order. */
  release(tid: number): readonly HeldTouch[] {
    const released = this.#held.filter((held) => held.tid === tid);
    this.#held = this.#held.filter((held) => held.tid !== tid);
    return released;
  }
}
