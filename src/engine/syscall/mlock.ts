/**
 * mlock(2), mlock2(2), munlock(2), mlockall(2), munlockall(2).
 *
 * Source: mm/mlock.c, v6.18.
 */
import {
  EAGAIN,
  EFAULT,
  EINTR,
  EINVAL,
  ENOMEM,
  EPERM,
  type Errno,
  isErr,
  OK,
} from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { pageDown, pageUp, TASK_SIZE, type Ulong, ult } from '../arena/units.ts';
import { mmPopulate, mmPopulateIgnoringErrors } from '../fault/populate.ts';
import { SECRETMEM_VM_OPS } from '../file/vm_ops.ts';
import { addLockedVm, canDoMlock } from '../mm/accounting.ts';
import type { Mm, MmRead, MmWrite, Vma } from '../mm/held.ts';
import { mmDefFlags, mmLockedVm, mmTotalVm, setMmDefFlags } from '../mm/mm_struct.ts';
import { mmapWriteLockKillable, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { CAP_IPC_LOCK, capable, rlimit, RLIMIT_MEMLOCK } from '../mm/task_struct.ts';
import { findVma, vmaFind, vmaIterator } from '../mm/vma_iterator.ts';
import {
  hasFlag,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_LOCKONFAULT,
  VM_NONE,
  type VmFlags,
  withFlags,
  withoutFlags,
} from '../mm/vm_flags.ts';
import { vmEnd, vmFlags, vmOps, vmStart } from '../mm/vma_struct.ts';
import { LIMIT_MEMLOCK, noteLimit } from '../trace/verdict.ts';
import { vmaSupportsMlock } from '../vma/map.ts';
import { vmaModifyFlags } from '../vma/split.ts';
import { type ByteRange, vmgForModify } from '../vma/vma_merge.ts';
import { visitVmas } from '../vma/vma_range.ts';
import { enterSyscall } from './entry.ts';

export const MLOCK_ONFAULT = 1;
export const MCL_CURRENT = 1;
export const MCL_FUTURE = 2;
export const MCL_ONFAULT = 4;

export interface MlockArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
}

/**
 * Locks every page that [addr, addr + len) touches, VMA by VMA: those before a
 * hole stay locked.
 *
 * @returns EPERM without the right, ENOMEM over RLIMIT_MEMLOCK, for a hole, or
 *   when not all of it can be populated (it stays marked), EAGAIN without memory,
 *   EINVAL when the range wraps or a flag is unknown.
 */
export const sysMlock = (args: MlockArgs): 0 | Errno => mlock(args, VM_LOCKED);

export function sysMlock2(args: MlockArgs & { readonly flags: number }): 0 | Errno {
  if ((args.flags & ~MLOCK_ONFAULT) !== 0) return EINVAL;
  return mlock(args, args.flags === 0 ? VM_LOCKED : VM_LOCKED_MASK);
}

function mlock(args: MlockArgs, lockFlags: VmFlags): 0 | Errno {
  const mm = enterSyscall();
  if (!canDoMlock()) return EPERM;
  const range = pagesTouched(args);
  const locked = mmapWriteLockKillable(mm);
  if (locked === null) return EINTR;
  const isAllowed = isWithinMemlock(locked, range);
  const result = isAllowed ? applyVmaLockFlags(locked, range, lockFlags) : ENOMEM;
  mmapWriteUnlock(locked);
  return isErr(result) ? result : populateLocked(mm, range);
}

/** @returns ENOMEM for a hole, after the pages before it; EINVAL when the range wraps. */
export function sysMunlock(args: MlockArgs): 0 | Errno {
  const locked = mmapWriteLockKillable(enterSyscall());
  if (locked === null) return EINTR;
  const result = applyVmaLockFlags(locked, pagesTouched(args), VM_NONE);
  mmapWriteUnlock(locked);
  return result;
}

/** May wrap: the last page of the 64-bit space rounds up to nothing. */
function pagesTouched({ addr, len }: MlockArgs): ByteRange {
  const start = pageDown(addr);
  return { start, end: start + pageUp(len + (addr - start)) };
}

/** Pages of the range that are locked already are not asked for twice. */
function isWithinMemlock(mm: MmRead, { start, end }: ByteRange): boolean {
  if (capable(CAP_IPC_LOCK)) return true;
  const limit = Math.floor(rlimit(RLIMIT_MEMLOCK) / 4096);
  let wanted = (end - start) / 4096 + mmLockedVm(mm);
  if (wanted > limit) wanted -= lockedPagesIn(mm, { start, end });
  if (wanted <= limit && end - start >= 0) return true;
  noteLimit(LIMIT_MEMLOCK, wanted, limit);
  return false;
}

function lockedPagesIn(mm: MmRead, { start, end }: ByteRange): number {
  if (start < 0) return 0;
  let bytes = 0;
  const vmi = vmaIterator(mm, start);
  const limit = Math.min(end, TASK_SIZE);
  for (let vma = vmaFind(vmi, limit); vma !== NULL; vma = vmaFind(vmi, limit)) {
    if (!hasFlag(vmFlags(vma), VM_LOCKED)) continue;
    bytes += Math.min(vmEnd(vma), end) - Math.max(vmStart(vma), start);
  }
  return bytes / 4096;
}

/** Source: mm/mlock.c, apply_vma_lock_flags(), v6.18. */
function applyVmaLockFlags(mm: MmWrite, { start, end }: ByteRange, lockFlags: VmFlags): 0 | Errno {
  if (ult(end, start)) return EINVAL;
  if (end === start) return OK;
  if (start < 0 || start >= TASK_SIZE) return ENOMEM;
  const limit = end < 0 ? Infinity : end; // a word beyond the address space
  return visitVmas(mm, { range: { start, end: limit }, holes: 'stop' }, (vma, part) => {
    const flags = withFlags(withoutFlags(vmFlags(vma), VM_LOCKED_MASK), lockFlags);
    return mlockFixup(mm, vma, { start: part.start, end: part.end, flags });
  });
}

/** Source: mm/mlock.c, mlock_fixup(), v6.18. */
function mlockFixup(
  mm: MmWrite,
  vma: Vma,
  { start, end, flags }: ByteRange & { flags: VmFlags },
): 0 | Errno {
  const oldFlags = vmFlags(vma);
  if (flags === oldFlags || vmOps(vma) === SECRETMEM_VM_OPS) return OK;
  if (!vmaSupportsMlock(oldFlags)) return OK;
  const modified = vmaModifyFlags(vmgForModify(mm, vma, { start, end }), flags);
  if (isErr(modified)) return modified;

  const pages = (end - start) / 4096;
  const wasLocked = hasFlag(oldFlags, VM_LOCKED);
  const isLocked = hasFlag(flags, VM_LOCKED);
  if (isLocked !== wasLocked) addLockedVm(mm, isLocked ? pages : -pages);
  return OK;
}

function populateLocked(mm: Mm, range: ByteRange): 0 | Errno {
  const result = mmPopulate(mm, range);
  if (result === EFAULT) return ENOMEM;
  return result === ENOMEM ? EAGAIN : result;
}

/**
 * Locks what is mapped, what will be, or both; each call replaces what the last
 * one said of the future.
 *
 * @returns EINVAL for no flag, an unknown one, or MCL_ONFAULT alone; EPERM; ENOMEM
 *   when all that is mapped is over RLIMIT_MEMLOCK.
 */
export function sysMlockall(flags: number): 0 | Errno {
  const mm = enterSyscall();
  const known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
  if (flags === 0 || (flags & ~known) !== 0 || flags === MCL_ONFAULT) return EINVAL;
  if (!canDoMlock()) return EPERM;

  const locked = mmapWriteLockKillable(mm);
  if (locked === null) return EINTR;
  const limit = Math.floor(rlimit(RLIMIT_MEMLOCK) / 4096);
  const isOver = (flags & MCL_CURRENT) !== 0 && mmTotalVm(locked) > limit;
  if (isOver && !capable(CAP_IPC_LOCK)) {
    noteLimit(LIMIT_MEMLOCK, mmTotalVm(locked), limit);
    mmapWriteUnlock(locked);
    return ENOMEM;
  }
  applyMlockallFlags(locked, flags);
  mmapWriteUnlock(locked);
  if ((flags & MCL_CURRENT) !== 0) mmPopulateIgnoringErrors(mm, { start: 0, end: TASK_SIZE });
  return OK;
}

export function sysMunlockall(): 0 | Errno {
  const locked = mmapWriteLockKillable(enterSyscall());
  if (locked === null) return EINTR;
  applyMlockallFlags(locked, 0);
  mmapWriteUnlock(locked);
  return OK;
}

/** Errors of single VMAs are ignored. Source: mm/mlock.c, apply_mlockall_flags(), v6.18. */
function applyMlockallFlags(mm: MmWrite, flags: number): void {
  const asked = (flags & MCL_ONFAULT) === 0 ? VM_LOCKED : withFlags(VM_LOCKED, VM_LOCKONFAULT);
  const unlocked = withoutFlags(mmDefFlags(mm), VM_LOCKED_MASK);
  const isFuture = (flags & MCL_FUTURE) !== 0;
  setMmDefFlags(mm, isFuture ? withFlags(unlocked, asked) : unlocked);
  if (isFuture && (flags & MCL_CURRENT) === 0) return;

  const toAdd = (flags & MCL_CURRENT) === 0 ? VM_NONE : asked;
  for (let vma = findVma(mm, 0); vma !== NULL;) {
    const end = vmEnd(vma);
    const vmaFlags = withFlags(withoutFlags(vmFlags(vma), VM_LOCKED_MASK), toAdd);
    mlockFixup(mm, vma, { start: vmStart(vma), end, flags: vmaFlags });
    vma = findVma(mm, end);
  }
}
