import { Clock, EPOCH_FROM } from './clock.ts';
import { CODE, type Cursor, isDigit } from './cursor.ts';

/** How a line names its thread. */
export type TidStyle = 'none' | 'column' | 'bracket';

/**
 * What stands before the event on a line:
 *
 *     26441 1795163264.473153 brk(NULL)          -f -o FILE: a column
 *     [pid  3806] 08:44:33.801017 brk(NULL)      -f on stderr: brackets, and only
 *     08:44:33 brk(NULL)                           while there is more than one thread
 *          0.000047 (+ 0.000349) [ 12] [00007f8040db6ad7] brk(NULL)     -r -n -i
 */
export class Prefix {
  tid = 0;
  style: TidStyle = 'none';
  time: number | null = null;
  readonly #clock = new Clock();

  /** Moves the cursor to the event. */
  read(cursor: Cursor): void {
    this.style = 'none';
    this.time = null;

    const start = cursor.at;
    const first = cursor.peek();
    if (isDigit(first)) this.#column(cursor);
    else if (first === CODE.bracket && cursor.eatText('[pid')) this.#bracket(cursor, start);

    if (cursor.peek() === CODE.space) cursor.skipSpaces();
    if (isDigit(cursor.peek())) this.#stamp(cursor);

    const next = cursor.peek();
    if (next === CODE.open || next === CODE.bracket) skipExtras(cursor);
  }

  #column(cursor: Cursor): void {
    const start = cursor.at;
    const tid = cursor.digits();
    if (cursor.peek() === CODE.less) skipCommandName(cursor);

    // A time of -t or -ttt goes on with a dot or a colon, or is far too large for a thread.
    if (cursor.peek() === CODE.space && tid < EPOCH_FROM) {
      this.style = 'column';
      this.tid = tid;
    } else {
      cursor.at = start;
    }
  }

  #bracket(cursor: Cursor, start: number): void {
    cursor.skipSpaces();
    const tid = cursor.digits();
    if (cursor.peek() === CODE.less) skipCommandName(cursor);
    if (cursor.eat(CODE.bracketEnd)) {
      this.style = 'bracket';
      this.tid = tid;
    } else {
      cursor.at = start;
    }
  }

  #stamp(cursor: Cursor): void {
    const start = cursor.at;
    let seconds = cursor.digits();
    const isTimeOfDay = cursor.peek() === CODE.colon;
    if (isTimeOfDay) seconds = sexagesimal(cursor, seconds);

    const micros = seconds * 1e6 + fraction(cursor);
    if (!cursor.eat(CODE.space)) {
      cursor.at = start;
      return;
    }
    this.time = isTimeOfDay ? this.#clock.timeOfDay(micros) : this.#clock.stamp(micros);
    cursor.skipSpaces();
  }
}

/** Reads on after the hours, `:44:33`. */
function sexagesimal(cursor: Cursor, hours: number): number {
  let value = hours;
  while (cursor.eat(CODE.colon)) value = value * 60 + cursor.digits();
  return value;
}

/** @returns the microseconds of `.473153`; strace also knows 3 and 9 digits. */
function fraction(cursor: Cursor): number {
  if (!cursor.eat(CODE.dot)) return 0;
  const start = cursor.at;
  const value = cursor.digits();
  const count = cursor.at - start;
  return count === 6 ? value : value * 10 ** (6 - count);
}

/** `-Y` writes `3727<bash>`. */
function skipCommandName(cursor: Cursor): void {
  const close = cursor.text.indexOf('>', cursor.at);
  if (close >= 0 && close < cursor.end) cursor.at = close + 1;
}

/** Passes over `(+     0.000349) `, `[  12] ` and `[00007f8040db6ad7] `. */
function skipExtras(cursor: Cursor): void {
  for (;;) {
    const start = cursor.at;
    const close = cursor.eat(CODE.open) ? CODE.close : CODE.bracketEnd;
    if (close === CODE.bracketEnd && !cursor.eat(CODE.bracket)) return;

    while (isExtra(cursor.peek())) cursor.at++;
    if (!cursor.eat(close) || !cursor.eat(CODE.space)) {
      cursor.at = start;
      return;
    }
    // Ends, because every round moves the cursor over two brackets.
    cursor.skipSpaces();
  }
}

/** Hexadecimal digits, spaces, `+`, `.`, and the `?` of an address that is not known. */
function isExtra(code: number): boolean {
  if (isDigit(code) || code === CODE.space || code === CODE.plus || code === CODE.dot) return true;
  return code === CODE.question || (code >= 97 && code <= 102);
}

/** The times of `<0.000252>`, in seconds. */
export function readSeconds(cursor: Cursor): number {
  const seconds = cursor.digits();
  return (seconds * 1e6 + fraction(cursor)) / 1e6;
}
