/**
 * Describes the taking apart of a whole address space. With page tables it will
 * also say how far they reach: that is not the same limit, as a failed fork shows.
 *
 *   child's tree    A' B' C' | D  E       D and E are still the parent's
 *                            treeEnd
 *
 * Source: mm/vma.h, struct unmap_desc, v7.0.
 */
import { TASK_SIZE } from '../arena/units.ts';
import type { MmWrite } from '../mm/held.ts';
import { mmMapCount } from '../mm/mm_struct.ts';

export interface UnmapDesc {
  readonly mm: MmWrite;
  /** Bytes, exclusive: what the tree holds from here on is not this mm's. 0: nothing is. */
  readonly treeEnd: number;
}

/** Everything: at exit. */
export const unmapAll = (mm: MmWrite): UnmapDesc => ({ mm, treeEnd: TASK_SIZE });

/** What a fork had copied when it failed at `failedAt`; nothing, when no VMA was the child's yet. */
export const unmapCopied = (mm: MmWrite, failedAt: number): UnmapDesc => ({
  mm,
  treeEnd: mmMapCount(mm) === 0 ? 0 : failedAt,
});
