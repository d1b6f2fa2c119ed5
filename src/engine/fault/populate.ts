/**
 * Faulting memory in ahead of its use: MAP_POPULATE, MAP_LOCKED, mlock and the
 * populating advice.
 *
 * Source: mm/gup.c, __mm_populate(), populate_vma_page_range(), v6.18.
 */
import * as atomics from '#atomics';
import { EFAULT, EINTR, ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import { SECRETMEM_VM_OPS } from '../file/vm_ops.ts';
import type { Mm, MmRead, Vma } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { vmaFind, vmaIterator } from '../mm/vma_iterator.ts';
import {
  hasFlag,
  VM_ACCESS_FLAGS,
  VM_IO,
  VM_LOCKONFAULT,
  VM_PFNMAP,
  VM_SHARED,
  VM_WRITE,
  withFlags,
} from '../mm/vm_flags.ts';
import { vmEnd, vmFlags, vmOps, vmStart } from '../mm/vma_struct.ts';
import { PTE_PRESENT, PTE_WRITE } from '../page/pte.ts';
import { entryAt, leafEnd, leafTable, pteIndex } from '../page/table_struct.ts';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_FAULT_OOM,
  VM_FAULT_RETRY,
} from '../page/vm_fault.ts';
import type { ByteRange } from '../vma/vma_merge.ts';
import { handleMmFault } from './handle_mm_fault.ts';
import { awaitUserfault } from './userfault.ts';

/** A userfaultfd must answer first: the caller drops its locks, waits, and begins again. */
export const MUST_WAIT: Errno = EINTR;

/** @returns EFAULT at the first page that cannot be had, ENOMEM without memory. */
export function mmPopulate(mm: Mm, range: ByteRange): 0 | Errno {
  // Ends: each round means that somebody has answered for one more page.
  for (;;) {
    const reader = mmapReadLock(mm);
    const result = populateAll(reader, range, (error) => error);
    mmapReadUnlock(reader);
    if (result !== MUST_WAIT) return result;
    awaitUserfault();
  }
}

/** mmap and mlockall do not care whether all of it could be had: what can be, VMA by VMA. */
export function mmPopulateIgnoringErrors(mm: Mm, range: ByteRange): void {
  for (;;) {
    const reader = mmapReadLock(mm);
    const result = populateAll(reader, range, (error) => (error === MUST_WAIT ? error : OK));
    mmapReadUnlock(reader);
    if (result !== MUST_WAIT) return;
    awaitUserfault();
  }
}

/** @returns the first error of a VMA that is not forgiven. */
function populateAll(
  mm: MmRead,
  range: ByteRange,
  forgive: (error: 0 | Errno) => 0 | Errno,
): 0 | Errno {
  const vmi = vmaIterator(mm, range.start);
  const whole = { start: range.start, end: range.end, waits: true };
  for (let vma = vmaFind(vmi, range.end); vma !== NULL; vma = vmaFind(vmi, range.end)) {
    const result = forgive(populateVma(mm, vma, whole));
    if (result !== OK) return result;
  }
  return OK;
}

const UNPOPULATED = withFlags(VM_IO, VM_PFNMAP);

/** Whether the caller can drop its locks to wait. */
export interface PopulateRange extends ByteRange {
  readonly waits: boolean;
}

/** Faults in the VMA's part of the range. @returns as mmPopulate(), or MUST_WAIT. */
export function populateVma(mm: MmRead, vma: Vma, range: PopulateRange): 0 | Errno {
  const flags = vmFlags(vma);
  if (hasFlag(flags, UNPOPULATED) || hasFlag(flags, VM_LOCKONFAULT)) return OK;
  if (!hasFlag(flags, VM_ACCESS_FLAGS) || vmOps(vma) === SECRETMEM_VM_OPS) return EFAULT;

  // Private writable memory is written at once, so that no copy is due later.
  const breaksCow = hasFlag(flags, VM_WRITE) && !hasFlag(flags, VM_SHARED);
  return faultinPages(mm, vma, {
    start: Math.max(range.start, vmStart(vma)),
    end: Math.min(range.end, vmEnd(vma)),
    access: breaksCow ? 'write' : 'read',
    waits: range.waits,
  });
}

export interface PagesToFault extends PopulateRange {
  readonly access: 'read' | 'write';
}

/**
 * Makes every page of the range present, inside one VMA; not counted as the program's faults.
 *
 * @returns EFAULT at the first page that cannot be had, ENOMEM without memory, MUST_WAIT.
 *
 * Source: mm/gup.c, faultin_page(), __get_user_pages(), v6.18.
 */
export function faultinPages(
  mm: MmRead,
  vma: Vma,
  { start, end, access, waits }: PagesToFault,
): 0 | Errno {
  const needs = PTE_PRESENT | (access === 'write' ? PTE_WRITE : 0);
  const flags = (access === 'write' ? FAULT_FLAG_WRITE : 0) | (waits ? FAULT_FLAG_ALLOW_RETRY : 0);
  const lacking = { end, needs };
  // The same page comes again only when one fault prepares the next, or somebody was faster.
  for (let at = firstLacking(mm, start, lacking); at < end; at = firstLacking(mm, at, lacking)) {
    const result = handleMmFault(vma, at, flags);
    if ((result & VM_FAULT_RETRY) !== 0) return MUST_WAIT;
    if ((result & VM_FAULT_OOM) !== 0) return ENOMEM;
    if ((result & VM_FAULT_ERROR) !== 0) return EFAULT;
  }
  return OK;
}

/** @returns the first page from `at` on whose entry lacks one of the bits, or `end`. */
function firstLacking(
  mm: MmRead,
  at: number,
  { end, needs }: { end: number; needs: number },
): number {
  let page = at;
  while (page < end) {
    const leaf = leafTable(mm, page);
    if (leaf === NULL) return page;
    const limit = leafEnd(page, end);
    for (let entry = entryAt(leaf, pteIndex(page)); page < limit; entry++, page += PAGE_SIZE) {
      if ((atomics.rcuDereference(entry) & needs) !== needs) return page;
    }
  }
  return end;
}
