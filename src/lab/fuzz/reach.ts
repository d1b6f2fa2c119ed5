/**
 * What a program reached in the engine: which branch of which call, told by names that people can
 * read. Each is a feature; a program that has one nobody had before is worth being varied.
 *
 *   errno: mremap fixed, shrinks: EPERM
 *   flag: mmap LOCKED: EAGAIN
 *   merge: mprotect: merged whole, both
 *   refused: mmap: left: anon_vma
 *   limit: mmap: max_map_count
 *   residue: munmap: EPERM: split            the call failed and yet VMAs changed
 *   touch: st over private file: B2
 */
import { CHANGE_NAMES, errnoName, LIMIT_NAMES, REFUSAL_NAMES, type VmaInfo } from '../../index.ts';
import type { Seen } from '../conform/conform.ts';
import type { VectorRecord } from '../conform/vector.ts';
import { backingOf, type Operation, operationOf } from './variant.ts';

export class Reach {
  /** Each feature, and how often. */
  readonly features = new Map<string, number>();
  readonly #vmas = new Map<number, readonly VmaInfo[]>();

  see(seen: Seen): void {
    const { record, vmas } = seen;
    const before = this.#vmas.get(record.p) ?? [];
    const operation = operationOf(record.op);
    if (record.t === undefined) this.#seeCall(operation, seen, before);
    else {
      this.#seeTouches(operation, record, before);
      if (bytesOf(vmas) > bytesOf(before)) this.#note('merge', operation.name, 'grown down');
    }
    this.#vmas.set(record.p, vmas);
  }

  #seeCall(operation: Operation, seen: Seen, before: readonly VmaInfo[]): void {
    const { name, variant } = operation;
    const { r } = seen.record;
    if (seen.record.totals !== undefined) this.#note('errno', variant, 'ok');
    if (r === undefined) return;
    const errno = name !== 'brk' && typeof r === 'number' && r < 0 ? errnoText(r) : undefined;
    this.#note('errno', variant, errno ?? 'ok');
    for (const flag of operation.flags) this.#note('flag', `${name} ${flag}`, errno ?? 'ok');
    if (WITHOUT_VERDICT.has(name)) return;
    const { changes, refusedLeft, refusedRight, limit } = seen.process.verdict();
    this.#noteAll('merge', name, namesOf(CHANGE_NAMES, changes));
    this.#noteAll('refused', `${name}: left`, namesOf(REFUSAL_NAMES, refusedLeft));
    this.#noteAll('refused', `${name}: right`, namesOf(REFUSAL_NAMES, refusedRight));
    if (errno === undefined) return;
    if (limit !== 0) this.#note('limit', name, LIMIT_NAMES[limit] ?? String(limit));
    const residue = residueOf(before, seen.vmas);
    if (residue !== undefined) this.#note('residue', name, `${errno}: ${residue}`);
  }

  #seeTouches(operation: Operation, record: VectorRecord, vmas: readonly VmaInfo[]): void {
    const start = Number(operation.words[0]);
    record.t?.forEach((entry, page) => {
      const addr = start + page * 4096;
      const vma = vmas.find((each) => each.start <= addr && addr < each.end);
      const met = /^[SB]/u.test(String(entry)) ? String(entry) : 'ok';
      this.#note('touch', `${operation.name} over ${backingOf(vma)}`, met);
    });
  }

  #noteAll(kind: string, where: string, whats: readonly string[]): void {
    for (const what of whats) this.#note(kind, where, what);
  }

  #note(kind: string, where: string, what: string): void {
    const feature = `${kind}: ${where}: ${what}`;
    this.features.set(feature, (this.features.get(feature) ?? 0) + 1);
  }
}

/** Calls on files, and of whole processes: what they leave behind is of the call before. */
const WITHOUT_VERDICT = new Set([
  'ftrunc',
  'pwrite',
  'punch',
  'addseals',
  'rlimit',
  'fork',
  'exit',
]);

const errnoText = (r: number): string => errnoName(r) ?? String(r);

const namesOf = (names: readonly string[], bits: number): string[] =>
  names.filter((_, bit) => (bits & (1 << bit)) !== 0);

const bytesOf = (vmas: readonly VmaInfo[]): number =>
  vmas.reduce((sum, { start, end }) => sum + end - start, 0);

/** What a call left behind that was refused. */
function residueOf(before: readonly VmaInfo[], after: readonly VmaInfo[]): string | undefined {
  if (bytesOf(after) < bytesOf(before)) return 'less mapped';
  if (bytesOf(after) > bytesOf(before)) return 'more mapped';
  if (after.length > before.length) return 'split';
  if (after.length < before.length) return 'merged';
  return after.every((vma, i) => isAlike(vma, before[i])) ? undefined : 'changed';
}

const isAlike = (vma: VmaInfo, other: VmaInfo | undefined): boolean =>
  vma.start === other?.start && vma.end === other.end && vma.flags === other.flags;
