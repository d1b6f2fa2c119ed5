/** Milliseconds between two looks. */
const ON_TERMINAL = 100;
const IN_FILE = 5000;
/** What is over sooner than this is not worth a line. */
const PATIENCE = 500;

/** One line on standard error, for what takes long. */
export class ProgressLine {
  readonly #isTerminal = process.stderr.isTTY;
  #shown = performance.now() + PATIENCE;
  #isVisible = false;

  /** @param describe what to say, asked only when it is time to say something. */
  show(describe: () => string): void {
    const now = performance.now();
    if (now - this.#shown < (this.#isTerminal ? ON_TERMINAL : IN_FILE)) return;
    this.#shown = now;
    process.stderr.write(this.#isTerminal ? `\r\x1b[K${describe()}` : `${describe()}\n`);
    this.#isVisible = this.#isTerminal;
  }

  clear(): void {
    if (this.#isVisible) process.stderr.write('\r\x1b[K');
    this.#isVisible = false;
  }
}

/** "1,200 calls/s", since a moment of performance.now(). */
export function callsPerSecond(calls: number, began: number): string {
  const rate = Math.round(calls / Math.max(0.001, (performance.now() - began) / 1000));
  return `${rate.toLocaleString('en-US')} calls/s`;
}
