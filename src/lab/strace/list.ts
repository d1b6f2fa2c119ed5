import { CODE, type Cursor } from './cursor.ts';

/*
 * Splits what stands between brackets at its commas, without being misled by what is nested:
 *
 *     0x7f00, {a=1, b=[2, 3]}, "x, \") y", 3</tmp/a, b>, 21<<MAP_HUGE_SHIFT)
 *           ^                ^           ^             ^                    ^
 */
const ORDINARY = 0;
const OPEN = 1;
const CLOSE = 2;
const COMMA = 3;
const QUOTE = 4;
const ANGLE = 5;
const SLASH = 6;
const CONTROL = 7;

// One entry for every UTF-16 code, so that no lookup is out of bounds.
const KIND = new Uint8Array(65536);
KIND.fill(CONTROL, 0, 32);
KIND[CODE.tab] = ORDINARY;
for (const open of '([{') KIND[open.charCodeAt(0)] = OPEN;
for (const close of ')]}') KIND[close.charCodeAt(0)] = CLOSE;
KIND[CODE.comma] = COMMA;
KIND[CODE.quote] = QUOTE;
KIND[CODE.less] = ANGLE;
KIND[CODE.slash] = SLASH;

export const UNBALANCED = 'unbalanced parenthesis';
export const BINARY = 'binary data';

/** The items found, or why there are none. */
export type Items = readonly string[] | typeof UNBALANCED | typeof BINARY;

/**
 * Reads items from the cursor to the bracket `close`, and leaves the cursor behind it.
 *
 * @returns the items without the spaces around them; or the reason, the cursor standing still.
 */
export function splitList(cursor: Cursor, close: number): Items {
  const { text, end } = cursor;
  const items: string[] = [];
  let from = cursor.at;
  let depth = 0;

  for (let at = from; at < end; at++) {
    const kind = KIND[text.charCodeAt(at)];
    if (kind === ORDINARY) continue;

    if (kind === COMMA) {
      if (depth > 0) continue;
      items.push(trimmed(text, from, at));
      from = at + 1;
    } else if (kind === OPEN) {
      depth++;
    } else if (kind === CLOSE) {
      if (depth-- > 0) continue;
      if (text.charCodeAt(at) !== close) return UNBALANCED;
      const last = trimmed(text, from, at);
      if (last !== '' || items.length > 0) items.push(last);
      cursor.at = at + 1;
      return items;
    } else if (kind === CONTROL) {
      return BINARY;
    } else {
      at = skipNested(text, at, end);
      if (at < 0) return UNBALANCED;
    }
  }
  return UNBALANCED;
}

/** @returns the last character of the string, path or comment that begins at `at`, or -1. */
function skipNested(text: string, at: number, end: number): number {
  const code = text.charCodeAt(at);
  if (code === CODE.quote) return skipString(text, at, end);
  if (code === CODE.less) return skipAngles(text, at, end);
  if (text.charCodeAt(at + 1) !== CODE.star) return at;

  const close = text.indexOf('*/', at + 2);
  return close < 0 || close + 1 >= end ? -1 : close + 1;
}

/** @returns the closing quote of the string that opens at `at`, or -1. */
export function skipString(text: string, at: number, end: number): number {
  for (let i = at + 1; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === CODE.quote) return i;
    if (code === CODE.backslash) i++;
    else if (code < CODE.space) return -1; // strace escapes these: the log is damaged
  }
  return -1;
}

/**
 * Passes over `<...>`, which may hold another pair, as in `</dev/zero<char 1:5>>`.
 *
 * @returns the last `>`, or -1; of `<<`, the shift of a huge page size, the second `<`.
 */
export function skipAngles(text: string, at: number, end: number): number {
  if (text.charCodeAt(at + 1) === CODE.less) return at + 1;

  let depth = 0;
  for (let i = at; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === CODE.less) depth++;
    else if (code === CODE.backslash) i++;
    else if (code < CODE.space) return -1;
    else if (code === CODE.greater && !isArrow(text, i) && --depth === 0) return i;
  }
  return -1;
}

/** The `->` between the two ends of a socket closes nothing. */
function isArrow(text: string, at: number): boolean {
  return text.charCodeAt(at - 1) === CODE.minus;
}

function trimmed(text: string, from: number, to: number): string {
  let first = from;
  let end = to;
  while (first < end && text.charCodeAt(first) === CODE.space) first++;
  while (end > first && text.charCodeAt(end - 1) === CODE.space) end--;
  return text.slice(first, end);
}
