/**
 * The VMA that a userfaultfd is to fill, under its own lock.
 *
 *   found under RCU, and nothing has to be made for it    mmap_lock is not taken
 *   a writer works on it, or it has no anon_vma yet       mmap_lock for read, for as long as it
 *                                                         takes to lock the VMA under it
 *   VMAs have no locks                                    mmap_lock for read, until all is done
 *
 * Source: mm/userfaultfd.c, uffd_lock_vma(), uffd_mfill_lock(), v6.18.
 */
import { EAGAIN, ENOENT, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import type { Mm, MmRead, Vma } from '../mm/held.ts';
import { mmapAssertLocked, mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { hasNoVmaLock } from '../mm/protocol.ts';
import { lockVmaUnderRcu, vmaLookup } from '../mm/vma_iterator.ts';
import { vmaEndRead, vmaStartReadLocked } from '../mm/vma_lock.ts';
import { hasFlag, VM_SHARED } from '../mm/vm_flags.ts';
import { vmAnonVma, vmFlags } from '../mm/vma_struct.ts';
import { anonVmaPrepare } from '../rmap/anon_vma.ts';

/**
 * @returns the VMA that contains `addr`, with an anon_vma if it is private; uffdUnlockVma() ends
 *   it. ENOENT for none, ENOMEM for no anon_vma, EAGAIN for more readers than a VMA can have.
 */
export function uffdLockVma(mm: Mm, addr: number): Vma | Errno {
  const vma = lockVmaUnderRcu(mm, addr);
  if (vma !== null) {
    if (hasFlag(vmFlags(vma), VM_SHARED) || vmAnonVma(vma) !== NULL) return vma;
    vmaEndRead(vma); // before mmap_lock: its writer may be waiting for us
  }
  const reader = mmapReadLock(mm);
  const locked = lockPrepared(reader, addr);
  if (isErr(locked) || !hasNoVmaLock()) mmapReadUnlock(reader);
  return locked;
}

export function uffdUnlockVma(mm: Mm, vma: Vma): void {
  if (!hasNoVmaLock()) return vmaEndRead(vma);
  mmapAssertLocked(mm);
  mmapReadUnlock(mm);
}

function lockPrepared(mm: MmRead, addr: number): Vma | Errno {
  const vma = vmaLookup(mm, addr);
  if (vma === NULL) return ENOENT;
  if (!hasFlag(vmFlags(vma), VM_SHARED) && anonVmaPrepare(mm, vma) !== OK) return ENOMEM;
  return hasNoVmaLock() ? vma : (vmaStartReadLocked(mm, vma) ?? EAGAIN);
}
