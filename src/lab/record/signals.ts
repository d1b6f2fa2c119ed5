/** Ctrl-C while a program is recorded ends the program, and not the recording. */
import type { LogWatch } from './log_watch.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Milliseconds: who asks again so soon means it. */
const AGAIN = 1000;

export class Signals {
  readonly #watch: LogWatch;
  /** The last one that came. */
  interrupted: NodeJS.Signals | null = null;
  #cameAt = -Infinity;

  constructor(watch: LogWatch) {
    this.#watch = watch;
    for (const signal of SIGNALS) process.on(signal, this.#came);
  }

  stop(): void {
    for (const signal of SIGNALS) process.off(signal, this.#came);
  }

  readonly #came = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    const isAgain = now - this.#cameAt < AGAIN;
    this.#cameAt = now;
    this.interrupted = signal;
    if (isAgain) this.#send('SIGKILL', this.#watch.alive);
    // A terminal tells the program itself.
    else if (signal !== 'SIGINT' || !process.stdin.isTTY) this.#send(signal, [this.#watch.first]);
  };

  #send(signal: NodeJS.Signals, tids: Iterable<number>): void {
    for (const tid of tids) {
      if (!this.#watch.alive.has(tid)) continue;
      try {
        process.kill(tid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}
