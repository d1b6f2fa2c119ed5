/** A place in a text, and the small steps every parser here is made of. */

export const CODE = {
  tab: 9,
  newline: 10,
  return: 13,
  space: 32,
  quote: 34,
  open: 40,
  close: 41,
  star: 42,
  plus: 43,
  comma: 44,
  minus: 45,
  dot: 46,
  slash: 47,
  zero: 48,
  colon: 58,
  less: 60,
  equals: 61,
  greater: 62,
  question: 63,
  bracket: 91,
  backslash: 92,
  bracketEnd: 93,
  bar: 124,
  braceEnd: 125,
} as const;

/** Returned by peek() at the end. */
export const END = -1;

export const isDigit = (code: number): boolean => code >= 48 && code <= 57;

const NAME_CODE = new Uint8Array(65536);
for (let code = 48; code <= 57; code++) NAME_CODE[code] = 1;
for (let code = 65; code <= 90; code++) NAME_CODE[code] = NAME_CODE[code + 32] = 1;
// strace prints `????` for a call whose number it could not read.
NAME_CODE[95] = NAME_CODE[63] = 1;

/** Reads `text` from `at` up to, not including, `end`. */
export class Cursor {
  text = '';
  at = 0;
  end = 0;

  constructor(text = '') {
    this.reset(text, 0, text.length);
  }

  reset(text: string, at: number, end: number): void {
    this.text = text;
    this.at = at;
    this.end = end;
  }

  peek(): number {
    return this.at < this.end ? this.text.charCodeAt(this.at) : END;
  }

  atEnd(): boolean {
    return this.at >= this.end;
  }

  skipSpaces(): void {
    while (this.at < this.end && this.text.charCodeAt(this.at) === CODE.space) this.at++;
  }

  eat(code: number): boolean {
    if (this.peek() !== code) return false;
    this.at++;
    return true;
  }

  eatText(words: string): boolean {
    if (this.at + words.length > this.end || !this.text.startsWith(words, this.at)) return false;
    this.at += words.length;
    return true;
  }

  endsWith(words: string): boolean {
    const at = this.end - words.length;
    return at >= this.at && this.text.startsWith(words, at);
  }

  /** The decimal number here; exact below 2^53. Stands still when there is none. */
  digits(): number {
    let value = 0;
    let at = this.at;
    for (; at < this.end; at++) {
      const code = this.text.charCodeAt(at);
      if (code < 48 || code > 57) break;
      value = value * 10 + code - 48;
    }
    this.at = at;
    return value;
  }

  /** Moves over letters, digits and `_`; returns where the name ends. */
  skipName(): number {
    let at = this.at;
    while (at < this.end && NAME_CODE[this.text.charCodeAt(at)] === 1) at++;
    this.at = at;
    return at;
  }

  rest(): string {
    return this.text.slice(this.at, this.end);
  }
}
