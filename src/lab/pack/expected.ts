/** What the author of a scenario expects of a step, and whether the kernel did it. */
import { errnoName } from '../../index.ts';
import type { VectorRecord } from '../conform/vector.ts';
import { fileWord } from '../oracle/subject_files.ts';
import { errnoOf } from '../strace/errno.ts';
import { TOUCHING, WITHOUT_RESULT } from './operations.ts';
import { type Names, valueOf } from './value.ts';

export interface Expected {
  /** A number, any address, or not stated. */
  readonly result: bigint | 'address' | null;
  /** Of touches and totals: an entry each, null where it is not stated. */
  readonly list: readonly (string | null)[] | null;
  /** Of mincore: a digit a page. */
  readonly pages: string | null;
  /** Of a repeat: how many turns succeed. */
  readonly done: number | null;
}

const NOTHING: Expected = { result: null, list: null, pages: null, done: null };
const LISTING = new Set([...TOUCHING, 'totals']);

/** @throws Error with a sentence for what cannot be expected of this operation. */
export function parseExpected(name: string, text: string, places: Names['places']): Expected {
  const words = text.split(/\s+/u).filter((word) => word !== '');
  if (WITHOUT_RESULT.includes(name)) {
    throw new Error(`${name} has no result: nothing stands behind it.`);
  }
  if (words.length === 0) throw new Error('after "->" stands what is expected.');
  if (LISTING.has(name)) {
    if (words.join() === '_') return NOTHING;
    return { ...NOTHING, list: words.flatMap(name === 'totals' ? entryOfTotals : entriesOf) };
  }
  const [first = '', ...more] = words;
  const result = resultOf(first, places);
  if (more.length === 0) return { ...NOTHING, result };
  return { ...NOTHING, result, ...extraOf(name, more) };
}

function extraOf(name: string, more: readonly string[]): Partial<Expected> {
  const [word = '', count = ''] = more;
  if (name === 'mincore' && more.length === 1 && /^[01]+$/u.test(word)) return { pages: word };
  if (name === 'repeat' && more.length === 2 && word === 'after' && /^\d+$/u.test(count)) {
    return { done: Number(count) };
  }
  throw new Error(`"${more.join(' ')}" is too much behind "->".`);
}

function resultOf(word: string, places: Names['places']): Expected['result'] {
  if (word === '_') return null;
  if (word === 'ADDR') return 'address';
  const errno = errnoOf(word);
  return errno === 0 ? valueOf(word, { places, families: [] }) : BigInt(errno);
}

/** "0*3" is three zeros; "f2:1" is the first word of page 1 of file 2. */
function entriesOf(word: string): (string | null)[] {
  const [, entry = word, times = '1'] = /^(.+)\*(\d+)$/u.exec(word) ?? [];
  return Array.from({ length: Number(times) }, () => entryOf(entry));
}

function entryOf(entry: string): string | null {
  if (entry === '_') return null;
  const [, file, page] = /^f(\d):(\d+)$/u.exec(entry) ?? [];
  if (file !== undefined) return fileWord(Number(file), Number(page)).toString(16);
  if (/^([SB]\d|(0x)?[0-9a-f]+(\/[0-9a-f]+)?)$/u.test(entry)) return entry.replace(/^0x/u, '');
  throw new Error(`"${entry}" is no touch: a word in hex, f2:1, a signal such as S1, or _.`);
}

function entryOfTotals(word: string): (string | null)[] {
  if (/^(\d+|_)$/u.test(word)) return [word === '_' ? null : word];
  throw new Error(`"${word}" is no total: a number of kB, or _.`);
}

/** What the kernel did, as a record has it. */
export type Given = Pick<VectorRecord, 'r' | 't' | 'v' | 'done' | 'totals'>;

/** @returns what the kernel did else, in a sentence; null when all is as expected. */
export function whatElse(expected: Expected, record: Given): string | null {
  return (
    whatElseResult(expected.result, record.r) ??
    differenceOf(expected.pages, record.v, 'mincore said') ??
    differenceOf(expected.done, record.done, 'the turns that succeeded were') ??
    whatElseList(expected.list, record.t ?? record.totals)
  );
}

function whatElseResult(expected: Expected['result'], r: VectorRecord['r']): string | null {
  const got = numberOf(r);
  if (expected === null || got === expected) return null;
  if (expected === 'address' && got !== null && got >= 0n) return null;
  const wish = expected === 'address' ? 'an address' : resultText(expected);
  return `the kernel gave ${got === null ? 'no result' : resultText(got)}, not ${wish}.`;
}

/** Addresses are written in hex; a new process is "child 1". */
function numberOf(r: VectorRecord['r']): bigint | null {
  if (typeof r === 'number') return BigInt(r);
  if (r === undefined) return null;
  const [, number] = /^\w+ (\d+)$/u.exec(r) ?? [];
  return BigInt(number ?? `0x${r}`);
}

function resultText(value: bigint): string {
  if (value >= 4096n) return `0x${value.toString(16)}`;
  return errnoName(Number(value)) ?? String(value);
}

function differenceOf<T>(expected: T | null, got: T | undefined, what: string): string | null {
  return expected === null || expected === got
    ? null
    : `${what} ${String(got ?? 'nothing')}, not ${String(expected)}.`;
}

function whatElseList(
  expected: Expected['list'],
  list: readonly (string | number)[] | undefined,
): string | null {
  if (expected === null) return null;
  const got = (list ?? []).map(String);
  const isSame =
    got.length === expected.length &&
    expected.every((entry, i) => entry === null || entry === got[i]);
  if (isSame) return null;
  return `the kernel gave ${got.join(' ')}, not ${expected.map((one) => one ?? '_').join(' ')}.`;
}
