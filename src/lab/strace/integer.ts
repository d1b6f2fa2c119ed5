import { CODE, Cursor, isDigit } from './cursor.ts';
import type { Word } from './record.ts';
import { symbolValue } from './symbols.ts';

/*
 * Numbers as strace writes them, in every style:
 *
 *     NULL   4096   0x7f00   0644   -1   8192*1024   RLIM64_INFINITY   PROT_READ|PROT_WRITE
 *     MAP_HUGETLB|21<<MAP_HUGE_SHIFT, and any of these with comments in C's way behind them
 *
 * Alternatives, each a product or a shift of factors; nothing nests.
 */

/** A number as far as it is exact, a bigint above. */
export function toWord(value: bigint): Word {
  const isExact = value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER;
  return isExact ? Number(value) : value;
}

// Logs repeat a few dozen combinations of flags a million times.
const KNOWN = new Map<string, Word | null>();
const KNOWN_MAX = 4096;
const scratch = new Cursor();

/** @returns the value, or null when the text is not a number. */
export function parseInteger(text: string): Word | null {
  scratch.reset(text, 0, text.length);
  const plain = readInteger(scratch);
  if (plain !== null && scratch.atEnd()) return plain;

  const known = KNOWN.get(text);
  if (known !== undefined) return known;
  const value = alternatives(new Cursor(text));
  if (KNOWN.size >= KNOWN_MAX) KNOWN.clear();
  if (text.length < 1024) KNOWN.set(text, value);
  return value;
}

/** Reads one decimal, hexadecimal or octal number. @returns null when there is none here. */
export function readInteger(cursor: Cursor): Word | null {
  const start = cursor.at;
  const negative = cursor.eat(CODE.minus);
  const value = unsigned(cursor);
  if (value === null) {
    cursor.at = start;
    return null;
  }
  return negative ? -value : value;
}

function unsigned(cursor: Cursor): Word | null {
  const start = cursor.at;
  if (!isDigit(cursor.peek())) return null;
  if (cursor.peek() === CODE.zero) {
    if (cursor.eatText('0x')) return hexadecimal(cursor, start);
    return octal(cursor);
  }
  const value = cursor.digits();
  return Number.isSafeInteger(value) ? value : exact(cursor, start);
}

function hexadecimal(cursor: Cursor, start: number): Word | null {
  const { text, end } = cursor;
  let value = 0;
  let at = cursor.at;
  for (; at < end; at++) {
    const digit = hexDigit(text.charCodeAt(at));
    if (digit < 0) break;
    value = value * 16 + digit;
  }
  if (at === cursor.at) return null;
  cursor.at = at;
  return Number.isSafeInteger(value) ? value : exact(cursor, start);
}

export function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

function octal(cursor: Cursor): Word | null {
  let value = 0;
  while (isDigit(cursor.peek())) {
    const digit = cursor.peek() - CODE.zero;
    if (digit > 7) return null;
    value = value * 8 + digit;
    cursor.at++;
  }
  return Number.isSafeInteger(value) ? value : null;
}

/** Reads again, exactly, what did not fit; refuses what no register holds. */
function exact(cursor: Cursor, start: number): Word | null {
  if (cursor.at - start > 24) return null;
  return toWord(BigInt(cursor.text.slice(start, cursor.at)));
}

/** `a|b|c`, to the end of the text. */
function alternatives(cursor: Cursor): Word | null {
  let all = 0n;
  // Ends, because every round consumes a factor.
  for (;;) {
    const value = product(cursor);
    if (value === null) return null;
    all |= value;
    if (cursor.atEnd()) return toWord(all);
    if (!cursor.eat(CODE.bar)) return null;
  }
}

// Wider than any argument; beyond it the text is not one, and must not cost time or memory.
const WIDEST = 1n << 70n;

/** `a`, `a*b`, `a<<b`, with comments after any of them. */
function product(cursor: Cursor): bigint | null {
  let value = factor(cursor);
  while (value !== null) {
    const shifts = cursor.eatText('<<');
    if (!shifts && !cursor.eat(CODE.star)) return value;

    const by = factor(cursor);
    if (by === null || (shifts && (by < 0n || by > 64n))) return null;
    value = shifts ? value << by : value * by;
    if (value > WIDEST || value < -WIDEST) return null;
  }
  return null;
}

function factor(cursor: Cursor): bigint | null {
  skipComments(cursor);
  const value = readInteger(cursor) ?? readSymbol(cursor);
  skipComments(cursor);
  return value === null ? null : BigInt(value);
}

function readSymbol(cursor: Cursor): Word | null {
  const start = cursor.at;
  return symbolValue(cursor.text.slice(start, cursor.skipName()));
}

function skipComments(cursor: Cursor): void {
  cursor.skipSpaces();
  while (cursor.eatText('/*')) {
    const close = cursor.text.indexOf('*/', cursor.at);
    cursor.at = close < 0 ? cursor.end : close + 2;
    cursor.skipSpaces();
  }
}
