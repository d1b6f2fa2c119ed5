/** munmap(2). */
import { EINTR, EINVAL, type Errno, isErr } from '../arena/errno.ts';
import { keepShape } from '../arena/shape.ts';
import { isPageAligned, pageUp, TASK_SIZE, ugt, type Ulong } from '../arena/units.ts';
import { mmapWriteLockKillable, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import type { MmWrite } from '../mm/held.ts';
import { type AfterMunmap, doMunmap } from '../vma/munmap.ts';
import { userfaultfdDeliver } from '../vma/userfaultfd_events.ts';
import { enterSyscall } from './entry.ts';

export interface MunmapArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
}

keepShape({ addr: Infinity, len: Infinity } satisfies MunmapArgs);

/**
 * Unmaps every page of [addr, addr + len); holes in it do not matter.
 *
 * @returns EINVAL for an unaligned address, no length, or a range outside the
 *   address space; EPERM for a sealed mapping; ENOMEM when a hole would make one
 *   mapping too many.
 *
 * Source: mm/mmap.c, __vm_munmap(), mm/vma.c, do_vmi_munmap(), v6.18.
 */
export function sysMunmap(args: MunmapArgs): 0 | Errno {
  const mm = mmapWriteLockKillable(enterSyscall());
  if (mm === null) return EINTR;
  const result = munmapLocked(mm, args, 'unlock');
  if (isErr(result)) mmapWriteUnlock(mm);
  userfaultfdDeliver();
  return result;
}

/** munmap under mmap_lock; with 'unlock' the lock is gone on success, and kept on failure. */
export function munmapLocked(
  mm: MmWrite,
  { addr, len }: MunmapArgs,
  after: AfterMunmap,
): 0 | Errno {
  if (!isPageAligned(addr) || ugt(addr, TASK_SIZE) || ugt(len, TASK_SIZE - addr)) return EINVAL;
  const end = addr + pageUp(len);
  if (end === addr) return EINVAL;
  return doMunmap(mm, { start: addr, end }, after);
}
