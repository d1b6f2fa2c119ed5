import { CODE, type Cursor } from './cursor.ts';
import { errnoOf } from './errno.ts';
import { readInteger } from './integer.ts';
import { skipString } from './list.ts';
import { readPath } from './path.ts';
import { readSeconds } from './prefix.ts';
import type { Result } from './record.ts';

export const NO_RESULT = 'no result';
export const BAD_RESULT = 'result not understood';

/** Of a number without a name strace writes `-1 (errno 530)`. */
const NAMELESS = 'errno ';

const UNKNOWN: Result = { kind: 'unknown' };
const ZERO: Result = { kind: 'value', value: 0, path: null, detail: null };

/**
 * What stands behind the arguments of a call. One is made for a log and used for every line.
 *
 *     = 0x7f0d65f01000 (DELAYED) <0.000034>      = 3</etc/passwd>     = 0x1 (flags FD_CLOEXEC)
 *     = -1 ENOMEM (Cannot allocate memory) (INJECTED)    = ?    = ? ERESTARTSYS (To be ...)
 */
export class Outcome {
  result: Result = UNKNOWN;
  duration: number | null = null;
  injected = false;
  delayed = false;
  #detail: string | null = null;

  /** @returns null, or the reason why the line is malformed. */
  read(cursor: Cursor): string | null {
    this.clear();
    cursor.skipSpaces();
    if (!cursor.eat(CODE.equals)) return NO_RESULT;
    cursor.skipSpaces();
    if (cursor.atEnd()) return NO_RESULT;
    if (cursor.eat(CODE.question)) return this.#readUnknown(cursor);
    return this.#readValue(cursor);
  }

  clear(): void {
    this.result = UNKNOWN;
    this.duration = null;
    this.injected = false;
    this.delayed = false;
    this.#detail = null;
  }

  #readUnknown(cursor: Cursor): string | null {
    cursor.skipSpaces();
    const start = cursor.at;
    const code = cursor.text.slice(start, cursor.skipName());
    this.result = code === '' ? UNKNOWN : { kind: 'restart', code };
    return this.#readRemarks(cursor);
  }

  #readValue(cursor: Cursor): string | null {
    const value = readInteger(cursor);
    if (value === null) return BAD_RESULT;
    const path = cursor.peek() === CODE.less ? readPath(cursor) : null;
    if (cursor.atEnd()) {
      this.result = value === 0 ? ZERO : { kind: 'value', value, path, detail: null };
      return null;
    }
    if (cursor.peek() !== CODE.space) return BAD_RESULT;

    const errno = value === -1 ? readErrno(cursor) : '';
    const reason = this.#readRemarks(cursor);
    if (reason !== null) return reason;

    const detail = this.#detail;
    if (errno !== '') return this.#fail(errno, errnoOf(errno));
    if (value === -1 && detail?.startsWith(NAMELESS)) {
      return this.#fail(detail, -Number(detail.slice(NAMELESS.length)));
    }
    const isZero = value === 0 && path === null && detail === null;
    this.result = isZero ? ZERO : { kind: 'value', value, path, detail };
    return null;
  }

  #fail(errno: string, code: number): string | null {
    if (!(code < 0)) return BAD_RESULT;
    this.result = { kind: 'error', errno, code };
    return null;
  }

  /** Brackets, comments and the duration, to the end of the line. */
  #readRemarks(cursor: Cursor): string | null {
    for (;;) {
      cursor.skipSpaces();
      if (cursor.atEnd()) return null;
      // Ends, because every remark moves the cursor.
      if (cursor.peek() === CODE.less) {
        if (!this.#readDuration(cursor)) return BAD_RESULT;
      } else if (cursor.peek() === CODE.open) {
        if (!this.#readBracket(cursor)) return BAD_RESULT;
      } else if (!skipComment(cursor)) {
        return BAD_RESULT;
      }
    }
  }

  #readDuration(cursor: Cursor): boolean {
    cursor.at++;
    const start = cursor.at;
    this.duration = readSeconds(cursor);
    return cursor.at > start && cursor.eat(CODE.greater) && cursor.atEnd();
  }

  #readBracket(cursor: Cursor): boolean {
    const start = cursor.at + 1;
    const close = bracketEnd(cursor);
    if (close < 0) return false;

    const words = cursor.text.slice(start, close);
    if (words === 'DELAYED') this.delayed = true;
    else if (words === 'INJECTED') this.injected = true;
    else this.#detail = words;
    cursor.at = close + 1;
    return true;
  }
}

/** @returns the closing bracket of the one at the cursor, or -1. */
function bracketEnd(cursor: Cursor): number {
  let depth = 0;
  for (let at = cursor.at; at < cursor.end; at++) {
    const code = cursor.text.charCodeAt(at);
    if (code === CODE.open) depth++;
    else if (code === CODE.close && --depth === 0) return at;
    else if (code === CODE.quote) at = skipString(cursor.text, at, cursor.end);
    if (at < 0) return -1;
  }
  return -1;
}

/** Reads ` ENOMEM`. @returns nothing where a remark stands instead. */
function readErrno(cursor: Cursor): string {
  cursor.skipSpaces();
  if (cursor.peek() === CODE.open) return '';
  const start = cursor.at;
  return cursor.text.slice(start, cursor.skipName());
}

function skipComment(cursor: Cursor): boolean {
  if (!cursor.eatText('/*')) return false;
  const close = cursor.text.indexOf('*/', cursor.at);
  if (close < 0 || close + 2 > cursor.end) return false;
  cursor.at = close + 2;
  return true;
}
