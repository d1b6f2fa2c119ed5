/** remap_file_pages(2), which since Linux 4.0 maps real VMAs. */
import { EINTR, EINVAL, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { PAGE_SIZE, pageDown, type Ulong, ult, ugt } from '../arena/units.ts';
import { mmPopulateIgnoringErrors } from '../fault/populate.ts';
import { fput, getFile } from '../file/file_struct.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import { mmDefFlags } from '../mm/mm_struct.ts';
import { mmapWriteLockKillable, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { findVma, vmaLookup } from '../mm/vma_iterator.ts';
import { hasFlag, VM_EXEC, VM_LOCKED, VM_READ, VM_SHARED, VM_WRITE } from '../mm/vm_flags.ts';
import { type File, vmEnd, vmFile, vmFlags, vmStart } from '../mm/vma_struct.ts';
import {
  MAP_FIXED,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_POPULATE,
  MAP_SHARED,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../vma/map_flags.ts';
import { userfaultfdForget } from '../vma/userfaultfd_events.ts';
import { enterSyscall } from './entry.ts';
import { mmapFileLocked } from './mmap.ts';

export interface RemapFilePagesArgs {
  readonly addr: Ulong;
  readonly size: Ulong;
  /** Must be 0. */
  readonly prot: Ulong;
  /** Pages. */
  readonly pgoff: Ulong;
  /** MAP_NONBLOCK or nothing. */
  readonly flags: number;
}

/**
 * Lets [addr, addr + size) of a shared file mapping show the file from `pgoff`.
 *
 * @returns EINVAL for a protection, a range that wraps or is not one shared file's
 *   without holes; or mmap()'s error.
 *
 * Source: mm/mmap.c, remap_file_pages(), v6.18.
 */
export function sysRemapFilePages(args: RemapFilePagesArgs): 0 | Errno {
  const mm = enterSyscall();
  const start = pageDown(args.addr);
  const size = pageDown(args.size);
  if (args.prot !== 0 || !ugt(start + size, start)) return EINVAL;
  if (ult(args.pgoff + size / PAGE_SIZE, args.pgoff)) return EINVAL;

  const locked = mmapWriteLockKillable(mm);
  if (locked === null) return EINTR;
  const vma = start < 0 ? NULL : vmaLookup(locked, start);
  const file = vma === NULL ? NULL : sharedFile(locked, vma, start + size);
  if (vma === NULL || file === NULL) {
    mmapWriteUnlock(locked);
    return EINVAL;
  }
  const flags = mapFlags(vma, args.flags);
  const prot = protOf(vma);
  getFile(file);
  const result = mmapFileLocked(locked, file, { start, size, prot, flags, pgoff: args.pgoff });
  const isLocked = (flags & MAP_LOCKED) !== 0 || hasFlag(mmDefFlags(locked), VM_LOCKED);
  mmapWriteUnlock(locked);
  fput(file);
  userfaultfdForget(); // Linux does not tell of this one
  if (!isErr(result) && (isLocked || (flags & MAP_NONBLOCK) === 0)) {
    mmPopulateIgnoringErrors(mm, { start, end: start + size });
  }
  return isErr(result) ? result : OK;
}

/** @returns the one file that is mapped shared, with the same flags, all the way to `end`. */
function sharedFile(mm: MmRead, first: Vma, end: number): File | Null {
  if (!hasFlag(vmFlags(first), VM_SHARED)) return NULL;
  for (let at = vmEnd(first); at < end;) {
    const next = findVma(mm, at);
    if (next === NULL || vmStart(next) !== at) return NULL;
    if (vmFile(next) !== vmFile(first) || vmFlags(next) !== vmFlags(first)) return NULL;
    at = vmEnd(next);
  }
  return vmFile(first);
}

function mapFlags(vma: Vma, flags: number): number {
  const locked = hasFlag(vmFlags(vma), VM_LOCKED) ? MAP_LOCKED : 0;
  return MAP_SHARED | MAP_FIXED | MAP_POPULATE | locked | (flags & MAP_NONBLOCK);
}

const protOf = (vma: Vma): number =>
  (hasFlag(vmFlags(vma), VM_READ) ? PROT_READ : 0) |
  (hasFlag(vmFlags(vma), VM_WRITE) ? PROT_WRITE : 0) |
  (hasFlag(vmFlags(vma), VM_EXEC) ? PROT_EXEC : 0);
