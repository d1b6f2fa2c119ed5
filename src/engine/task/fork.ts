/**
 * Copying an address space.
 *
 *   1. copy the parent's tree: it now names the parent's VMAs
 *   2. replace them one by one, from the left, by the child's own
 *
 *        child's tree:   A' B' C' | D  E       D and E are still the parent's
 *
 * A failure takes what is left of the line apart before the child's lock is
 * dropped, and forgets the rest: nobody ever finds a foreign VMA.
 *
 * Source: mm/mmap.c, dup_mmap(), kernel/fork.c, dup_mm(), v6.18 and 7.0 (failure).
 */
import { ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { word } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { getFile } from '../file/file_struct.ts';
import { vmaOpen } from '../file/vma_calls.ts';
import { mtDup } from '../maple/maple.ts';
import { chargeMemory, unchargeMemory, vmStatAccount } from '../mm/accounting.ts';
import type { Mm, MmWrite, Vma, VmaHidden } from '../mm/held.ts';
import {
  MMF_HAS_MDWE,
  MMF_HAS_MDWE_NO_INHERIT,
  MMF_INIT_MASK,
  MMF_UNSTABLE,
  mmFlags,
  mmLayout,
  mmMapCount,
  mmMt,
  mmPgdAt,
  mmTotalVm,
  setMmFlags,
  setMmLayout,
  setMmMapCount,
} from '../mm/mm_struct.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { mmAlloc, mmdrop, mmputTestZero } from '../mm/mm_refs.ts';
import { vmAreaDup, vmAreaFree } from '../mm/vma_alloc.ts';
import {
  vmaIterator,
  vmaIterClear,
  type VmaIterator,
  vmaIterReplace,
  vmaNext,
} from '../mm/vma_iterator.ts';
import { vmaMarkAttached, vmaStartWrite } from '../mm/vma_lock.ts';
import {
  commonFlags,
  hasFlag,
  VM_ACCOUNT,
  VM_DONTCOPY,
  VM_INIT_DEF_MASK,
  VM_LOCKED_MASK,
  VM_UFFD_FLAGS,
  VM_WIPEONFORK,
  vmFlagsFromNumber,
  withFlags,
  withoutFlags,
} from '../mm/vm_flags.ts';
import {
  setVmAnonVma,
  setVmFile,
  setVmFlags,
  setVmMm,
  setVmUserfaultfdCtx,
  vmaPages,
  vmEnd,
  vmFile,
  vmFlags,
  vmStart,
} from '../mm/vma_struct.ts';
import { copyPageRange } from '../page/copy_pages.ts';
import { flushTlbMm } from '../page/tlb_flush.ts';
import { anonVmaFork } from '../rmap/anon_vma.ts';
import { unmapCopied } from '../vma/unmap_desc.ts';
import { vmaLinkFileAfter } from '../vma/prepare.ts';
import {
  userfaultfdDeliver,
  userfaultfdForget,
  userfaultfdForkPrep,
} from '../vma/userfaultfd_events.ts';
import { emptyMm } from './exit.ts';

/** @returns a copy of the address space with one user, or ENOMEM with nothing left behind. */
export function dupMm(parentMm: Mm): Mm | Errno {
  const childMm = mmAlloc();
  if (childMm === NULL) return ENOMEM;
  const parent = mmapWriteLock(parentMm);
  const child = mmapWriteLock(childMm);
  copyHeader(parent, child);
  const result = dupMmap(parent, child);
  // What both have may not be written by either, now; a fork that failed has shared some too.
  if (word(mmPgdAt(parent)) !== NULL) flushTlbMm(parent);
  setMmLayout(child, { hiwaterVm: mmTotalVm(child) });
  mmapWriteUnlock(child);
  mmapWriteUnlock(parent);
  if (!isErr(result)) {
    userfaultfdDeliver();
    return childMm;
  }
  userfaultfdForget();
  mmputTestZero(childMm);
  mmdrop(childMm);
  return result;
}

/** Layout and totals are the parent's; locks are not inherited. */
function copyHeader(parent: MmWrite, child: MmWrite): void {
  const layout = mmLayout(parent);
  const defFlags = commonFlags(vmFlagsFromNumber(layout.defFlags), VM_INIT_DEF_MASK);
  setMmLayout(child, { ...layout, lockedVm: 0, defFlags });
  setMmFlags(child, inheritedFlags(mmFlags(parent)));
}

/** What a fork and an exec keep of MMF_*. */
export function inheritedFlags(flags: number): number {
  const kept = flags & MMF_INIT_MASK;
  if ((flags & MMF_HAS_MDWE_NO_INHERIT) === 0) return kept;
  return kept & ~(MMF_HAS_MDWE | MMF_HAS_MDWE_NO_INHERIT);
}

function dupMmap(parent: MmWrite, child: MmWrite): 0 | Errno {
  if (mtDup(mmMt(child), mmMt(parent)) !== OK) return ENOMEM;
  // The child's tree, which still names the parent's VMAs.
  const vmi = vmaIterator(child, 0);
  for (let vma = vmaNext(vmi); vma !== NULL; vma = vmaNext(vmi)) {
    vmaStartWrite(parent, vma);
    if (hasFlag(vmFlags(vma), VM_DONTCOPY)) {
      if (isErr(leaveOut(child, vma))) return recover(child, vmStart(vma));
      continue;
    }
    const copy = dupVma(parent, vmi, vma);
    if (isErr(copy)) return recover(child, vmStart(vma));
    if (isErr(dupPages(copy, vma))) return recover(child, vmEnd(vma));
  }
  return OK;
}

/** Memory that is wiped has no pages to share. */
const dupPages = (copy: Vma, vma: Vma): 0 | Errno =>
  hasFlag(vmFlags(vma), VM_WIPEONFORK) ? OK : copyPageRange(copy, vma);

function leaveOut(child: MmWrite, vma: Vma): 0 | Errno {
  vmStatAccount(child, vmFlags(vma), -vmaPages(vma));
  return vmaIterClear(vmaIterator(child, vmStart(vma)), vmStart(vma), vmEnd(vma));
}

/** Before the child's lock is dropped: what is the child's goes, the rest is forgotten. */
function recover(child: MmWrite, failedAt: number): Errno {
  emptyMm(unmapCopied(child, failedAt));
  setMmFlags(child, mmFlags(child) | MMF_UNSTABLE);
  return ENOMEM;
}

/** Replaces the VMA that `vmi` stands on, in the child's tree, by a copy. */
function dupVma(parent: MmWrite, vmi: VmaIterator<MmWrite>, vma: Vma): Vma | Errno {
  const child = vmi.mm;
  const charged = hasFlag(vmFlags(vma), VM_ACCOUNT) ? vmaPages(vma) : 0;
  if (charged > 0 && chargeMemory(parent, charged) !== OK) return ENOMEM;
  const copy = vmAreaDup(vma);
  if (copy === NULL || isErr(fillCopy(child, copy, vma))) {
    unchargeMemory(charged);
    return ENOMEM;
  }

  // Nothing below can fail: the range is replaced as it is.
  vmaStartWrite(child, copy);
  vmaMarkAttached(copy);
  vmaIterReplace(vmi, copy);
  setMmMapCount(child, mmMapCount(child) + 1);
  vmaLinkFileAfter(copy, vma);
  vmaOpen(copy);
  return copy;
}

const UNWATCHED = withFlags(VM_LOCKED_MASK, VM_UFFD_FLAGS);

function fillCopy(child: MmWrite, copy: VmaHidden, vma: Vma): 0 | Errno {
  const ctx = userfaultfdForkPrep(child, vma);
  if (isErr(ctx)) {
    vmAreaFree(copy);
    return ENOMEM;
  }
  setVmMm(copy, child);
  setVmUserfaultfdCtx(copy, ctx);
  setVmFlags(copy, withoutFlags(vmFlags(vma), ctx === NULL ? UNWATCHED : VM_LOCKED_MASK));
  if (hasFlag(vmFlags(vma), VM_WIPEONFORK)) setVmAnonVma(copy, NULL);
  else if (isErr(anonVmaFork(copy, vma))) {
    setVmAnonVma(copy, NULL);
    vmAreaFree(copy);
    return ENOMEM;
  }
  const file = vmFile(copy);
  if (file !== NULL) setVmFile(copy, getFile(file));
  return OK;
}
