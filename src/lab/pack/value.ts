/** A number as people write it: names, pages, sums, alternatives. */
import { symbolValue } from '../strace/symbols.ts';

const PAGE = 4096n;
const TERM = /([+-]?)([^+-]+)/gu;

/** What names may stand for here. */
export interface Names {
  readonly places: ReadonlyMap<string, bigint>;
  /** Prefixes of the constants, as "MAP_"; the empty one allows whole names. */
  readonly families: readonly string[];
  /** Further names of this argument. */
  readonly others?: Readonly<Record<string, bigint>>;
}

/** @throws Error with a sentence for what is no number. */
export function valueOf(text: string, names: Names): bigint {
  if (text === '') throw new Error('a number is missing.');
  return text.split('|').reduce((bits, part) => bits | sumOf(part, names), 0n);
}

function sumOf(text: string, names: Names): bigint {
  if (!/^[+-]?[^+-]+([+-][^+-]+)*$/u.test(text)) throw new Error(`"${text}" is no number.`);
  let sum = 0n;
  for (const [, sign = '', term = ''] of text.matchAll(TERM)) {
    const value = termOf(term, names);
    sum += sign === '-' ? -value : value;
  }
  return sum;
}

function termOf(term: string, names: Names): bigint {
  const pages = /^(\d+|0x[0-9a-f]+)p$/u.exec(term);
  if (pages !== null) return BigInt(pages[1] ?? '0') * PAGE;
  if (/^(\d+|0x[0-9a-f]+)$/u.test(term)) return BigInt(term);
  const value = names.others?.[term] ?? names.places.get(term) ?? constantOf(term, names.families);
  if (value === null) throw new Error(`the name "${term}" means nothing here.`);
  return value;
}

function constantOf(term: string, families: readonly string[]): bigint | null {
  for (const family of families) {
    const value = symbolValue(family + term);
    if (value !== null) return BigInt(value);
  }
  return null;
}

/** As operations write a number: small and negative ones in decimal. */
export function numberText(value: bigint): string {
  return value < 10n ? String(value) : `0x${value.toString(16)}`;
}
