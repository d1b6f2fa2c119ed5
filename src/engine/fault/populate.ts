/**
 * Faulting memory in ahead of its use: MAP_POPULATE, MAP_LOCKED, mlock and the
 * populating advice.
 *
 * Source: mm/gup.c, __mm_populate(), populate_vma_page_range(), v6.18.
 */
import { EFAULT, ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { SECRETMEM_VM_OPS } from '../file/vm_ops.ts';
import type { Mm, MmRead, Vma } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { vmaFind, vmaIterator } from '../mm/vma_iterator.ts';
import {
  hasFlag,
  VM_ACCESS_FLAGS,
  VM_IO,
  VM_LOCKONFAULT,
  VM_MAYBE_GUARD,
  VM_PFNMAP,
  VM_SHARED,
  VM_WRITE,
  withFlags,
} from '../mm/vm_flags.ts';
import { vmEnd, vmFlags, vmOps, vmStart } from '../mm/vma_struct.ts';
import { anonVmaPrepare } from '../rmap/anon_vma.ts';
import { firstGuard } from '../vma/guards.ts';
import type { ByteRange } from '../vma/vma_merge.ts';
import { isBeyondEof } from './touch.ts';

/** @returns EFAULT at the first page that cannot be had, ENOMEM without memory. */
export function mmPopulate(mm: Mm, range: ByteRange): 0 | Errno {
  const reader = mmapReadLock(mm);
  let result: 0 | Errno = OK;
  const vmi = vmaIterator(reader, range.start);
  for (let vma = vmaFind(vmi, range.end); vma !== NULL; vma = vmaFind(vmi, range.end)) {
    result = populateVma(reader, vma, range);
    if (result !== OK) break;
  }
  mmapReadUnlock(reader);
  return result;
}

/** mmap and mlockall do not care whether all of it could be had: what can be, VMA by VMA. */
export function mmPopulateIgnoringErrors(mm: Mm, range: ByteRange): void {
  const reader = mmapReadLock(mm);
  const vmi = vmaIterator(reader, range.start);
  for (let vma = vmaFind(vmi, range.end); vma !== NULL; vma = vmaFind(vmi, range.end)) {
    populateVma(reader, vma, range);
  }
  mmapReadUnlock(reader);
}

const UNPOPULATED = withFlags(VM_IO, VM_PFNMAP);

/** Faults in the VMA's part of the range. @returns as mmPopulate(). */
export function populateVma(mm: MmRead, vma: Vma, range: ByteRange): 0 | Errno {
  const flags = vmFlags(vma);
  if (hasFlag(flags, UNPOPULATED) || hasFlag(flags, VM_LOCKONFAULT)) return OK;
  if (!hasFlag(flags, VM_ACCESS_FLAGS) || vmOps(vma) === SECRETMEM_VM_OPS) return EFAULT;

  // Private writable memory is written at once, so that no copy is due later.
  const start = Math.max(range.start, vmStart(vma));
  const end = Math.min(range.end, vmEnd(vma));
  const guard = hasFlag(flags, VM_MAYBE_GUARD) ? firstGuard(mm, { start, end }) : null;
  if (guard === start || isBeyondEof(vma, start)) return EFAULT;
  const breaksCow = hasFlag(flags, VM_WRITE) && !hasFlag(flags, VM_SHARED);
  if (breaksCow && anonVmaPrepare(mm, vma) !== OK) return ENOMEM;
  return guard !== null || isBeyondEof(vma, end - 1) ? EFAULT : OK;
}
