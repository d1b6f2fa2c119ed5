/**
 * Moving entries to other addresses of the same address space: mremap.
 *
 * Source: mm/mremap.c, move_page_tables(), move_ptes(), v6.18.
 */
import * as atomics from '#atomics';
import { NULL, type WordAt } from '../arena/ref.ts';
import type { MmWrite } from '../mm/held.ts';
import {
  isPtePresent,
  type Pte,
  PTE_DIRTY,
  PTE_MARKER_UFFD_WP,
  PTE_NONE,
  PTE_UFFD_WP,
  PTE_YOUNG,
} from './pte.ts';
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
  const first = entryAt(source, pteIndex(from));
  const shift = entryAt(destination, pteIndex(to)) - first;
  for (let at = first; at < first + pages; at++) {
    if (atomics.readOnce(at) === PTE_NONE) continue;
    const pte = takeEntry(at);
    // Plainly: what it leads to has long been there for all to see, and the unlock follows.
    atomics.writeOnce(at + shift, move.dropsUffdWp ? withoutUffdWp(pte) : pte);
  }
  pteUnlock(source);
  if (destination !== source) pteUnlock(destination);
}

/** A walker may set a bit until the entry is gone, unless it is one that has both. */
function takeEntry(at: WordAt): Pte {
  const pte = atomics.readOnce(at);
  if ((pte & (PTE_YOUNG | PTE_DIRTY)) !== (PTE_YOUNG | PTE_DIRTY)) {
    return atomics.exchange(at, PTE_NONE);
  }
  atomics.writeOnce(at, PTE_NONE);
  return pte;
}

const withoutUffdWp = (pte: Pte): Pte =>
  pte & ~(isPtePresent(pte) ? PTE_UFFD_WP : PTE_MARKER_UFFD_WP);

/** In the order of their places, as a reverse walk could hold one and want the other. */
function lockBoth(a: PageTable, b: PageTable): void {
  pteLock(a < b ? a : b);
  if (a !== b) pteLock(a < b ? b : a);
}
