/**
 * madvise(2). Every advice that changes flags is done; what it does to pages is
 * done when there are page tables.
 *
 * Source: mm/madvise.c, v6.18.
 */
import {
  EACCES,
  EAGAIN,
  EBADF,
  EFAULT,
  EINVAL,
  ENOMEM,
  EOPNOTSUPP,
  EPERM,
  type Errno,
  isErr,
  OK,
} from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import type { Ulong } from '../arena/units.ts';
import { touchVma } from '../fault/touch.ts';
import { isFileWritable } from '../file/file_struct.ts';
import { SECRETMEM_VM_OPS } from '../file/vm_ops.ts';
import type { Mm, MmRead, MmWrite, Vma } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock, mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { vmaStartWrite } from '../mm/vma_lock.ts';
import { CAP_SYS_ADMIN, capable } from '../mm/task_struct.ts';
import { sysctl } from '../mm/sysctl.ts';
import {
  commonFlags,
  flagsOf,
  hasFlag,
  VM_READ,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_DROPPABLE,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKED,
  VM_MAYBE_GUARD,
  VM_MAYWRITE,
  VM_MERGEABLE,
  VM_NOHUGEPAGE,
  VM_PFNMAP,
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
import { setVmFlags, vmaIsAnonymous, vmFile, vmFlags, vmOps } from '../mm/vma_struct.ts';
import { anonVmaPrepare } from '../rmap/anon_vma.ts';
import { firstGuard, setGuards } from '../vma/guards.ts';
import { isKsmCompatible } from '../vma/map.ts';
import { vmaModifyFlags } from '../vma/split.ts';
import { userfaultfdRemove } from '../vma/userfaultfd_events.ts';
import { type ByteRange, vmgForModify } from '../vma/vma_merge.ts';
import { visitVmas } from '../vma/vma_range.ts';
import { enterSyscall } from './entry.ts';
import { endOfPages } from './ulong.ts';
import {
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_HUGEPAGE,
  MADV_HWPOISON,
  MADV_KEEPONFORK,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_SOFT_OFFLINE,
  MADV_UNMERGEABLE,
  MADV_WILLNEED,
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
 *   cannot take; EAGAIN at vm.max_map_count, without memory, or when a userfaultfd is not read; EPERM on sealed
 *   memory; ENOMEM, EBADF, EACCES, EFAULT.
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
    FLAG_ADVICE.has(advice) ||
    PAGE_ADVICE.has(advice) ||
    GUARD_ADVICE.has(advice) ||
    HARDWARE_ADVICE.has(advice)
  );
}

function advise(mm: Mm, advice: number, range: ByteRange): 0 | Errno {
  // Words beyond the address space hold no VMA.
  if (range.start < 0) return ENOMEM;
  const span = range.end < 0 ? { start: range.start, end: 2 ** 53 - 4096 } : range;
  const newFlags = FLAG_ADVICE.get(advice);
  const guard = GUARD_ADVICE.get(advice);
  if (guard !== undefined) return adviseGuards(mm, advice, span);
  if (newFlags === undefined) return advisePages(mm, advice, span);

  const locked = mmapWriteLock(mm);
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

/** What an advice about pages asks of a VMA. */
type PageAdvice = (mm: MmRead, vma: Vma, part: ByteRange) => 0 | Errno;

const PAGE_ADVICE: ReadonlyMap<number, PageAdvice> = new Map<number, PageAdvice>([
  [MADV_WILLNEED, willNeed],
  [MADV_DONTNEED, (_mm, vma, part) => dropPages(vma, part, UNDROPPABLE)],
  [MADV_DONTNEED_LOCKED, (_mm, vma, part) => dropPages(vma, part, flagsOf(VM_PFNMAP, VM_HUGETLB))],
  [MADV_FREE, freeLazily],
  [MADV_REMOVE, remove],
  [MADV_COLD, (_mm, vma) => refuseIf(vma, UNDROPPABLE)],
  [MADV_PAGEOUT, (_mm, vma) => refuseIf(vma, UNDROPPABLE)],
  [MADV_POPULATE_READ, (mm, vma, part) => populate(mm, vma, { ...part, access: 'read' })],
  [MADV_POPULATE_WRITE, (mm, vma, part) => populate(mm, vma, { ...part, access: 'write' })],
  [MADV_COLLAPSE, collapse],
]);

/** Advice that changes the guards of an address space, under the lock for writers. */
const GUARD_ADVICE = new Map<number, (mm: MmWrite, vma: Vma, part: ByteRange) => 0 | Errno>([
  [MADV_GUARD_INSTALL, guardInstall],
  [MADV_GUARD_REMOVE, guardRemove],
]);

const HARDWARE_ADVICE = new Set([MADV_HWPOISON, MADV_SOFT_OFFLINE]);

function advisePages(mm: Mm, advice: number, range: ByteRange): 0 | Errno {
  const act = PAGE_ADVICE.get(advice);
  if (act === undefined) return EINVAL;
  const reader = mmapReadLock(mm);
  const isPopulate = advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE;
  const walk = { range, holes: isPopulate ? 'stop' : 'pass' } as const;
  const result = visitVmas(reader, walk, (vma, part) =>
    mayDiscard(vma, advice) ? act(reader, vma, part) : EPERM,
  );
  mmapReadUnlock(reader);
  return result;
}

const refuseIf = (vma: Vma, flags: VmFlags): 0 | Errno =>
  hasFlag(vmFlags(vma), flags) ? EINVAL : OK;

function willNeed(_mm: MmRead, vma: Vma): 0 | Errno {
  return vmFile(vma) === NULL && sysctl('swap') === 0 ? EBADF : OK;
}

const UNDROPPABLE = flagsOf(VM_LOCKED, VM_PFNMAP, VM_HUGETLB);

function dropPages(vma: Vma, part: ByteRange, unless: VmFlags): 0 | Errno {
  const refused = refuseIf(vma, unless);
  return isErr(refused) ? refused : tellRemoval(vma, part);
}

/** Who watches hears of it before the pages go. */
const tellRemoval = (vma: Vma, part: ByteRange): 0 | Errno =>
  userfaultfdRemove(vma, part) === OK ? OK : EAGAIN;

/** What cannot be freed so is told of all the same, as in Linux. */
function freeLazily(_mm: MmRead, vma: Vma, part: ByteRange): 0 | Errno {
  const dropped = dropPages(vma, part, UNDROPPABLE);
  if (isErr(dropped)) return dropped;
  return vmaIsAnonymous(vma) ? OK : EINVAL;
}

/** Punches a hole in the file, so the file must be writable and shared. */
function remove(_mm: MmRead, vma: Vma, part: ByteRange): 0 | Errno {
  if (hasFlag(vmFlags(vma), VM_LOCKED)) return EINVAL;
  const file = vmFile(vma);
  if (file === NULL) return EINVAL;
  const isShared = commonFlags(vmFlags(vma), SHARED_MAYWRITE) === SHARED_MAYWRITE;
  if (!isShared || !isFileWritable(file)) return EACCES;
  const told = tellRemoval(vma, part);
  if (isErr(told)) return told;
  return vmOps(vma) === SECRETMEM_VM_OPS ? EOPNOTSUPP : OK; // it has no way to punch holes
}

const SHARED_MAYWRITE = flagsOf(VM_SHARED, VM_MAYWRITE);

function populate(
  mm: MmRead,
  vma: Vma,
  { start, end, access }: ByteRange & { access: 'read' | 'write' },
): 0 | Errno {
  const flags = vmFlags(vma);
  if (hasFlag(flags, flagsOf(VM_IO, VM_PFNMAP)) || vmOps(vma) === SECRETMEM_VM_OPS) return EINVAL;
  if (!hasFlag(flags, access === 'write' ? VM_WRITE : VM_READ)) return EINVAL;
  const guard = firstGuard(mm, { start, end });
  if (guard !== null && guard > start) touchVma(mm, vma, { addr: start, access });
  if (guard !== null) return EFAULT;
  const first = touchVma(mm, vma, { addr: start, access });
  const last = touchVma(mm, vma, { addr: end - 1, access });
  if (first === 'oom' || last === 'oom') return ENOMEM;
  return first === 'done' && last === 'done' ? OK : EFAULT;
}

/** No huge pages are built: there is nothing to collapse into. */
function collapse(): Errno {
  return EINVAL;
}

function adviseGuards(mm: Mm, advice: number, range: ByteRange): 0 | Errno {
  const act = GUARD_ADVICE.get(advice);
  if (act === undefined) return EINVAL;
  const locked = mmapWriteLock(mm);
  const result = visitVmas(locked, { range, holes: 'pass' }, (vma, part) =>
    mayDiscard(vma, advice) ? act(locked, vma, part) : EPERM,
  );
  mmapWriteUnlock(locked);
  return result;
}

function guardRemove(mm: MmWrite, vma: Vma, part: ByteRange): 0 | Errno {
  const refused = refuseIf(vma, flagsOf(VM_SPECIAL, VM_HUGETLB));
  return isErr(refused) ? refused : setGuards(mm, part, 'free');
}

/** The VMA remembers that it may have guards, and anonymous memory is faulted for fork. */
function guardInstall(mm: MmWrite, vma: Vma, part: ByteRange): 0 | Errno {
  const refused = refuseIf(vma, flagsOf(VM_LOCKED, VM_SPECIAL, VM_HUGETLB));
  if (isErr(refused)) return refused;
  if (vmaIsAnonymous(vma) && anonVmaPrepare(mm, vma) !== OK) return ENOMEM;
  if (setGuards(mm, part, 'guarded') !== OK) return ENOMEM;
  setVmFlags(vmaStartWrite(mm, vma), withFlags(vmFlags(vma), VM_MAYBE_GUARD));
  return OK;
}
