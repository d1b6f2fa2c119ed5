/** mincore(2): which pages are in memory. */
import { EFAULT, EINVAL, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { rcuDereference } from '#atomics';
import { NULL } from '../arena/ref.ts';
import { isPageAligned, PAGE_SIZE, pageUp, TASK_SIZE, ugt, type Ulong } from '../arena/units.ts';
import { fileInode } from '../file/file_struct.ts';
import { I_OWNED, inodeHas } from '../file/inode.ts';
import { findGetPage } from '../file/page_cache.ts';
import { SPECIAL_MAPPING_VM_OPS } from '../file/vm_ops.ts';
import type { Vma } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { CAP_FOWNER, capable } from '../mm/task_struct.ts';
import { vmFile, vmMm, vmOps, vmPgoff, vmStart } from '../mm/vma_struct.ts';
import { putPage } from '../page/page_alloc.ts';
import { isPtePresent } from '../page/pte.ts';
import { ptePtr } from '../page/table_struct.ts';
import type { ByteRange } from '../vma/vma_merge.ts';
import { rangeContainsUnmapped, visitVmas } from '../vma/vma_range.ts';
import { enterSyscall } from './entry.ts';

export interface MincoreArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
  /** One byte a page is written; without it only the checks are made. */
  readonly vec?: Uint8Array | undefined;
}

/**
 * @returns EINVAL for an unaligned address; EFAULT for a vector that is too short; ENOMEM for a
 *   hole, after the pages before it, or for a range outside the address space.
 *
 * Source: mm/mincore.c, v6.18.
 */
export function sysMincore({ addr, len, vec }: MincoreArgs): 0 | Errno {
  const mm = enterSyscall();
  if (!isPageAligned(addr)) return EINVAL;
  if (ugt(addr, TASK_SIZE) || ugt(len, TASK_SIZE - addr)) return ENOMEM;
  const range = { start: addr, end: addr + pageUp(len) };
  if (vec !== undefined && vec.length < (range.end - range.start) / PAGE_SIZE) return EFAULT;

  const reader = mmapReadLock(mm);
  let result: 0 | Errno = OK;
  if (vec === undefined) result = rangeContainsUnmapped(reader, range) ? ENOMEM : OK;
  else {
    result = visitVmas(reader, { range, holes: 'stop' }, (vma, part) => {
      look(vma, part, vec.subarray((part.start - addr) / PAGE_SIZE));
      return OK;
    });
  }
  mmapReadUnlock(reader);
  return isErr(result) ? result : OK;
}

function look(vma: Vma, { start, end }: ByteRange, vec: Uint8Array): void {
  if (!canDoMincore(vma)) return void vec.fill(1, 0, (end - start) / PAGE_SIZE);
  for (let at = start, i = 0; at < end; at += PAGE_SIZE, i++) {
    vec[i] = isMapped(vma, at) || isCached(vma, at) ? 1 : 0;
  }
}

/** What others use of somebody's file is not to be seen from how long it takes to read it. */
function canDoMincore(vma: Vma): boolean {
  const file = vmFile(vma);
  if (file === NULL || !inodeHas(fileInode(file), I_OWNED)) return true;
  return capable(CAP_FOWNER);
}

function isMapped(vma: Vma, addr: number): boolean {
  const at = ptePtr(vmMm(vma), addr);
  return at !== NULL && isPtePresent(rcuDereference(at));
}

/** A page that no entry maps may be in its file's cache; what is special always counts. */
function isCached(vma: Vma, addr: number): boolean {
  if (vmOps(vma) === SPECIAL_MAPPING_VM_OPS) return true;
  const file = vmFile(vma);
  if (file === NULL) return false;
  const index = vmPgoff(vma) + (addr - vmStart(vma)) / PAGE_SIZE;
  const page = findGetPage(fileInode(file), index);
  if (page === NULL) return false;
  putPage(page);
  return true;
}
