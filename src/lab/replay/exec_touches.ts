/**
 * Keeps page faults that belong to the program that an exec is about to start. While a thread is in
 * execve() its kernel reads the arguments from the old memory; all else that faults is of the new.
 */
import type { FaultTouch } from './fault_feed.ts';

const EXEC_NAMES: ReadonlySet<string> = new Set(['execve', 'execveat']);

export class ExecTouches {
  #kept: FaultTouch[] = [];
  /** The thread whose exec is about to be replayed. */
  returning: number | null = null;

  /** @param call the name of the call that the thread is in. @returns whether it was kept. */
  keeps(touch: FaultTouch, call: string | undefined): boolean {
    const isInExec = touch.tid === this.returning || EXEC_NAMES.has(call ?? '');
    if (!isInExec || (touch.isKernel && touch.access === 'read')) return false;
    this.#kept.push(touch);
    return true;
  }

  /** The exec of a thread is over, with success or not. @returns what was kept, in order. */
  release(tid: number): readonly FaultTouch[] {
    const released = this.#kept.filter((touch) => touch.tid === tid);
    this.#kept = this.#kept.filter((touch) => touch.tid !== tid);
    return released;
  }
}
