/**
 * Walking a range of an address space, one leaf table at a time.
 *
 * Source: mm/pagewalk.c, walk_page_range(), v6.18.
 */
import { keepShape } from '../arena/shape.ts';
import { NULL, type WordAt } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import { entryAt, leafEnd, leafTable, nextLeaf, type PageTable, pteIndex } from './table_struct.ts';

/** Bytes, page aligned, end exclusive. */
export interface PageRange {
  readonly start: number;
  readonly end: number;
}

/** The part of a range that lies below one leaf table. */
export interface LeafPart extends PageRange {
  readonly leaf: PageTable;
  /** Where the entries of the part are: from `first`, before `last`. */
  readonly first: WordAt;
  readonly last: WordAt;
}

keepShape({ start: Infinity, end: Infinity } satisfies PageRange);
keepShape({ leaf: 0, start: Infinity, end: Infinity, first: 0, last: 0 });

/** What one leaf table has of a range, which must not reach beyond it. */
export function leafPart(leaf: PageTable, { start, end }: PageRange): LeafPart {
  const first = entryAt(leaf, pteIndex(start));
  return { leaf, start, end, first, last: first + (end - start) / 4096 };
}

/** Visits what there is of a range, until a visit returns false; what has no table is passed over. */
export function walkLeaves(
  mm: Mm,
  range: PageRange,
  visit: (part: LeafPart) => boolean | void,
): void {
  for (let at = nextLeaf(mm, range.start, range.end); at < range.end;) {
    const end = leafEnd(at, range.end);
    const leaf = leafTable(mm, at);
    if (leaf !== NULL && visit(leafPart(leaf, { start: at, end })) === false) return;
    at = nextLeaf(mm, end, range.end);
  }
}
