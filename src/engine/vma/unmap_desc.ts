/**
 * Describes a taking apart of VMAs and of the page tables below them. Four need it, and differ
 * only in what they fill in:
 *
 *   munmap         the gathered VMAs        a side list: numbers, not addresses
 *   failed mmap    the one new VMA          in no tree
 *   exit           every VMA
 *   failed fork    those before treeEnd     what the tree names behind it is the parent's
 *
 *   tree     A' B' C' | D  E                    treeEnd: where a walk of VMAs ends
 *   pages    ####|#####                         vmaStart, vmaEnd: what is zapped
 *   tables   [                              ]   pgStart, pgEnd: which tables may go
 *
 * The three are different things. Behind treeEnd no VMA may be looked at, while the tables behind
 * it are nobody's but this mm's and go as far as the ceiling says.
 *
 * A ceiling of 0 is none: the last byte below it is 0 - 1, in the kernel the largest number there
 * is. So compare limits by their last bytes (lastBelow()), never as they are.
 *
 * Source: mm/vma.h, struct unmap_desc, unmap_all_init(), unmap_pgtable_init(), UNMAP_STATE(), v7.0.
 */
import { NULL, type Null } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import { TASK_SIZE } from '../arena/units.ts';
import { masSet, MT_MAX } from '../maple/maple.ts';
import type { MmRead, Vma, VmaWrite } from '../mm/held.ts';
import { isMarker, vmaFind, type VmaIterator } from '../mm/vma_iterator.ts';
import { vmEnd, vmStart } from '../mm/vma_struct.ts';
import type { ByteRange } from './vma_merge.ts';

/** First address a program may have, and no ceiling. Source: include/asm-generic/pgtable, v6.18. */
export const FIRST_USER_ADDRESS = 0;
export const USER_PGTABLES_CEILING = 0;
/** No limit to a walk of the tree. */
export const TREE_MAX = MT_MAX;

/** The VMAs that an operation has taken aside, by number. */
export interface SideWalk {
  readonly gathered: readonly VmaWrite[];
  /** The next one. */
  index: number;
}

export interface UnmapDesc {
  readonly mm: MmRead;
  /** What is walked; it stands behind `first`. */
  readonly mas: VmaIterator | SideWalk;
  readonly first: Vma;
  /** Bytes: tables that reach below pgStart, or to pgEnd and beyond, stay. */
  readonly pgStart: number;
  readonly pgEnd: number;
  /** Bytes: what lies outside is not zapped. */
  readonly vmaStart: number;
  readonly vmaEnd: number;
  /** Exclusive, in what `mas` counts in: no VMA that begins here or later is looked at. */
  readonly treeEnd: number;
  /** Where `mas` goes back to between the pages and the tables: behind `first`. */
  readonly treeReset: number;
  /** Then a VMA is write-locked before it leaves the reverse map; else it is detached. */
  readonly mmWrLocked: boolean;
}

keepShape({
  mm: 0,
  mas: {},
  first: 0,
  pgStart: Infinity,
  pgEnd: Infinity,
  vmaStart: Infinity,
  vmaEnd: Infinity,
  treeEnd: Infinity,
  treeReset: Infinity,
  mmWrLocked: false,
} satisfies Record<keyof UnmapDesc, unknown>);

/** Every page of an address space, under mmap_lock for read: the first half of exit. */
export const unmapAll = (vmi: VmaIterator, first: Vma): UnmapDesc => ({
  mm: vmi.mm,
  mas: vmi,
  first,
  pgStart: FIRST_USER_ADDRESS,
  pgEnd: USER_PGTABLES_CEILING,
  vmaStart: 0,
  vmaEnd: TREE_MAX,
  treeEnd: TREE_MAX,
  treeReset: vmEnd(first),
  mmWrLocked: false,
});

/** The tables of the whole user range, once its pages are gone: the second half of exit. */
export const unmapPgtables = (vmi: VmaIterator, first: Vma): UnmapDesc => ({
  mm: vmi.mm,
  mas: vmi,
  first,
  pgStart: FIRST_USER_ADDRESS,
  pgEnd: USER_PGTABLES_CEILING,
  vmaStart: FIRST_USER_ADDRESS,
  vmaEnd: TASK_SIZE,
  treeEnd: TREE_MAX,
  treeReset: vmEnd(first),
  mmWrLocked: true,
});

/** What lies on both sides of a VMA that is taken apart. */
export interface Neighbours {
  readonly prev: Vma | Null;
  readonly next: Vma | Null;
}

/** One VMA between two others, under mmap_lock for write. `vmi` stands behind it. */
export function unmapState(vmi: VmaIterator, vma: Vma, { prev, next }: Neighbours): UnmapDesc {
  const pgEnd = next === NULL ? USER_PGTABLES_CEILING : vmStart(next);
  return {
    mm: vmi.mm,
    mas: vmi,
    first: vma,
    pgStart: prev === NULL ? FIRST_USER_ADDRESS : vmEnd(prev),
    pgEnd,
    vmaStart: vmStart(vma),
    vmaEnd: vmEnd(vma),
    treeEnd: next === NULL ? TREE_MAX : vmStart(next),
    treeReset: vmEnd(vma),
    mmWrLocked: true,
  };
}

/** What a fork had made its child's own: all that lies below `end`. */
export const unmapCopied = (vmi: VmaIterator, first: Vma, end: number): UnmapDesc => ({
  mm: vmi.mm,
  mas: vmi,
  first,
  pgStart: FIRST_USER_ADDRESS,
  pgEnd: USER_PGTABLES_CEILING,
  vmaStart: 0,
  vmaEnd: end,
  treeEnd: end,
  treeReset: vmEnd(first),
  mmWrLocked: true,
});

/** The last byte below an exclusive limit; below 0, the largest there is. */
export const lastBelow = (limit: number): number => (limit === 0 ? Infinity : limit - 1);

/** What can be zapped of a VMA. @returns null when nothing. */
export function clipped({ vmaStart, vmaEnd }: UnmapDesc, vma: Vma): ByteRange | null {
  const start = Math.max(vmStart(vma), vmaStart);
  const end = Math.min(vmEnd(vma), vmaEnd);
  return start < end ? { start, end } : null;
}

/** @returns the next VMA before the limit. A mark that a failed fork left is an end, too. */
export function nextToUnmap({ mas, treeEnd }: UnmapDesc): Vma | Null {
  if ('gathered' in mas) {
    if (mas.index >= treeEnd) return NULL;
    return mas.gathered[mas.index++] ?? NULL;
  }
  const vma = vmaFind(mas, treeEnd);
  return isMarker(vma) ? NULL : vma;
}

/** The walk begins again, behind the first. */
export function resetWalk({ mas, treeReset }: UnmapDesc): void {
  if ('gathered' in mas) mas.index = treeReset;
  else masSet(mas.mas, treeReset);
}
