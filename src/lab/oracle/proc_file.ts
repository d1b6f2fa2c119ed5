import { closeSync, openSync, readSync } from 'node:fs';

/** Grows with the longest text read so far; what is in it is used before the next reading. */
let buffer = Buffer.allocUnsafe(1 << 16);

/**
 * A file of /proc that is read again and again, opened once. It goes on showing the address space
 * it was opened for, of which nothing is left when the process has ended.
 */
export class ProcFile {
  readonly #path: string;
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** What it says now. */
  text(): string {
    this.#fd ??= openSync(this.#path, 'r');
    let length = 0;
    for (;;) {
      const more = readSync(this.#fd, buffer, length, buffer.length - length, length);
      if (more === 0) return buffer.toString('latin1', 0, length);
      length += more;
      if (length === buffer.length) buffer = Buffer.concat([buffer, buffer]);
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
