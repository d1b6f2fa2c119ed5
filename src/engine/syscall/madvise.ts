/**
 * madvise(2): its checks, and advice that changes flags. What advice does to pages is
 * madvise_pages.ts.
 *
 * Source: mm/madvise.c, v6.18.
 */
import { MUST_WAIT } from '../fault/populate.ts';
import { awaitUserfault } from '../fault/userfault.ts';
import { EAGAIN, EINTR, EINVAL, ENOMEM, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import type { Ulong } from '../arena/units.ts';
import type { Mm, MmWrite, Vma } from '../mm/held.ts';
import {
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteLockKillable,
  mmapWriteUnlock,
} from '../mm/mmap_lock.ts';
import { CAP_SYS_ADMIN, capable } from '../mm/task_struct.ts';
import { sysctl } from '../mm/sysctl.ts';
import {
  flagsOf,
  hasFlag,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_DROPPABLE,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_IO,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_RAND_READ,
  VM_SEALED,
  VM_SEQ_READ,
  VM_SHARED,
  VM_SPECIAL,
  VM_WIPEONFORK,
  VM_WRITE,
  type VmFlags,
  withFlags,
  withoutFlags,
} from '../mm/vm_flags.ts';
import { vmaIsAnonymous, vmFile, vmFlags } from '../mm/vma_struct.ts';
import { isKsmCompatible } from '../vma/map.ts';
import { vmaModifyFlags } from '../vma/split.ts';
import { type ByteRange, vmgForModify } from '../vma/vma_merge.ts';
import { visitVmas } from '../vma/vma_range.ts';
import { enterSyscall } from './entry.ts';
import { GUARD_ADVICE, PAGE_ADVICE } from './madvise_pages.ts';
import { endOfPages } from './ulong.ts';
import {
  MADV_COLLAPSE,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_HUGEPAGE,
  MADV_HWPOISON,
  MADV_KEEPONFORK,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_SOFT_OFFLINE,
  MADV_UNMERGEABLE,
  MADV_WIPEONFORK,
} from './madvise_values.ts';

export interface MadviseArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
  /** MADV_* */
  readonly advice: number;
}

/**
 * Gives advice for every VMA in [addr, addr + len). Holes are passed over and
 * make the result ENOMEM; the first other failure ends it.
 *
 * @returns EINVAL for an unknown advice, an unaligned address, or an advice a VMA
 *   cannot take; EAGAIN at vm.max_map_count, without memory, or when a userfaultfd is
 *   not read; EPERM on sealed memory; ENOMEM, EBADF, EACCES, EFAULT.
 */
export function sysMadvise({ addr, len, advice }: MadviseArgs): 0 | Errno {
  const mm = enterSyscall();
  if (!isKnown(advice)) return EINVAL;
  const end = endOfPages(addr, len);
  if (end === null) return EINVAL;
  if (advice === MADV_HWPOISON || advice === MADV_SOFT_OFFLINE) {
    return capable(CAP_SYS_ADMIN) ? OK : EPERM;
  }
  if (end === addr) return OK;
  return advise(mm, advice, { start: addr, end });
}

function isKnown(advice: number): boolean {
  if (advice === MADV_MERGEABLE || advice === MADV_UNMERGEABLE) return sysctl('ksm') !== 0;
  if (advice === MADV_HUGEPAGE || advice === MADV_NOHUGEPAGE || advice === MADV_COLLAPSE) {
    return sysctl('transparent_hugepage') !== 0;
  }
  return (
    PAGE_ADVICE.has(advice) ||
    FLAG_ADVICE.has(advice) ||
    GUARD_ADVICE.has(advice) ||
    HARDWARE_ADVICE.has(advice)
  );
}

function advise(mm: Mm, advice: number, range: ByteRange): 0 | Errno {
  // Words beyond the address space hold no VMA.
  if (range.start < 0) return ENOMEM;
  const span = range.end < 0 ? { start: range.start, end: 2 ** 53 - 4096 } : range;
  const newFlags = PAGE_ADVICE.has(advice) ? undefined : FLAG_ADVICE.get(advice);
  if (newFlags === undefined) {
    return GUARD_ADVICE.has(advice)
      ? adviseGuards(mm, advice, span)
      : advisePages(mm, advice, span);
  }

  const locked = mmapWriteLockKillable(mm);
  if (locked === null) return EINTR;
  const result = visitVmas(locked, { range: span, holes: 'pass' }, (vma, part) =>
    adviseFlags(locked, vma, { part, advice, newFlags }),
  );
  mmapWriteUnlock(locked);
  return result;
}

/** What an advice makes of a VMA's flags, or why it cannot. */
type NewFlags = (vma: Vma, flags: VmFlags) => VmFlags | Errno;

const FLAG_ADVICE: ReadonlyMap<number, NewFlags> = new Map<number, NewFlags>([
  [MADV_NORMAL, (_vma, flags) => withoutFlags(flags, flagsOf(VM_RAND_READ, VM_SEQ_READ))],
  [MADV_SEQUENTIAL, (_vma, flags) => withFlags(withoutFlags(flags, VM_RAND_READ), VM_SEQ_READ)],
  [MADV_RANDOM, (_vma, flags) => withFlags(withoutFlags(flags, VM_SEQ_READ), VM_RAND_READ)],
  [MADV_DONTFORK, (_vma, flags) => withFlags(flags, VM_DONTCOPY)],
  [
    MADV_DOFORK,
    (_vma, flags) => (hasFlag(flags, VM_IO) ? EINVAL : withoutFlags(flags, VM_DONTCOPY)),
  ],
  [MADV_WIPEONFORK, wipeOnFork],
  [MADV_KEEPONFORK, keepOnFork],
  [MADV_DONTDUMP, (_vma, flags) => withFlags(flags, VM_DONTDUMP)],
  [MADV_DODUMP, doDump],
  [MADV_MERGEABLE, mergeable],
  [MADV_UNMERGEABLE, (_vma, flags) => withoutFlags(flags, VM_MERGEABLE)],
  [MADV_HUGEPAGE, (_vma, flags) => withFlags(withoutFlags(flags, VM_NOHUGEPAGE), VM_HUGEPAGE)],
  [MADV_NOHUGEPAGE, (_vma, flags) => withFlags(withoutFlags(flags, VM_HUGEPAGE), VM_NOHUGEPAGE)],
]);

function wipeOnFork(vma: Vma, flags: VmFlags): VmFlags | Errno {
  if (vmFile(vma) !== NULL || hasFlag(flags, VM_SHARED)) return EINVAL;
  return withFlags(flags, VM_WIPEONFORK);
}

function keepOnFork(_vma: Vma, flags: VmFlags): VmFlags | Errno {
  return hasFlag(flags, VM_DROPPABLE) ? EINVAL : withoutFlags(flags, VM_WIPEONFORK);
}

function doDump(_vma: Vma, flags: VmFlags): VmFlags | Errno {
  const isSpecial = hasFlag(flags, VM_SPECIAL) && !hasFlag(flags, VM_HUGETLB);
  return isSpecial || hasFlag(flags, VM_DROPPABLE) ? EINVAL : withoutFlags(flags, VM_DONTDUMP);
}

function mergeable(_vma: Vma, flags: VmFlags): VmFlags {
  return isKsmCompatible(flags) ? withFlags(flags, VM_MERGEABLE) : flags;
}

function adviseFlags(
  mm: MmWrite,
  vma: Vma,
  { part, advice, newFlags }: { part: ByteRange; advice: number; newFlags: NewFlags },
): 0 | Errno {
  if (!mayDiscard(vma, advice)) return EPERM;
  const flags = newFlags(vma, vmFlags(vma));
  if (isErr(flags)) return flags;
  if (flags === vmFlags(vma)) return OK;
  const modified = vmaModifyFlags(vmgForModify(mm, vma, part), flags);
  // The caller may try again: this is the advice's way of saying "no memory".
  if (isErr(modified)) return modified === ENOMEM ? EAGAIN : modified;
  return OK;
}

const DISCARDS = new Set([
  MADV_FREE,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_REMOVE,
  MADV_DONTFORK,
  MADV_WIPEONFORK,
  MADV_GUARD_INSTALL,
]);

/** Sealed memory that its owner may not write, its owner may not wipe either. */
function mayDiscard(vma: Vma, advice: number): boolean {
  if (!DISCARDS.has(advice) || !hasFlag(vmFlags(vma), VM_SEALED)) return true;
  return !vmaIsAnonymous(vma) || hasFlag(vmFlags(vma), VM_WRITE);
}

const HARDWARE_ADVICE = new Set([MADV_HWPOISON, MADV_SOFT_OFFLINE]);

function advisePages(mm: Mm, advice: number, range: ByteRange): 0 | Errno {
  const act = PAGE_ADVICE.get(advice);
  if (act === undefined) return EINVAL;
  const isPopulate = advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE;
  const walk = { range, holes: isPopulate ? 'stop' : 'pass' } as const;
  // Ends: each round means that a userfaultfd has answered for one more page.
  for (;;) {
    const reader = mmapReadLock(mm);
    const result = visitVmas(reader, walk, (vma, part) =>
      mayDiscard(vma, advice) ? act(reader, vma, part) : EPERM,
    );
    mmapReadUnlock(reader);
    if (result !== MUST_WAIT) return result;
    awaitUserfault();
  }
}

/** Guards are page-table entries, but the VMA remembers that it may have some. */
function adviseGuards(mm: Mm, advice: number, range: ByteRange): 0 | Errno {
  const act = GUARD_ADVICE.get(advice);
  if (act === undefined) return EINVAL;
  const locked = mmapWriteLockKillable(mm);
  if (locked === null) return EINTR;
  const result = visitVmas(locked, { range, holes: 'pass' }, (vma, part) =>
    mayDiscard(vma, advice) ? act(locked, vma, part) : EPERM,
  );
  mmapWriteUnlock(locked);
  return result;
}
