/**
 * Giving page tables back: those that no VMA can need any more.
 *
 *   floor ......|  unmapped  |...... ceiling         tables that reach beyond either stay
 *
 * The range has been zapped, markers included, and its VMAs are out of the reverse map: nobody
 * fills the tables again, and every entry of a table that goes is empty, as whoever allocates
 * it expects. Walkers without a lock may still be inside, hence the grace period.
 *
 * A ceiling of 0 is none. In the kernel that comes of `ceiling - 1`, which is then the largest
 * number; a ceiling that is not 0 but is rounded down to it leaves no table to free.
 *
 * Source: mm/memory.c, free_pgd_range(), v6.18.
 */
import { keepShape } from '../arena/shape.ts';
import * as atomics from '#atomics';
import { NULL, type Null } from '../arena/ref.ts';
import { PMD_SIZE } from '../arena/units.ts';
import type { Mm } from '../mm/held.ts';
import { mmPgdAt, mmPgtablesAt } from '../mm/mm_struct.ts';
import { cacheFreeRcu } from '../slab/cache.ts';
import { FREE_PGTABLES, isTraced, traceRange } from '../trace/events.ts';
import {
  ENTRIES_PER_TABLE,
  entryAt,
  PAGE_TABLE_CACHE,
  type PageTable,
  PGDIR_SIZE,
  PUD_SIZE,
} from './table_struct.ts';

/**
 * Bytes, end exclusive: what lies in [floor, start) and [end, ceiling) belongs to nobody. A ceiling
 * of 0 is none.
 */
export interface FreeRange {
  readonly start: number;
  readonly end: number;
  readonly floor: number;
  readonly ceiling: number;
}

keepShape({ start: Infinity, end: Infinity, floor: Infinity, ceiling: Infinity });

/** Sizes by level, from the leaf tables up: what one table of that level covers. */
const COVERS = [PMD_SIZE, PUD_SIZE, PGDIR_SIZE] as const;

/** Frees every table that lies between floor and ceiling as a whole and touches the range. */
export function freePgdRange(mm: Mm, range: FreeRange): void {
  const pgd = atomics.rcuDereference(mmPgdAt(mm)) as PageTable | Null;
  if (pgd === NULL) return;
  if (isTraced(FREE_PGTABLES)) {
    traceRange(FREE_PGTABLES, mm, { arg: 0, a: range.start, b: range.end });
  }
  for (const [level, size] of COVERS.entries()) freeLevel(mm, pgd, { range, level, size });
}

interface LevelFree {
  readonly range: FreeRange;
  readonly level: number;
  readonly size: number;
}

function freeLevel(mm: Mm, pgd: PageTable, { range, level, size }: LevelFree): void {
  const first = Math.max(
    Math.floor(range.start / size) * size,
    Math.ceil(range.floor / size) * size,
  );
  const last = Math.min(
    Math.ceil(range.end / size) * size,
    range.ceiling === 0 ? Infinity : Math.floor(range.ceiling / size) * size,
  );
  for (let at = first; at < last;) {
    const entry = entryOf(pgd, at, level);
    if (entry === NULL) {
      // Whole stretches without an upper table are passed over.
      at = level === 2 ? last : skipAbsent(pgd, at, { level, size });
      continue;
    }
    const table = atomics.rcuDereference(entry);
    if (table !== NULL) {
      atomics.store(entry, NULL);
      atomics.add(mmPgtablesAt(mm), -1);
      cacheFreeRcu(PAGE_TABLE_CACHE, table as PageTable);
    }
    at += size;
  }
}

/** Where the entry of a table of this level is, or NULL without its upper tables. */
function entryOf(pgd: PageTable, addr: number, level: number): number {
  let table: number = pgd;
  for (let above = 2; above > level; above--) {
    table = atomics.rcuDereference(entryAt(table as PageTable, indexAt(addr, above)));
    if (table === NULL) return NULL;
  }
  return entryAt(table as PageTable, indexAt(addr, level));
}

const indexAt = (addr: number, level: number): number =>
  Math.floor(addr / (COVERS[level] ?? PGDIR_SIZE)) % ENTRIES_PER_TABLE;

function skipAbsent(
  pgd: PageTable,
  addr: number,
  { level, size }: { level: number; size: number },
): number {
  const above = atomics.rcuDereference(entryAt(pgd, indexAt(addr, 2)));
  const span = above === NULL || level === 1 ? PGDIR_SIZE : PUD_SIZE;
  return Math.max(addr + size, (Math.floor(addr / span) + 1) * span);
}

/** The last table of an mm that nobody uses any more. */
export function freePgd(mm: Mm): void {
  const pgd = atomics.exchange(mmPgdAt(mm), NULL) as PageTable | Null;
  if (pgd !== NULL) cacheFreeRcu(PAGE_TABLE_CACHE, pgd);
}
