import type { Progress } from '../lab/replay/replay.ts';

/** Milliseconds between two looks. */
const ON_TERMINAL = 100;
const IN_FILE = 5000;
/** What is over sooner than this is not worth a line. */
const PATIENCE = 500;

/** Tells on standard error how far a long log has been replayed. */
export class ProgressLine {
  readonly #name: string;
  readonly #bytes: number | null;
  readonly #isTerminal = process.stderr.isTTY;
  readonly #began = performance.now();
  #shown = performance.now() + PATIENCE;
  #isVisible = false;

  constructor(name: string, bytes: number | null) {
    this.#name = name;
    this.#bytes = bytes;
  }

  show({ line, bytes, calls }: Progress): void {
    const now = performance.now();
    if (now - this.#shown < (this.#isTerminal ? ON_TERMINAL : IN_FILE)) return;
    this.#shown = now;
    const share = this.#bytes === null ? '' : `${Math.floor((bytes / this.#bytes) * 100)} %, `;
    const rate = Math.round(calls / ((now - this.#began) / 1000)).toLocaleString('en-US');
    const text = `${this.#name}: ${share}line ${line.toLocaleString('en-US')}, ${rate} calls/s`;
    process.stderr.write(this.#isTerminal ? `\r\x1b[K${text}` : `${text}\n`);
    this.#isVisible = this.#isTerminal;
  }

  clear(): void {
    if (this.#isVisible) process.stderr.write('\r\x1b[K');
    this.#isVisible = false;
  }
}
