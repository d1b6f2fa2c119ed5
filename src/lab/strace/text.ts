import { CODE } from './cursor.ts';
import { hexDigit } from './integer.ts';
import { skipString } from './list.ts';

/** Strings and paths: what strace has escaped, made readable again. */

const LETTERS = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['v', '\v'],
  ['f', '\f'],
  ['a', '\x07'],
  ['b', '\b'],
]);

/**
 * Replaces `\n`, `\"`, `\\`, `\76`, `\x3e` by the characters they stand for. The bytes of a
 * character outside ASCII are escaped one by one: they are put together again when they are UTF-8.
 */
export function decodeEscapes(text: string): string {
  if (!text.includes('\\')) return text;

  let plain = '';
  let isHigh = false;
  for (let at = 0; at < text.length;) {
    if (text.charCodeAt(at) !== CODE.backslash) {
      plain += text.charAt(at++);
      continue;
    }
    const escape = escapeAt(text, at + 1);
    isHigh ||= escape.value > '\x7f';
    plain += escape.value;
    at = escape.end;
  }
  return isHigh ? fromUtf8(plain) : plain;
}

interface Escape {
  readonly value: string;
  readonly end: number;
}

/** @param at behind the backslash. */
function escapeAt(text: string, at: number): Escape {
  const letter = text.charAt(at);
  if (letter === 'x') return numeric(text, at + 1, { base: 16, most: 2 });
  if (letter >= '0' && letter <= '7') return numeric(text, at, { base: 8, most: 3 });
  return { value: LETTERS.get(letter) ?? letter, end: at + 1 };
}

function numeric(text: string, at: number, form: { base: number; most: number }): Escape {
  let code = 0;
  let end = at;
  while (end < at + form.most) {
    const digit = hexDigit(text.charCodeAt(end));
    if (digit < 0 || digit >= form.base) break;
    code = code * form.base + digit;
    end++;
  }
  return { value: String.fromCharCode(code & 255), end };
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes that are no UTF-8 stay what they are, one character each. */
function fromUtf8(bytes: string): string {
  const codes = Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
  try {
    return UTF8.decode(codes);
  } catch {
    return bytes;
  }
}

export interface Text {
  readonly value: string;
  /** strace shows the first 32 characters (`-s`), and `...` behind them. */
  readonly isCut: boolean;
}

/** @returns what `"..."` holds, or null when it is no string, as for an unreadable address. */
export function parseString(text: string): Text | null {
  if (text.charCodeAt(0) !== CODE.quote) return null;
  const close = skipString(text, 0, text.length);
  if (close < 0) return null;

  const rest = text.slice(close + 1);
  if (rest !== '' && rest !== '...') return null;
  return { value: decodeEscapes(text.slice(1, close)), isCut: rest === '...' };
}
