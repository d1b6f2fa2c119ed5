/**
 * Describes one page fault, and what all its handlers do.
 *
 * Source: include/linux/mm.h, struct vm_fault; mm/memory.c, v6.18.
 */
import * as atomics from '#atomics';
import {
  ANON_VMA_BEFORE_LOCK,
  ANON_VMA_WITHOUT_MMAP_LOCK,
  MMAP_LOCK_UNDER_VMA_LOCK,
  NO_PTE_RECHECK,
} from '#mutants';
import { OK } from '../arena/errno.ts';
import { NULL, type WordAt } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import type { Mm, MmRead, Vma } from '../mm/held.ts';
import {
  mmapAssertLocked,
  mmapReadLock,
  mmapReadTrylock,
  mmapReadUnlock,
  mmapUnlocked,
} from '../mm/mmap_lock.ts';
import { hasFlag, VM_WRITE } from '../mm/vm_flags.ts';
import { vmAnonVma, vmAnonVmaOnce, vmFlags, vmPgoff, vmStart } from '../mm/vma_struct.ts';
import { type Page, pfnOf, setPageAnon } from '../page/page_struct.ts';
import { mkPte, type Pte, protBits, PTE_DIRTY, PTE_WRITE, PTE_YOUNG } from '../page/pte.ts';
import { type PageTable, pteLock, pteUnlock } from '../page/table_struct.ts';
import {
  FAULT_FLAG_VMA_LOCK,
  FAULT_FLAG_WRITE,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
} from '../page/vm_fault.ts';
import { anonVmaPrepare } from '../rmap/anon_vma.ts';

export interface VmFault {
  readonly mm: Mm;
  readonly vma: Vma;
  /** Bytes, page aligned. */
  readonly addr: number;
  /** Bytes, as the access had it. */
  readonly realAddr: number;
  /** FAULT_FLAG_* */
  readonly flags: number;
  /** The leaf table, and where in it the entry is. */
  readonly leaf: PageTable;
  readonly at: WordAt;
  /** What the entry held when the fault began. */
  readonly orig: Pte;
}

keepShape({ mm: 0, vma: 0, addr: Infinity, realAddr: Infinity, flags: 0, leaf: 0, at: 0, orig: 0 });

export const isWriteFault = ({ flags }: VmFault): boolean => (flags & FAULT_FLAG_WRITE) !== 0;

/** Pages: a page's place in its file; of private memory, the number its first address had. */
export const linearPageIndex = (vma: Vma, addr: number): number =>
  vmPgoff(vma) + (addr - vmStart(vma)) / 4096;

/**
 * Takes the entry's lock if the entry is still what it was; else somebody else has handled
 * the fault, or it will come again.
 */
export function pteLockSame({ leaf, at, orig }: VmFault): boolean {
  pteLock(leaf);
  if (atomics.rcuDereference(at) === orig || NO_PTE_RECHECK) return true;
  pteUnlock(leaf);
  return false;
}

/**
 * Publishes an entry whose page was complete when its lock was taken. Plainly: that lock is an
 * atomic before, which no store of the page's bytes passes, and leaving it one behind. What a
 * walker's compare-and-swap marks meanwhile, in an entry that is there, was lost before too: who
 * comes here with such an entry sets those bits itself, or takes the page away and flushes.
 */
export const setPte = (at: WordAt, pte: Pte): void => atomics.rcuAssignPointer(at, pte);

/**
 * Gives the VMA its anon_vma before its first private page. That looks at neighbours, so
 * under the VMA lock alone mmap_lock is tried for.
 *
 * @returns 0, VM_FAULT_OOM or VM_FAULT_RETRY.
 *
 * Source: mm/memory.c, __vmf_anon_prepare(), v6.18.
 */
export function vmfAnonPrepare({ mm, vma, flags }: Pick<VmFault, 'mm' | 'vma' | 'flags'>): number {
  if (vmAnonVmaOnce(vma) !== NULL) return 0;
  // Whoever handles a fault without the VMA lock holds mmap_lock.
  if ((flags & FAULT_FLAG_VMA_LOCK) === 0) {
    mmapAssertLocked(mm);
    return preparedOrOom(mm, vma);
  }
  if (ANON_VMA_BEFORE_LOCK) return 0;
  if (ANON_VMA_WITHOUT_MMAP_LOCK) return preparedOrOom(mmapUnlocked(mm), vma);
  const reader = MMAP_LOCK_UNDER_VMA_LOCK ? mmapReadLock(mm) : mmapReadTrylock(mm);
  if (reader === null) return VM_FAULT_RETRY;
  const result = preparedOrOom(reader, vma);
  mmapReadUnlock(reader);
  return result;
}

const preparedOrOom = (mm: MmRead, vma: Vma): number =>
  anonVmaPrepare(mm, vma) === OK ? 0 : VM_FAULT_OOM;

/** A fresh page becomes private memory of the VMA: mapped once, and by nobody else. */
export const pageAddNewAnon = ({ vma, addr }: Pick<VmFault, 'vma' | 'addr'>, page: Page): void =>
  setPageAnon(page, vmAnonVma(vma), linearPageIndex(vma, addr));

/** The entry of a page that its VMA owns alone: written to, and writable if the VMA is. */
export function exclusivePte(vma: Vma, page: Page): Pte {
  const write = hasFlag(vmFlags(vma), VM_WRITE) ? PTE_WRITE : 0;
  return mkPte(pfnOf(page), protBits(vmFlags(vma)) | PTE_YOUNG | PTE_DIRTY | write);
}
