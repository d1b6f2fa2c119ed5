import type { Cursor } from './cursor.ts';
import { isKnownCall } from './known_calls.ts';
import { syscallName } from './syscall_numbers.ts';

/** One name, and whether the reader's user asked for it. */
export interface CallName {
  /** As printed. */
  readonly printed: string;
  readonly name: string;
  readonly isWanted: boolean;
  /** Calls of this name that were left out. */
  skipped: number;
}

const SIZE = 1024;

/**
 * The names seen, found without making a string for every line: a line is compared with the one
 * name that has its length and its first and last letters.
 */
export class Names {
  readonly #byShape: (CallName | undefined)[] = Array.from({ length: SIZE });
  readonly #byName = new Map<string, CallName>();
  readonly #wanted: ReadonlySet<string> | null;

  constructor(wanted: ReadonlySet<string> | null) {
    this.#wanted = wanted;
  }

  /** Reads the name at the cursor. */
  read(cursor: Cursor): CallName {
    const start = cursor.at;
    const end = cursor.skipName();
    const shape = shapeOf(cursor.text, start, end);
    const likely = this.#byShape[shape];
    if (likely !== undefined && isAt(likely.printed, cursor, start)) return likely;

    const name = this.#find(cursor.text.slice(start, end));
    this.#byShape[shape] = name;
    return name;
  }

  /** How many calls of each name were left out. */
  skipped(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { name, skipped } of this.#byName.values()) {
      if (skipped > 0) counts.set(name, skipped + (counts.get(name) ?? 0));
    }
    return counts;
  }

  #find(printed: string): CallName {
    const known = this.#byName.get(printed);
    if (known !== undefined) return known;

    const name = syscallName(printed);
    // What nobody knows is never left out: it may be anything.
    const isWanted = this.#wanted === null || this.#wanted.has(name) || !isKnownCall(name);
    const made = { printed, name, isWanted, skipped: 0 };
    this.#byName.set(printed, made);
    return made;
  }
}

function shapeOf(text: string, start: number, end: number): number {
  const first = text.charCodeAt(start);
  const second = text.charCodeAt(start + 1);
  const last = text.charCodeAt(end - 1);
  return (first * 31 + second * 7 + last * 3 + (end - start) * 131) & (SIZE - 1);
}

function isAt(name: string, cursor: Cursor, start: number): boolean {
  return cursor.at - start === name.length && cursor.text.startsWith(name, start);
}
