/**
 * The page fault of a program: finds the VMA, under its own lock if possible, checks the
 * access as x86 does without protection keys, and says which signal is due.
 *
 * Source: arch/x86/mm/fault.c, do_user_addr_fault(), access_error(), v6.18.
 */
import * as atomics from '#atomics';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import { isErr } from '../arena/errno.ts';
import { pageDown, TASK_SIZE } from '../arena/units.ts';
import type { Mm, MmRead, MmWrite, Vma } from '../mm/held.ts';
import {
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteDowngrade,
  mmapWriteLock,
  mmapWriteUnlock,
} from '../mm/mmap_lock.ts';
import { countFault } from '../mm/task_struct.ts';
import { findVma, lockVmaUnderRcu, vmaLookup } from '../mm/vma_iterator.ts';
import { vmaEndRead } from '../mm/vma_lock.ts';
import { hasFlag, VM_ACCESS_FLAGS, VM_EXEC, VM_GROWSDOWN, VM_WRITE } from '../mm/vm_flags.ts';
import { vmFlags, vmMm, vmStart } from '../mm/vma_struct.ts';
import { isPtePresent } from '../page/pte.ts';
import { ptePtr } from '../page/table_struct.ts';
import { tlbFillRead, tlbFillWrite, walkExec } from '../page/tlb.ts';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_INSTRUCTION,
  FAULT_FLAG_USER,
  FAULT_FLAG_VMA_LOCK,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_HWPOISON,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
} from '../page/vm_fault.ts';
import { rcuReadLock, rcuReadUnlock } from '../rcu/rcu.ts';
import { countEvent, VMA_LOCK_RETRY, VMA_LOCK_SUCCESS } from '../trace/counters.ts';
import { expandDownwards } from '../vma/expand.ts';
import { handleMmFault } from './handle_mm_fault.ts';
import { awaitUserfault } from './userfault.ts';

/** How an access ended: 0, or the signal and si_code that are due. */
export const FAULT_SEGV_MAPERR = -1;
export const FAULT_SEGV_ACCERR = -2;
export const FAULT_BUS_ADRERR = -3;
export const FAULT_OOM = -4;
export const FAULT_BUS_MCEERR_AR = -5;

export type FaultCode =
  | 0
  | typeof FAULT_SEGV_MAPERR
  | typeof FAULT_SEGV_ACCERR
  | typeof FAULT_BUS_ADRERR
  | typeof FAULT_OOM
  | typeof FAULT_BUS_MCEERR_AR;

export type Access = 'read' | 'write' | 'exec';

const USER = FAULT_FLAG_USER | FAULT_FLAG_ALLOW_RETRY;

// Compared rather than looked up: a record with a key that varies is a slow load.
function flagsOf(access: Access): number {
  if (access === 'write') return USER | FAULT_FLAG_WRITE;
  return access === 'read' ? USER : USER | FAULT_FLAG_INSTRUCTION;
}

/**
 * What a CPU does when its TLB does not know a page: it walks the tables, and the running task
 * faults if they say no.
 *
 * @returns the first word of the frame, which the TLB knows from now on; or a FaultCode.
 */
export function walkOrFault(mm: Mm, addr: number, access: Access): WordAt | FaultCode {
  if (!(addr >= 0 && addr < TASK_SIZE)) return FAULT_SEGV_MAPERR;
  // Ends with a translation or a signal: a fault that was handled left an entry.
  for (;;) {
    // One section for the walk and the lookup: beginning and ending one are atomics.
    rcuReadLock();
    const frame = walk(mm, addr, access);
    const vma = frame === NULL ? lockVmaUnderRcu(mm, addr) : null;
    rcuReadUnlock();
    if (frame !== NULL) return frame;

    let result = vma === null ? RETRY : faultUnderVmaLock(vma, addr, access);
    if (result === RETRY) result = awaitUserfault() ? 0 : faultUnderMmapLock(mm, addr, access);
    if (result !== 0) return result;
  }
}

function walk(mm: Mm, addr: number, access: Access): WordAt | Null {
  if (access === 'write') return tlbFillWrite(mm, addr);
  return access === 'read' ? tlbFillRead(mm, addr) : walkExec(mm, addr);
}

/**
 * The access comes again, and its walk needs no section here: the VMA keeps its tables.
 *
 * @returns its frame, a FaultCode, or RETRY; 0 when the entry has gone again.
 */
function faultUnderVmaLock(
  vma: Vma,
  addr: number,
  access: Access,
): WordAt | FaultCode | typeof RETRY {
  const mm = vmMm(vma);
  const code = isAccessError(vma, addr, access)
    ? FAULT_SEGV_ACCERR
    : codeOf(handleMmFault(vma, addr, flagsOf(access) | FAULT_FLAG_VMA_LOCK));
  const frame = code === 0 ? walk(mm, addr, access) : NULL;
  vmaEndRead(vma);
  countEvent(code === RETRY ? VMA_LOCK_RETRY : VMA_LOCK_SUCCESS);
  return code === 0 ? frame : code;
}

function faultUnderMmapLock(mm: Mm, addr: number, access: Access): FaultCode {
  const reader = mmapReadLock(mm);
  const vma = vmaLookup(reader, addr);
  if (vma === NULL) {
    const isStack = isBelowStack(reader, addr);
    mmapReadUnlock(reader);
    return isStack ? faultOfStack(mm, addr, access) : FAULT_SEGV_MAPERR;
  }
  const result = faultIn(vma, addr, access);
  mmapReadUnlock(reader);
  awaitUserfault();
  return result;
}

/** Whether the next VMA may grow down to `addr`. */
function isBelowStack(mm: MmRead, addr: number): boolean {
  const above = findVma(mm, addr);
  return above !== NULL && hasFlag(vmFlags(above), VM_GROWSDOWN);
}

/** An address below a VMA that grows down makes it grow; only that takes the write lock. */
function faultOfStack(mm: Mm, addr: number, access: Access): FaultCode {
  const writer = mmapWriteLock(mm);
  const vma = growTo(writer, addr);
  if (vma === NULL) {
    mmapWriteUnlock(writer);
    return FAULT_SEGV_MAPERR;
  }
  const reader = mmapWriteDowngrade(writer);
  const result = faultIn(vma, addr, access);
  mmapReadUnlock(reader);
  awaitUserfault();
  return result;
}

function growTo(mm: MmWrite, addr: number): Vma | Null {
  const above = findVma(mm, addr);
  if (above === NULL || vmStart(above) <= addr) return above;
  if (!hasFlag(vmFlags(above), VM_GROWSDOWN)) return NULL;
  return isErr(expandDownwards(mm, above, pageDown(addr))) ? NULL : above;
}

function faultIn(vma: Vma, addr: number, access: Access): FaultCode {
  if (isAccessError(vma, addr, access)) return FAULT_SEGV_ACCERR;
  const code = codeOf(handleMmFault(vma, addr, flagsOf(access)));
  return code === RETRY ? 0 : code;
}

/** Whatever may be accessed at all may be read; an instruction must not be where it is not meant. */
function isAccessError(vma: Vma, addr: number, access: Access): boolean {
  const flags = vmFlags(vma);
  if (access === 'write') return !hasFlag(flags, VM_WRITE);
  if (!hasFlag(flags, VM_ACCESS_FLAGS)) return true;
  return access === 'exec' && !hasFlag(flags, VM_EXEC) && isMapped(vma, addr);
}

/** The fault says whether the page was there: only then is a protection the reason. */
function isMapped(vma: Vma, addr: number): boolean {
  const at = ptePtr(vmMm(vma), addr);
  return at !== NULL && isPtePresent(atomics.readOnce(at));
}

/** No signal: what it takes needs mmap_lock. */
const RETRY = -64;

/** Counts what was handled. Source: mm/memory.c, mm_account_fault(), v6.18. */
function codeOf(result: number): FaultCode | typeof RETRY {
  if ((result & (VM_FAULT_RETRY | VM_FAULT_ERROR)) === 0) {
    countFault((result & VM_FAULT_MAJOR) !== 0);
    return 0;
  }
  if ((result & VM_FAULT_RETRY) !== 0) return RETRY;
  if ((result & VM_FAULT_OOM) !== 0) return FAULT_OOM;
  if ((result & VM_FAULT_HWPOISON) !== 0) return FAULT_BUS_MCEERR_AR;
  return (result & VM_FAULT_SIGBUS) !== 0 ? FAULT_BUS_ADRERR : FAULT_SEGV_MAPERR;
}
