/** msync(2), as far as it can be told from its result. */
import { EBUSY, EINVAL, ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { isPageAligned, pageUp, type Ulong, ult } from '../arena/units.ts';
import { SECRETMEM_VM_OPS } from '../file/vm_ops.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { findVma } from '../mm/vma_iterator.ts';
import { hasFlag, VM_LOCKED, VM_SHARED } from '../mm/vm_flags.ts';
import { vmEnd, vmFlags, vmOps, vmStart } from '../mm/vma_struct.ts';
import type { ByteRange } from '../vma/vma_merge.ts';
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

function walk(mm: MmRead, { start, end }: ByteRange, flags: number): 0 | Errno {
  let hasHole = false;
  for (let at = start; at < end;) {
    const vma = findVma(mm, at);
    if (vma === NULL) return ENOMEM;
    if (vmStart(vma) > at) {
      if (flags === MS_ASYNC) return ENOMEM;
      at = vmStart(vma);
      hasHole = true;
      if (at >= end) break;
    }
    if ((flags & MS_INVALIDATE) !== 0 && hasFlag(vmFlags(vma), VM_LOCKED)) return EBUSY;
    if ((flags & MS_SYNC) !== 0 && isUnsyncable(vma)) return EINVAL;
    at = vmEnd(vma);
  }
  return hasHole ? ENOMEM : OK;
}

/** Secret memory has no way to be written back. */
const isUnsyncable = (vma: Vma): boolean =>
  vmOps(vma) === SECRETMEM_VM_OPS && hasFlag(vmFlags(vma), VM_SHARED);
