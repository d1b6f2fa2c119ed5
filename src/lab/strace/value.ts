import { CODE, Cursor } from './cursor.ts';
import { parseInteger } from './integer.ts';
import { splitList } from './list.ts';
import { readPath } from './path.ts';
import type { Word } from './record.ts';

/** Descriptors and structures, as they stand in a list of arguments. */

export interface Fd {
  readonly fd: number;
  /** Needs `-y`. A name that is gone ends with ` (deleted)`, as in /proc/PID/maps. */
  readonly path: string | null;
}

/**
 * Reads `3`, `-1`, `3</etc/passwd>`, `4</memfd:name>(deleted)`, `3</dev/zero<char 1:5>>` and
 * `AT_FDCWD</home>`.
 *
 * @returns null when there is no number.
 */
export function parseFd(text: string): Fd | null {
  const open = text.indexOf('<');
  const hasPath = open > 0 && text.charCodeAt(open + 1) !== CODE.less;
  const fd = parseInteger(hasPath ? text.slice(0, open) : text);
  if (fd === null) return null;

  const cursor = new Cursor(text);
  cursor.at = open;
  // The kernel takes an int, and strace may print one as unsigned.
  return { fd: toInt(fd), path: hasPath ? readPath(cursor) : null };
}

/** What is left of a register that is taken for a C int. */
export function toInt(value: Word): number {
  return typeof value === 'number' && Math.abs(value) < 2 ** 31
    ? value
    : Number(BigInt.asIntN(32, BigInt(value)));
}

export interface Struct {
  /** The members that have names, in order, as printed. */
  readonly fields: ReadonlyMap<string, string>;
  /** The others: elements of an array, or members strace prints by position. */
  readonly items: readonly string[];
  /** What the kernel wrote into it: `{...} => {...}`. */
  readonly exit: Struct | null;
}

const FIELD = /^([A-Za-z_][\w.]*)=(?!=)/;

/** @returns what `{...}` or `[...]` holds, or null when it is neither. */
export function parseStruct(text: string): Struct | null {
  const cursor = new Cursor(text);
  const before = readStruct(cursor);
  if (before === null || cursor.atEnd()) return before;

  cursor.skipSpaces();
  if (!cursor.eatText('=>')) return null;
  cursor.skipSpaces();
  const exit = readStruct(cursor);
  return exit === null || !cursor.atEnd() ? null : { ...before, exit };
}

function readStruct(cursor: Cursor): Struct | null {
  const isBrace = cursor.eatText('{');
  if (!isBrace && !cursor.eat(CODE.bracket)) return null;
  const members = splitList(cursor, isBrace ? CODE.braceEnd : CODE.bracketEnd);
  return typeof members === 'string' ? null : structOf(members);
}

/** Sorts members, or arguments that carry names as those of clone do, by name. */
export function structOf(members: readonly string[]): Struct {
  const fields = new Map<string, string>();
  const items: string[] = [];
  for (const member of members) {
    const name = FIELD.exec(member)?.[1];
    if (name === undefined) items.push(member);
    else fields.set(name, member.slice(name.length + 1));
  }
  return { fields, items, exit: null };
}
