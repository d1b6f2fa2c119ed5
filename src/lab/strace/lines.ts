import { CODE, Cursor } from './cursor.ts';

/** Longer lines are not parsed, and not kept. */
export const LONGEST_LINE = 1 << 20;

export type LineKind = 'whole' | 'unended' | 'too long';

/** Called once for every line that is not empty; the cursor is lent for the call. */
export type LineSink = (cursor: Cursor, line: number, kind: LineKind) => void;

/** Cuts text that comes in pieces into lines, and numbers them. */
export class Lines {
  readonly #sink: LineSink;
  readonly #cursor = new Cursor();
  #carry = '';
  #line = 0;
  #isDropping = false;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  push(chunk: string): void {
    let newline = chunk.indexOf('\n');
    if (newline < 0) {
      this.#keep(chunk);
      return;
    }
    // Only the first line of a piece can have begun in another one.
    let from = this.#carry === '' && !this.#isDropping ? 0 : this.#endCarried(chunk, newline);
    newline = chunk.indexOf('\n', from);
    while (newline >= 0) {
      this.#emit(chunk, from, newline);
      from = newline + 1;
      newline = chunk.indexOf('\n', from);
    }
    this.#keep(chunk.slice(from));
  }

  end(): void {
    const last = this.#carry;
    this.#carry = '';
    // Half of the end of an empty line is nothing.
    if (last === '' || last === '\r') return;
    this.#line++;
    this.#give(last, 'unended');
  }

  #keep(piece: string): void {
    if (this.#isDropping || piece === '') return;
    this.#carry += piece;
    if (this.#carry.length <= LONGEST_LINE) return;

    this.#line++;
    this.#give(this.#carry, 'too long');
    this.#carry = '';
    this.#isDropping = true;
  }

  /** @returns where the next line begins. */
  #endCarried(chunk: string, newline: number): number {
    if (!this.#isDropping) {
      const line = this.#carry + chunk.slice(0, newline);
      this.#carry = '';
      this.#emit(line, 0, line.length);
    }
    this.#isDropping = false;
    return newline + 1;
  }

  #emit(text: string, from: number, newline: number): void {
    this.#line++;
    const end = text.charCodeAt(newline - 1) === CODE.return ? newline - 1 : newline;
    if (from >= end) return;
    this.#cursor.reset(text, from, end);
    this.#sink(this.#cursor, this.#line, end - from > LONGEST_LINE ? 'too long' : 'whole');
  }

  #give(text: string, kind: LineKind): void {
    this.#cursor.reset(text, 0, text.length);
    this.#sink(this.#cursor, this.#line, kind);
  }
}
