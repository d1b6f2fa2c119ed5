/** msync(2), as far as it can be told from its result. */
import { EBUSY, EINVAL, ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { isPageAligned, pageUp, type Ulong, ult } from '../arena/units.ts';
import { SECRETMEM_VM_OPS } from '../file/vm_ops.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { hasFlag, VM_LOCKED, VM_SHARED } from '../mm/vm_flags.ts';
import { vmFlags, vmOps } from '../mm/vma_struct.ts';
import type { ByteRange } from '../vma/vma_merge.ts';
import { visitVmas } from '../vma/vma_range.ts';
import { enterSyscall } from './entry.ts';

export const MS_ASYNC = 1;
export const MS_INVALIDATE = 2;
export const MS_SYNC = 4;

export interface MsyncArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
  /** MS_* */
  readonly flags: number;
}

/**
 * @returns EINVAL for unknown flags, both ways at once, an unaligned address, or
 *   secret memory to be synced; ENOMEM for a hole (the rest is done); EBUSY to invalidate locked
 * memory.
 *
 * Source: mm/msync.c, v6.18.
 */
export function sysMsync({ addr, len, flags }: MsyncArgs): 0 | Errno {
  const mm = enterSyscall();
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0) return EINVAL;
  if (!isPageAligned(addr)) return EINVAL;
  if ((flags & MS_ASYNC) !== 0 && (flags & MS_SYNC) !== 0) return EINVAL;
  const end = addr + pageUp(len);
  if (ult(end, addr)) return ENOMEM;
  if (end === addr) return OK;
  if (addr < 0) return ENOMEM;

  const reader = mmapReadLock(mm);
  const result = walk(reader, { start: addr, end: end < 0 ? 2 ** 53 - 4096 : end }, flags);
  mmapReadUnlock(reader);
  return result;
}

function walk(mm: MmRead, range: ByteRange, flags: number): 0 | Errno {
  const holes = flags === MS_ASYNC ? 'stop' : 'pass';
  return visitVmas(mm, { range, holes }, (vma) => {
    if ((flags & MS_INVALIDATE) !== 0 && hasFlag(vmFlags(vma), VM_LOCKED)) return EBUSY;
    return (flags & MS_SYNC) !== 0 && isUnsyncable(vma) ? EINVAL : OK;
  });
}

/** Secret memory has no way to be written back. */
const isUnsyncable = (vma: Vma): boolean =>
  vmOps(vma) === SECRETMEM_VM_OPS && hasFlag(vmFlags(vma), VM_SHARED);
