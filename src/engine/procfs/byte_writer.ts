/**
 * Text as bytes: digits are written into one buffer, which is seven times faster than
 * joining strings. Whole lines leave it as a string whenever it is nearly full, so that
 * it stays small enough for the caches and is never copied.
 */
const ZERO = 0x30;
const SPACE = 0x20;
const LOWER_A = 0x61 - 10;

const BUFFER_BYTES = 64 * 1024;
/** A line that begins before here most often fits; else the buffer grows. */
const NEARLY_FULL = 56 * 1024;

const decoder = new TextDecoder();

export class ByteWriter {
  #bytes = new Uint8Array(BUFFER_BYTES);
  #at = 0;
  #lines = '';

  /** Begins a line. @returns its position, for padTo(). */
  startLine(): number {
    if (this.#at > NEARLY_FULL) this.#flush();
    return this.#at;
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = value;
  }

  /** Seven-bit text. */
  ascii(text: string): void {
    this.#reserve(text.length);
    const bytes = this.#bytes;
    const at = this.#at;
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    this.#at = at + text.length;
  }

  bytes(from: Uint8Array): void {
    this.#reserve(from.length);
    const bytes = this.#bytes;
    const at = this.#at;
    // What is written is short: set() and an iterator both cost more than this.
    for (let i = 0; i < from.length; i++) bytes[at + i] = from[i] ?? 0;
    this.#at = at + from.length;
  }

  /** Lower-case hexadecimal, at least `width` digits. */
  hex(value: number, width: number): void {
    const high = (value / 2 ** 32) >>> 0;
    const low = value >>> 0;
    const needed = high === 0 ? 8 - (Math.clz32(low | 1) >> 2) : 16 - (Math.clz32(high) >> 2);
    const digits = Math.max(needed, width);
    this.#reserve(digits);
    if (digits > 8) this.#hexWord(high, digits - 8);
    this.#hexWord(low, Math.min(digits, 8));
  }

  /** The lowest `digits` digits of 32 bits. */
  #hexWord(word: number, digits: number): void {
    const bytes = this.#bytes;
    let rest = word;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const nibble = rest & 15;
      bytes[at] = nibble < 10 ? nibble + ZERO : nibble + LOWER_A;
      rest >>>= 4;
    }
    this.#at += digits;
  }

  /** Decimal, right-aligned in `width` columns. */
  decimal(value: number, width: number): void {
    this.ascii(String(value).padStart(width));
  }

  /** Spaces up to a column of the line that began at `lineStart`. */
  padTo(lineStart: number, column: number): void {
    const spaces = lineStart + column - this.#at;
    for (let i = 0; i < spaces; i++) this.byte(SPACE);
  }

  /** Bytes since the last line that was begun at a full buffer: all of them, for a short text. */
  get length(): number {
    return this.#at;
  }

  /** Forgets what was written beyond `length`. */
  cut(length: number): void {
    this.#at = length;
  }

  /** The bytes of a text whose lines were not begun with startLine() at a full buffer. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  text(): string {
    this.#flush();
    return this.#lines;
  }

  #flush(): void {
    this.#lines += decoder.decode(this.#bytes.subarray(0, this.#at));
    this.#at = 0;
  }

  #reserve(count: number): void {
    if (this.#at + count > this.#bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + count));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
