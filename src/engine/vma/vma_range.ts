/**
 * Ranges of addresses that a caller names, and the VMAs in them.
 *
 * Every step looks its VMA up anew, so that a visit may split and merge what it is given.
 */
import { ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import { findVma } from '../mm/vma_iterator.ts';
import { vmEnd, vmStart } from '../mm/vma_struct.ts';
import type { ByteRange } from './vma_merge.ts';

/** Source: mm/mseal.c, range_contains_unmapped(), v6.18. */
export function rangeContainsUnmapped(mm: MmRead, { start, end }: ByteRange): boolean {
  for (let at = start; at < end;) {
    const vma = findVma(mm, at);
    if (vma === NULL || vmStart(vma) > at) return true;
    at = vmEnd(vma);
  }
  return false;
}

export interface RangeWalk {
  readonly range: ByteRange;
  /** A hole makes the result ENOMEM either way: at once, or after what lies behind it. */
  readonly holes: 'stop' | 'pass';
}

/**
 * Calls `visit` with each VMA's part of the range, until one fails.
 *
 * @returns that failure; ENOMEM for a hole.
 */
export function visitVmas(
  mm: MmRead,
  { range, holes }: RangeWalk,
  visit: (vma: Vma, part: ByteRange) => 0 | Errno,
): 0 | Errno {
  let hasHole = false;
  for (let at = range.start; at < range.end;) {
    const vma = findVma(mm, at);
    if (vma === NULL || vmStart(vma) >= range.end) return ENOMEM;
    if (vmStart(vma) > at) {
      if (holes === 'stop') return ENOMEM;
      hasHole = true;
      at = vmStart(vma);
    }
    const end = Math.min(vmEnd(vma), range.end);
    const result = visit(vma, { start: at, end });
    if (isErr(result)) return result;
    at = end;
  }
  return hasHole ? ENOMEM : OK;
}
