/** msync(2): what was stored to shared mappings of files is written to their disk. */
import { EBUSY, EINVAL, ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { isPageAligned, PAGE_SIZE, pageUp, type Ulong, ult } from '../arena/units.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { hasFlag, VM_LOCKED, VM_SHARED } from '../mm/vm_flags.ts';
import { vmFile, vmFlags, vmPgoff, vmStart } from '../mm/vma_struct.ts';
import { fileFsyncRange } from '../rmap/fsync.ts';
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
 *   memory; EIO, ENOSPC once for each opening after bytes could not be written.
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

// Under mmap_lock for read, as faults are: what writes pages back takes no lock that comes before it.
function walk(mm: MmRead, range: ByteRange, flags: number): 0 | Errno {
  const holes = flags === MS_ASYNC ? 'stop' : 'pass';
  return visitVmas(mm, { range, holes }, (vma, part) => {
    if ((flags & MS_INVALIDATE) !== 0 && hasFlag(vmFlags(vma), VM_LOCKED)) return EBUSY;
    return (flags & MS_SYNC) === 0 ? OK : syncPart(vma, part);
  });
}

/** Memory without a file, and private copies, have nowhere to be written to. */
function syncPart(vma: Vma, { start, end }: ByteRange): 0 | Errno {
  const file = vmFile(vma);
  if (file === NULL || !hasFlag(vmFlags(vma), VM_SHARED)) return OK;
  const first = vmPgoff(vma) + (start - vmStart(vma)) / PAGE_SIZE;
  return fileFsyncRange(file, { first, last: first + (end - start) / PAGE_SIZE - 1 });
}
