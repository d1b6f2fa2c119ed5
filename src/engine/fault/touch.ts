/**
 * What a load or a store does to the VMAs: grows a stack, and gives private
 * memory its anon_vma with the first write. Page tables come on top of this; a
 * touch says what the access would have met, not what it would have read.
 *
 * Source: arch/x86/mm/fault.c, mm/memory.c, mm/filemap.c (end of file), v6.18.
 */
import { isErr } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { PAGE_SIZE, pageDown, TASK_SIZE } from '../arena/units.ts';
import { fileInode } from '../file/file_struct.ts';
import { inodeSize } from '../file/inode.ts';
import { SPECIAL_MAPPING_VM_OPS } from '../file/vm_ops.ts';
import type { Mm, MmRead, Vma } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock, mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { findVma, vmaLookup } from '../mm/vma_iterator.ts';
import {
  hasFlag,
  VM_ACCESS_FLAGS,
  VM_GROWSDOWN,
  VM_MAYBE_GUARD,
  VM_MAYSHARE,
  VM_WRITE,
} from '../mm/vm_flags.ts';
import { vmaIsAnonymous, vmFile, vmFlags, vmOps, vmPgoff, vmStart } from '../mm/vma_struct.ts';
import { anonVmaPrepare } from '../rmap/anon_vma.ts';
import { expandDownwards } from '../vma/expand.ts';
import { isGuardPage } from '../vma/guards.ts';

export type Access = 'read' | 'write';

/** What an access met: the signal and si_code that a program would get. */
export type Touch = 'done' | 'SEGV_MAPERR' | 'SEGV_ACCERR' | 'BUS_ADRERR' | 'oom';

/** Touches the page that contains `addr`, as the running task. */
export function touchPage(mm: Mm, addr: number, access: Access): Touch {
  if (addr < 0 || addr >= TASK_SIZE) return 'SEGV_MAPERR';
  const reader = mmapReadLock(mm);
  const vma = vmaLookup(reader, addr);
  if (vma !== NULL) {
    const touch = touchVma(reader, vma, { addr, access });
    mmapReadUnlock(reader);
    return touch;
  }
  mmapReadUnlock(reader);
  return touchStack(mm, addr, access);
}

/** An address below a VMA that grows down makes it grow; that takes the write lock. */
function touchStack(mm: Mm, addr: number, access: Access): Touch {
  const writer = mmapWriteLock(mm);
  const vma = growTo(writer, addr);
  const touch = vma === NULL ? 'SEGV_MAPERR' : touchVma(writer, vma, { addr, access });
  mmapWriteUnlock(writer);
  return touch;
}

function growTo(mm: ReturnType<typeof mmapWriteLock>, addr: number): Vma | Null {
  const above = findVma(mm, addr);
  if (above === NULL || vmStart(above) <= addr) return above;
  if (!hasFlag(vmFlags(above), VM_GROWSDOWN)) return NULL;
  return isErr(expandDownwards(mm, above, pageDown(addr))) ? NULL : above;
}

/** The access check of x86 without protection keys, and what a first write prepares. */
export function touchVma(
  mm: MmRead,
  vma: Vma,
  { addr, access }: { addr: number; access: Access },
): Touch {
  const flags = vmFlags(vma);
  const isAllowed = hasFlag(flags, access === 'write' ? VM_WRITE : VM_ACCESS_FLAGS);
  if (!isAllowed) return 'SEGV_ACCERR';
  if (hasFlag(flags, VM_MAYBE_GUARD) && isGuardPage(mm, addr)) return 'SEGV_MAPERR';
  if (isBeyondEof(vma, addr)) return 'BUS_ADRERR';
  if (access === 'read' || hasFlag(flags, VM_MAYSHARE)) return 'done';
  return anonVmaPrepare(mm, vma) === 0 ? 'done' : 'oom';
}

/** A page wholly behind the end of its file. */
export function isBeyondEof(vma: Vma, addr: number): boolean {
  const file = vmFile(vma);
  if (file === NULL || vmaIsAnonymous(vma) || vmOps(vma) === SPECIAL_MAPPING_VM_OPS) return false;
  const offset = vmPgoff(vma) * PAGE_SIZE + (pageDown(addr) - vmStart(vma));
  return offset >= Math.ceil(inodeSize(fileInode(file)) / PAGE_SIZE) * PAGE_SIZE;
}
