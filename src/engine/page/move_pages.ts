/**
 * Moving entries to other addresses of the same address space: mremap.
 *
 * Source: mm/mremap.c, move_page_tables(), move_ptes(), v6.18.
 */
import * as atomics from '#atomics';
import { word } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import type { MmWrite } from '../mm/held.ts';
import { isPtePresent, type Pte, PTE_MARKER_UFFD_WP, PTE_NONE, PTE_UFFD_WP } from './pte.ts';
import {
  entryAt,
  leafAlloc,
  leafEnd,
  leafTable,
  nextLeaf,
  type PageTable,
  pteIndex,
  pteLock,
  pteUnlock,
} from './table_struct.ts';
import { flushTlbMm } from './tlb_flush.ts';

/** Bytes, page aligned. */
export interface PageMove {
  readonly from: number;
  readonly to: number;
  readonly len: number;
  /** Whoever protected them from being written does not watch the new place. */
  readonly dropsUffdWp: boolean;
}

/**
 * Moves whatever [from, from + len) maps; both places belong to VMAs that the caller has
 * write-locked, and the destination is empty.
 *
 * @returns the bytes done: less than `len` without memory for a table.
 */
export function movePageTables(mm: MmWrite, { from, to, len, dropsUffdWp }: PageMove): number {
  const end = from + len;
  let done = end;
  let isMoved = false;
  for (let at = nextLeaf(mm, from, end); at < end;) {
    const target = at - from + to;
    const part = Math.min(leafEnd(at, end) - at, leafEnd(target, Infinity) - target);
    const source = leafTable(mm, at);
    const destination = source === NULL ? NULL : leafAlloc(mm, target);
    if (source !== NULL && destination === NULL) {
      done = at;
      break;
    }
    if (source !== NULL && destination !== NULL) {
      const pages = part / 4096;
      moveEntries({ source, destination, from: at, to: target, pages, dropsUffdWp });
      isMoved = true;
    }
    at = nextLeaf(mm, at + part, end);
  }
  // Before the locks go: nobody may store to the old place any more.
  if (isMoved) flushTlbMm(mm);
  return done - from;
}

interface EntryMove {
  readonly source: PageTable;
  readonly destination: PageTable;
  readonly from: number;
  readonly to: number;
  readonly pages: number;
  readonly dropsUffdWp: boolean;
}

function moveEntries(move: EntryMove): void {
  const { source, destination, from, to, pages } = move;
  lockBoth(source, destination);
  for (let i = 0; i < pages; i++) {
    const at = entryAt(source, pteIndex(from) + i);
    if (word(at) === PTE_NONE) continue;
    // A walker may set a bit until the entry is gone.
    const pte = atomics.exchange(at, PTE_NONE);
    const moved = move.dropsUffdWp ? withoutUffdWp(pte) : pte;
    atomics.store(entryAt(destination, pteIndex(to) + i), moved);
  }
  pteUnlock(source);
  if (destination !== source) pteUnlock(destination);
}

const withoutUffdWp = (pte: Pte): Pte =>
  pte & ~(isPtePresent(pte) ? PTE_UFFD_WP : PTE_MARKER_UFFD_WP);

/** In the order of their places, as a reverse walk could hold one and want the other. */
function lockBoth(a: PageTable, b: PageTable): void {
  pteLock(a < b ? a : b);
  if (a !== b) pteLock(a < b ? b : a);
}
