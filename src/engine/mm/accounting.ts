/**
 * What an address space is charged for, and whether it may have more. All in pages.
 *
 * Source: mm/vma.h, mm/mmap.c (may_expand_vm), mm/util.c (__vm_enough_memory), v6.18.
 */
import { ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { cpuOf, thisCpu } from '../arena/cpu.ts';
import { CPUS, C_COMMITTED } from '../arena/layout.ts';
import { double, setDouble } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import { LIMIT_AS, LIMIT_COMMIT, LIMIT_DATA, LIMIT_MEMLOCK, noteLimit } from '../trace/verdict.ts';
import type { MmRead, MmWrite } from './held.ts';
import {
  mmDataVm,
  mmExecVm,
  mmLockedVm,
  mmStackVm,
  mmTotalVm,
  setMmDataVm,
  setMmExecVm,
  setMmLockedVm,
  setMmStackVm,
  setMmTotalVm,
} from './mm_struct.ts';
import { sysctl, sysctlOvercommitMemory, totalPages } from './sysctl.ts';
import {
  CAP_IPC_LOCK,
  CAP_SYS_ADMIN,
  capable,
  rlimit,
  rlimitMax,
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
} from './task_struct.ts';
import {
  flagsOf,
  hasFlag,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_LOCKED,
  VM_NORESERVE,
  VM_SHARED,
  VM_WRITE,
  type VmFlags,
} from './vm_flags.ts';

const EXEC_CLASS = flagsOf(VM_EXEC, VM_WRITE, VM_GROWSDOWN);
const DATA_CLASS = flagsOf(VM_WRITE, VM_SHARED, VM_GROWSDOWN);
const ACCOUNTABLE = flagsOf(VM_NORESERVE, VM_SHARED, VM_WRITE, VM_HUGETLB);

// All of these are flags of the low half, which `&` alone is right for.
export const isExecMapping = (flags: VmFlags): boolean => (flags & EXEC_CLASS) === VM_EXEC;
export const isStackMapping = (flags: VmFlags): boolean => hasFlag(flags, VM_GROWSDOWN);
export const isDataMapping = (flags: VmFlags): boolean => (flags & DATA_CLASS) === VM_WRITE;

/** Private writable memory is promised to its owner, and so charged. */
export const isAccountable = (flags: VmFlags): boolean => (flags & ACCOUNTABLE) === VM_WRITE;

/** Counts `pages` (negative: gone) of a VMA with these flags. */
export function vmStatAccount(mm: MmWrite, flags: VmFlags, pages: number): void {
  setMmTotalVm(mm, mmTotalVm(mm) + pages);
  if (isExecMapping(flags)) setMmExecVm(mm, mmExecVm(mm) + pages);
  else if (isStackMapping(flags)) setMmStackVm(mm, mmStackVm(mm) + pages);
  else if (isDataMapping(flags)) setMmDataVm(mm, mmDataVm(mm) + pages);
}

export function addLockedVm(mm: MmWrite, pages: number): void {
  setMmLockedVm(mm, mmLockedVm(mm) + pages);
}

/** @returns whether RLIMIT_AS and RLIMIT_DATA allow `pages` more of this kind. */
export function mayExpandVm(mm: MmRead, flags: VmFlags, pages: number): boolean {
  const total = mmTotalVm(mm) + pages;
  if (total > pagesOf(rlimit(RLIMIT_AS))) {
    noteLimit(LIMIT_AS, total, pagesOf(rlimit(RLIMIT_AS)));
    return false;
  }
  if (!isDataMapping(flags)) return true;

  const data = mmDataVm(mm) + pages;
  if (data <= pagesOf(rlimit(RLIMIT_DATA))) return true;
  // A soft limit of 0 is how valgrind has always said "no brk, please".
  if (rlimit(RLIMIT_DATA) === 0 && data <= pagesOf(rlimitMax(RLIMIT_DATA))) return true;
  noteLimit(LIMIT_DATA, data, pagesOf(rlimit(RLIMIT_DATA)));
  return false;
}

/** @returns whether RLIMIT_MEMLOCK allows `bytes` more, should this be locked memory. */
export function mlockFutureOk(mm: MmRead, flags: VmFlags, bytes: number): boolean {
  if (!hasFlag(flags, VM_LOCKED) || capable(CAP_IPC_LOCK)) return true;
  const locked = mmLockedVm(mm) + Math.ceil(bytes / PAGE_SIZE);
  const limit = pagesOf(rlimit(RLIMIT_MEMLOCK));
  if (locked <= limit) return true;
  noteLimit(LIMIT_MEMLOCK, locked, limit);
  return false;
}

export const canDoMlock = (): boolean => rlimit(RLIMIT_MEMLOCK) !== 0 || capable(CAP_IPC_LOCK);

const pagesOf = (bytes: number): number => Math.floor(bytes / PAGE_SIZE);

const ALWAYS = 1;
const NEVER = 2;

/**
 * Promises `pages` of memory. The machine's total is counted by each worker on
 * its own line, so mode 2 may let workers overshoot by what they add at the same
 * moment, as the kernel's per-CPU counter does. Without an mm it is for pages of a file, which
 * every process shares: nothing is kept back for one of them.
 *
 * @returns ENOMEM when overcommit does not allow it.
 */
export function chargeMemory(mm: MmRead | Null, pages: number): 0 | Errno {
  const mode = sysctlOvercommitMemory();
  // Mode 0 refuses only what can obviously never be had.
  const limit = mode === NEVER ? commitAllowed(mm) : totalPages();
  const wanted = mode === NEVER ? committedPages() + pages : pages;
  const isOver = mode === NEVER ? wanted >= limit : wanted > limit;
  if (mode !== ALWAYS && isOver) {
    noteLimit(LIMIT_COMMIT, wanted, limit);
    return ENOMEM;
  }
  addCommitted(pages);
  return OK;
}

export function unchargeMemory(pages: number): void {
  addCommitted(-pages);
}

/** Pages promised by the whole machine. */
export function committedPages(): number {
  let sum = 0;
  for (let id = 0; id < CPUS; id++) sum += double(cpuOf(id) + C_COMMITTED);
  return sum;
}

function addCommitted(pages: number): void {
  setDouble(thisCpu + C_COMMITTED, double(thisCpu + C_COMMITTED) + pages);
}

const kbToPages = (kb: number): number => Math.floor((kb * 1024) / PAGE_SIZE);

/** CommitLimit of /proc/meminfo. */
export function commitLimit(): number {
  const kbytes = sysctl('overcommit_kbytes');
  const share = Math.floor((sysctl('totalram_pages') * sysctl('overcommit_ratio')) / 100);
  return (kbytes === 0 ? share : kbToPages(kbytes)) + sysctl('total_swap_pages');
}

function commitAllowed(mm: MmRead | Null): number {
  if (mm === NULL) return commitLimit();
  const forRoot = capable(CAP_SYS_ADMIN) ? 0 : kbToPages(sysctl('admin_reserve_kbytes'));
  const forUser = kbToPages(sysctl('user_reserve_kbytes'));
  return commitLimit() - forRoot - Math.min(Math.floor(mmTotalVm(mm) / 32), forUser);
}
