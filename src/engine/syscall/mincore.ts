/** mincore(2): its checks. Which pages are in memory is known when there are page tables. */
import { EINVAL, ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { isPageAligned, pageUp, TASK_SIZE, ugt, type Ulong } from '../arena/units.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { rangeContainsUnmapped } from '../vma/vma_range.ts';
import { enterSyscall } from './entry.ts';

export interface MincoreArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
}

/**
 * @returns EINVAL for an unaligned address, ENOMEM for a hole or a range outside
 *   the address space.
 *
 * Source: mm/mincore.c, v6.18.
 */
export function sysMincore({ addr, len }: MincoreArgs): 0 | Errno {
  const mm = enterSyscall();
  if (!isPageAligned(addr)) return EINVAL;
  if (ugt(addr, TASK_SIZE) || ugt(len, TASK_SIZE - addr)) return ENOMEM;

  const range = { start: addr, end: addr + pageUp(len) };
  const reader = mmapReadLock(mm);
  const result = rangeContainsUnmapped(reader, range) ? ENOMEM : OK;
  mmapReadUnlock(reader);
  return result;
}
