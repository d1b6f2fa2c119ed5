/** mseal(2). */
import { EINTR, EINVAL, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import type { Ulong } from '../arena/units.ts';
import type { MmWrite, Vma } from '../mm/held.ts';
import { mmapWriteLockKillable, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { hasFlag, VM_SEALED, withFlags } from '../mm/vm_flags.ts';
import { vmFlags } from '../mm/vma_struct.ts';
import { vmaModifyFlags } from '../vma/split.ts';
import { type ByteRange, vmgForModify } from '../vma/vma_merge.ts';
import { rangeContainsUnmapped, visitVmas } from '../vma/vma_range.ts';
import { enterSyscall } from './entry.ts';
import { endOfPages } from './ulong.ts';

export interface MsealArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
  /** None is known yet. */
  readonly flags: Ulong;
}

/**
 * Seals [addr, addr + len) for good.
 *
 * @returns EINVAL for a flag, an unaligned address or a range that wraps; ENOMEM
 *   for a hole anywhere, with nothing sealed, or at vm.max_map_count.
 *
 * Source: mm/mseal.c, do_mseal(), v6.18.
 */
export function sysMseal({ addr, len, flags }: MsealArgs): 0 | Errno {
  const mm = enterSyscall();
  if (flags !== 0) return EINVAL;
  const end = endOfPages(addr, len);
  if (end === null) return EINVAL;
  if (end === addr) return OK;
  if (addr < 0 || end < 0) return ENOMEM;

  const locked = mmapWriteLockKillable(mm);
  if (locked === null) return EINTR;
  const range = { start: addr, end };
  const result = rangeContainsUnmapped(locked, range)
    ? ENOMEM
    : visitVmas(locked, { range, holes: 'stop' }, (vma, part) => seal(locked, vma, part));
  mmapWriteUnlock(locked);
  return result;
}

function seal(mm: MmWrite, vma: Vma, part: ByteRange): 0 | Errno {
  if (hasFlag(vmFlags(vma), VM_SEALED)) return OK;
  const flags = withFlags(vmFlags(vma), VM_SEALED);
  const modified = vmaModifyFlags(vmgForModify(mm, vma, part), flags);
  return isErr(modified) ? modified : OK;
}
