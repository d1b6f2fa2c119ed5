/**
 * mprotect(2), pkey_mprotect(2), pkey_alloc(2), pkey_free(2), on a machine without protection
 * keys.
 */
import { EACCES, EINTR, EINVAL, ENOMEM, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import { isPageAligned, pageUp, ugt, type Ulong } from '../arena/units.ts';
import { populateVma } from '../fault/populate.ts';
import { fileInode } from '../file/file_struct.ts';
import { I_NOEXEC, inodeHas } from '../file/inode.ts';
import { writableAtOnce } from '../file/vm_ops.ts';
import {
  chargeMemory,
  isDataMapping,
  mayExpandVm,
  unchargeMemory,
  vmStatAccount,
} from '../mm/accounting.ts';
import type { MmWrite, Vma } from '../mm/held.ts';
import { MMF_HAS_MDWE, mmHasFlag } from '../mm/mm_struct.ts';
import { mmapWriteLockKillable, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { hasPersonality, READ_IMPLIES_EXEC } from '../mm/task_struct.ts';
import { findVma } from '../mm/vma_iterator.ts';
import {
  flagsOf,
  hasFlag,
  VM_ACCESS_FLAGS,
  VM_ACCOUNT,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_NORESERVE,
  VM_PKEY_FLAGS,
  VM_SEALED,
  VM_SHARED,
  VM_WRITE,
  type VmFlags,
  vmFlagsFromNumber,
  withFlags,
  withoutFlags,
} from '../mm/vm_flags.ts';
import {
  vmaIsAnonymous,
  vmAnonVma,
  vmEnd,
  vmFile,
  vmFlags,
  vmMm,
  vmStart,
} from '../mm/vma_struct.ts';
import { changeProtection } from '../page/change_protection.ts';
import { tlbFinishMmu, tlbGatherMmu } from '../page/mmu_gather.ts';
import {
  PROT_EXEC,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_READ,
  PROT_SEM,
  PROT_WRITE,
} from '../vma/map_flags.ts';
import { vmaModifyFlags } from '../vma/split.ts';
import { vmgForModify } from '../vma/vma_merge.ts';
import { enterSyscall } from './entry.ts';

export interface MprotectArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
  readonly prot: Ulong;
}

keepShape({ addr: Infinity, len: Infinity, prot: Infinity } satisfies MprotectArgs);

/** A protection change on its way over the VMAs of its range. */
interface Mprotect {
  readonly mm: MmWrite;
  /** Bytes. */
  start: number;
  readonly end: number;
  readonly prot: number;
}

keepShape({ mm: 0, start: Infinity, end: Infinity, prot: Infinity });

const PROT_KNOWN = PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM;

/**
 * Changes the protection of every VMA in [addr, addr + len), one by one: those
 * before a failure stay changed.
 *
 * @returns EINVAL for both GROWS flags, an unaligned address, unknown bits, or
 *   GROWSDOWN on what does not grow; ENOMEM for a hole or a limit; EACCES when the
 *   mapping may never have this access; EPERM when it is sealed.
 *
 * Source: mm/mprotect.c, do_mprotect_pkey(), v6.18.
 */
export function sysMprotect(args: MprotectArgs): 0 | Errno {
  const mm = enterSyscall();
  const grows = args.prot & (PROT_GROWSDOWN | PROT_GROWSUP);
  const prot = args.prot - grows;
  if (grows === (PROT_GROWSDOWN | PROT_GROWSUP)) return EINVAL;
  if (!isPageAligned(args.addr)) return EINVAL;
  if (args.len === 0) return OK;
  const end = args.addr + pageUp(args.len);
  if (!ugt(end, args.addr)) return ENOMEM;
  if ((prot & ~PROT_KNOWN) !== 0 || prot !== (prot & PROT_KNOWN)) return EINVAL;

  const locked = mmapWriteLockKillable(mm);
  if (locked === null) return EINTR;
  const change: Mprotect = { mm: locked, start: args.addr, end, prot };
  const result = protect(change, grows);
  mmapWriteUnlock(locked);
  return result;
}

/** Without protection keys only key -1, "no key", exists. */
export function sysPkeyMprotect(args: MprotectArgs & { readonly pkey: number }): 0 | Errno {
  if (args.pkey === -1) return sysMprotect(args);
  // The checks that come before the key's still come first.
  const withoutRange = sysMprotect({ ...args, len: 0 });
  if (isErr(withoutRange) || args.len === 0) return withoutRange;
  const end = args.addr + pageUp(args.len);
  return ugt(end, args.addr) ? EINVAL : ENOMEM;
}

/** No hardware has keys here: EINVAL even for the valid call, as Linux says without PKU. */
export const sysPkeyAlloc = (): Errno => EINVAL;
export const sysPkeyFree = (): Errno => EINVAL;

function protect(change: Mprotect, grows: number): 0 | Errno {
  const { mm, end } = change;
  let vma = change.start < 0 ? NULL : findVma(mm, change.start);
  if (vma === NULL || vmStart(vma) >= end) return ENOMEM;
  if (grows === PROT_GROWSDOWN) {
    if (!hasFlag(vmFlags(vma), VM_GROWSDOWN)) return EINVAL;
    change.start = vmStart(vma);
  } else if (vmStart(vma) > change.start) return ENOMEM;
  if (grows === PROT_GROWSUP) return EINVAL; // no stack of x86 grows up

  for (let at = change.start; at < end;) {
    if (vma === NULL || vmStart(vma) > at) return ENOMEM;
    const until = Math.min(end, vmEnd(vma));
    const result = protectVma(change, vma, { start: at, end: until });
    if (isErr(result)) return result;
    at = until;
    if (at < end) vma = findVma(mm, at);
  }
  return OK;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

keepShape({ start: Infinity, end: Infinity, newFlags: Infinity });

const REPLACED = withFlags(VM_ACCESS_FLAGS, VM_PKEY_FLAGS);

function protectVma(change: Mprotect, vma: Vma, range: Range): 0 | Errno {
  const oldFlags = vmFlags(vma);
  const kept = withoutFlags(oldFlags, REPLACED);
  const newFlags = withFlags(kept, accessFor(change.prot, vma));
  if (lacksMayBit(newFlags)) return EACCES;
  if (isDeniedWriteExec(change.mm, oldFlags, newFlags)) return EACCES;
  return mprotectFixup(change, vma, { start: range.start, end: range.end, newFlags });
}

function accessFor(prot: number, vma: Vma): VmFlags {
  const access = vmFlagsFromNumber(prot & (PROT_READ | PROT_WRITE | PROT_EXEC));
  const implies = (prot & PROT_READ) !== 0 && hasPersonality(READ_IMPLIES_EXEC);
  if (!implies || !hasFlag(vmFlags(vma), VM_MAYEXEC)) return access;
  const file = vmFile(vma);
  const isNoexec = file !== NULL && inodeHas(fileInode(file), I_NOEXEC);
  return isNoexec ? access : withFlags(access, VM_EXEC);
}

/** VM_MAYREAD, VM_MAYWRITE and VM_MAYEXEC lie four bits above what they allow. */
const lacksMayBit = (flags: VmFlags): boolean => (flags & ~(flags >> 4) & VM_ACCESS_FLAGS) !== 0;

/** PR_SET_MDWE: no memory becomes executable, and none is both. */
function isDeniedWriteExec(mm: MmWrite, oldFlags: VmFlags, newFlags: VmFlags): boolean {
  if (!mmHasFlag(mm, MMF_HAS_MDWE) || !hasFlag(newFlags, VM_EXEC)) return false;
  return hasFlag(newFlags, VM_WRITE) || !hasFlag(oldFlags, VM_EXEC);
}

const UNCHARGED = flagsOf(VM_ACCOUNT, VM_WRITE, VM_HUGETLB, VM_SHARED, VM_NORESERVE);

/** Source: mm/mprotect.c, mprotect_fixup(), v6.18. */
function mprotectFixup(
  { mm }: Mprotect,
  vma: Vma,
  { start, end, newFlags }: Range & { newFlags: VmFlags },
): 0 | Errno {
  const oldFlags = vmFlags(vma);
  const pages = (end - start) / 4096;
  if (hasFlag(oldFlags, VM_SEALED)) return EPERM;
  if (newFlags === oldFlags) return OK;

  let flags = newFlags;
  let charged = 0;
  if (hasFlag(newFlags, VM_WRITE)) {
    if (!mayBecomeData(mm, { oldFlags, newFlags, pages })) return ENOMEM;
    if (!hasFlag(oldFlags, UNCHARGED)) {
      if (chargeMemory(mm, pages) !== OK) return ENOMEM;
      charged = pages;
      flags = withFlags(flags, VM_ACCOUNT);
    }
  } else if (hasFlag(oldFlags, VM_ACCOUNT) && vmaIsAnonymous(vma) && vmAnonVma(vma) === NULL) {
    flags = withoutFlags(flags, VM_ACCOUNT);
  }

  const modified = vmaModifyFlags(vmgForModify(mm, vma, { start, end }), flags);
  if (isErr(modified)) {
    if (charged > 0) unchargeMemory(charged);
    return modified;
  }
  protectPages(modified, { start, end });
  if (hasFlag(oldFlags, VM_ACCOUNT) && !hasFlag(flags, VM_ACCOUNT)) unchargeMemory(pages);
  // Its pages are copied at once, before the next VMA asks whether it can merge.
  if (isLockedAndNowWritable(oldFlags, flags)) {
    populateVma(mm, modified, { start, end, waits: false });
  }
  vmStatAccount(mm, oldFlags, -pages);
  vmStatAccount(mm, flags, pages);
  return OK;
}

/** Before the locks go: nobody may use a right that is gone. */
function protectPages(vma: Vma, { start, end }: Range): void {
  const tlb = tlbGatherMmu(vmMm(vma));
  changeProtection(tlb, vma, { start, end, writable: writableAtOnce(vma) });
  tlbFinishMmu(tlb);
}

keepShape({ oldFlags: Infinity, newFlags: Infinity, pages: Infinity });

/** RLIMIT_DATA counts what becomes private writable memory. */
function mayBecomeData(
  mm: MmWrite,
  { oldFlags, newFlags, pages }: { oldFlags: VmFlags; newFlags: VmFlags; pages: number },
): boolean {
  if (!isDataMapping(newFlags) || isDataMapping(oldFlags)) return true;
  return mayExpandVm(mm, newFlags, pages) || !mayExpandVm(mm, oldFlags, pages);
}

const isLockedAndNowWritable = (oldFlags: VmFlags, newFlags: VmFlags): boolean =>
  hasFlag(newFlags, VM_LOCKED) &&
  hasFlag(newFlags, VM_WRITE) &&
  !hasFlag(newFlags, VM_SHARED) &&
  !hasFlag(oldFlags, VM_WRITE);
