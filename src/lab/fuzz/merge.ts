/** The results of all shards of one campaign become one. */
import type { FuzzDocument } from './document.ts';

/** Results that do not belong together, or are not all there: says which and what to do. */
export class MergeError extends Error {}

/** A result and where it came from. */
export interface Part {
  readonly place: string;
  readonly document: FuzzDocument;
}

/** @throws MergeError for something that is no result of `vmaspace fuzz`. */
export function parsePart(place: string, text: string): Part {
  const document = parseDocument(text);
  if (document === undefined) {
    throw new MergeError(`${place} is not a result of "vmaspace fuzz -o".`);
  }
  return { place, document };
}

function parseDocument(text: string): FuzzDocument | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isDocument(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isDocument(value: unknown): value is FuzzDocument {
  if (!isObject(value) || value['schema'] !== 'vmaspace-fuzz/1') return false;
  const { plan, shard, summary, reached, findings, version, kernel } = value;
  if (![plan, shard, summary, reached].every(isObject) || !Array.isArray(findings)) return false;
  return typeof version === 'string' && typeof kernel === 'string';
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws MergeError for gaps, overlaps, unfinished parts, and what is not of one campaign. */
export function merge(parts: readonly Part[]): FuzzDocument {
  const [first] = parts;
  if (first === undefined) throw new MergeError('there is nothing to merge.');
  for (const part of parts) checkAlike(first, part);
  checkWhole(parts);
  const documents = parts.map(({ document }) => document);
  const reached = unionOf(documents);
  return {
    ...first.document,
    ok: documents.every(({ ok }) => ok),
    summary: { ...sums(documents), features: Object.keys(reached).length },
    findings: documents.flatMap(({ findings }) => findings),
    otherKernel: documents.flatMap(({ otherKernel }) => otherKernel),
    shard: { index: 1, of: 1 },
    reached,
  };
}

/** What must be the same in all parts. */
const SHARED = ['version', 'kernel', 'plan'] as const;

function checkAlike(first: Part, { place, document }: Part): void {
  for (const name of SHARED) {
    const [theirs, ours] = [first.document, document].map((one) => JSON.stringify(one[name]));
    if (theirs === ours) continue;
    throw new MergeError(
      `${place} is of another campaign than ${first.place}: ${name} ${ours}, there ${theirs}.`,
    );
  }
}

function checkWhole(parts: readonly Part[]): void {
  const of = parts[0]?.document.shard.of ?? 0;
  const places = new Map<number, string>();
  for (const { place, document } of parts) {
    const { shard, complete } = document;
    const other = places.get(shard.index);
    if (shard.of !== of) {
      throw new MergeError(
        `${place} is one of ${shard.of} shards, ${parts[0]?.place} one of ${of}.`,
      );
    }
    if (other !== undefined) {
      throw new MergeError(`${place} and ${other} are both shard ${shard.index} of ${of}.`);
    }
    if (!complete) throw new MergeError(`${place} was stopped before its end: run it again.`);
    places.set(shard.index, place);
  }
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter((i) => !places.has(i));
  if (missing.length === 0) return;
  throw new MergeError(`shard ${missing.join(', ')} of ${of} is missing: give its directory, too.`);
}

type Counts = Readonly<Record<string, number>>;

const sums = (documents: readonly FuzzDocument[]): Counts =>
  addUp(documents.map(({ summary }) => summary));

function unionOf(documents: readonly FuzzDocument[]): Counts {
  const union = Object.entries(addUp(documents.map(({ reached }) => reached)));
  return Object.fromEntries(union.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function addUp(all: readonly Counts[]): Counts {
  const total = new Map<string, number>();
  for (const [name, value] of all.flatMap((counts) => Object.entries(counts))) {
    total.set(name, (total.get(name) ?? 0) + value);
  }
  return Object.fromEntries(total);
}
