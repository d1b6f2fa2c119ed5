/**
 * Copying an address space.
 *
 *   1. copy the parent's tree: it now names the parent's VMAs
 *   2. replace them one by one, from the left, by the child's own
 *
 *        child's tree:   A' B' C' | D  E       D and E are still the parent's
 *
 * After a failure between them, what is left of the line must go and what is right of it must be
 * forgotten. By `forkRecovery` that is done before the child's lock is dropped, or by exit.
 *
 * Source: mm/mmap.c, dup_mmap(), kernel/fork.c, dup_mm(), v6.18 and 7.0 (failure).
 */
import { NO_MARK_FORK } from '#mutants';
import { assert } from '../arena/assert.ts';
import { EINTR, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { getFile } from '../file/file_struct.ts';
import { vmaOpen } from '../file/vma_calls.ts';
import { mtDup } from '../maple/maple.ts';
import { chargeMemory, unchargeMemory, vmStatAccount } from '../mm/accounting.ts';
import type { Mm, MmWrite, Vma, VmaHidden } from '../mm/held.ts';
import {
  MMF_HAS_MDWE,
  MMF_HAS_MDWE_NO_INHERIT,
  MMF_INIT_MASK,
  MMF_OOM_SKIP,
  MMF_UNSTABLE,
  mmFlags,
  mmLayout,
  mmMapCount,
  mmMt,
  mmPgdAt,
  mmTotalVm,
  setMmFlag,
  setMmFlags,
  setMmLayout,
  setMmMapCount,
} from '../mm/mm_struct.ts';
import { mmapWriteLockKillable, mmapWriteLockNested, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { mmAlloc, mmput } from '../mm/mm_refs.ts';
import { protocolMarksFailedFork } from '../mm/protocol.ts';
import { fatalSignalPending } from '../mm/task_struct.ts';
import { vmAreaDup, vmAreaFree } from '../mm/vma_alloc.ts';
import {
  vmaIterator,
  vmaIterClear,
  type VmaIterator,
  vmaIterMark,
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
import { anonVmaFork, unlinkAnonVmas } from '../rmap/anon_vma.ts';
import { vmaLinkFileAfter, vmaPutFile } from '../vma/prepare.ts';
import { TREE_MAX, unmapCopied } from '../vma/unmap_desc.ts';
import { unmapRegion } from '../vma/unmap_region.ts';
import {
  userfaultfdDeliver,
  userfaultfdForget,
  userfaultfdForkPrep,
} from '../vma/userfaultfd_events.ts';
import { destroyTree, firstVma, iteratorBehind, tearDownVmas } from './exit.ts';
import { type ForkFailure, type ForkStep, takeForkFailure } from './fork_failure.ts';

/**
 * @returns a copy of the address space with one user; ENOMEM, or EINTR for a task that is dying,
 *   with nothing left behind but that the parent's pages may have become write-protected.
 */
export function dupMm(parentMm: Mm): Mm | Errno {
  const childMm = mmAlloc();
  if (childMm === NULL) return ENOMEM;
  const result = dupLocked(parentMm, childMm);
  if (!isErr(result)) {
    userfaultfdDeliver();
    return childMm;
  }
  userfaultfdForget();
  mmput(childMm);
  return result;
}

function dupLocked(parentMm: Mm, childMm: Mm): 0 | Errno {
  const failure = takeForkFailure();
  if (failure?.step === 'lock' || fatalSignalPending()) return EINTR;
  const parent = mmapWriteLockKillable(parentMm);
  if (parent === null) return EINTR;
  const child = mmapWriteLockNested(childMm);
  copyHeader(parent, child);
  const result = dupMmap({ parent, child, vmi: vmaIterator(child, 0), failure });
  // What both have may not be written by either, now; a fork that failed has shared some too.
  if (word(mmPgdAt(parent)) !== NULL) flushTlbMm(parent);
  setMmLayout(child, { hiwaterVm: mmTotalVm(child) });
  mmapWriteUnlock(child);
  mmapWriteUnlock(parent);
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

/** A fork of one address space. */
interface Fork {
  // Given by the caller.
  readonly parent: MmWrite;
  readonly child: MmWrite;
  /** Of the child's tree, which at first names the parent's VMAs. */
  readonly vmi: VmaIterator<MmWrite>;
  readonly failure: ForkFailure | null;
}

function dupMmap(fork: Fork): 0 | Errno {
  const { parent, child, vmi } = fork;
  if (fails(fork, 'tree') || mtDup(mmMt(child), mmMt(parent)) !== OK) return ENOMEM;
  for (let vma = vmaNext(vmi); vma !== NULL; vma = vmaNext(vmi)) {
    if (!NO_MARK_FORK) vmaStartWrite(parent, vma);
    if (hasFlag(vmFlags(vma), VM_DONTCOPY)) {
      if (isErr(leaveOut(fork, vma))) return recover(child, vma, ENOMEM);
      continue;
    }
    if (fails(fork, 'signal') || fatalSignalPending()) return recover(child, vma, EINTR);
    const copy = dupVma(fork, vma);
    if (isErr(copy)) return recover(child, vma, ENOMEM);
    // From here on it is the child's, and so what is next is the first that is not.
    if (isErr(dupPages(fork, copy, vma))) return recover(child, vmaNext(vmi), ENOMEM);
  }
  return fails(fork, 'finish') ? recover(child, NULL, ENOMEM) : OK;
}

function fails({ failure }: Fork, step: ForkStep): boolean {
  if (failure === null || failure.step !== step) return false;
  return failure.after-- === 0;
}

function leaveOut(fork: Fork, vma: Vma): 0 | Errno {
  const { child } = fork;
  if (fails(fork, 'dontcopy')) return ENOMEM;
  const cleared = vmaIterClear(vmaIterator(child, vmStart(vma)), vmStart(vma), vmEnd(vma));
  if (!isErr(cleared)) vmStatAccount(child, vmFlags(vma), -vmaPages(vma));
  return cleared;
}

/** Memory that is wiped has no pages to share. */
function dupPages(fork: Fork, copy: Vma, vma: Vma): 0 | Errno {
  if (fails(fork, 'open')) return ENOMEM;
  if (hasFlag(vmFlags(vma), VM_WIPEONFORK)) return OK;
  const result = copyPageRange(copy, vma);
  return fails(fork, 'pages') ? ENOMEM : result;
}

/** Replaces the VMA that the iterator stands on, in the child's tree, by a copy. */
function dupVma(fork: Fork, vma: Vma): Vma | Errno {
  const { parent, child, vmi } = fork;
  const charged = hasFlag(vmFlags(vma), VM_ACCOUNT) ? vmaPages(vma) : 0;
  if (fails(fork, 'charge')) return ENOMEM;
  if (charged > 0 && chargeMemory(parent, charged) !== OK) return ENOMEM;
  const copy = fails(fork, 'vma') ? NULL : vmAreaDup(vma);
  if (copy === NULL || isErr(fillCopy(fork, copy, vma))) {
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

/** @returns ENOMEM; then the copy is gone. */
function fillCopy(fork: Fork, copy: VmaHidden, vma: Vma): 0 | Errno {
  setVmMm(copy, fork.child);
  setVmFile(copy, NULL);
  setVmAnonVma(copy, NULL);
  const refused = fillFrom(fork, copy, vma);
  if (!isErr(refused)) return OK;
  unlinkAnonVmas(copy);
  vmaPutFile(copy);
  vmAreaFree(copy);
  return ENOMEM;
}

function fillFrom(fork: Fork, copy: VmaHidden, vma: Vma): 0 | Errno {
  if (fails(fork, 'policy')) return ENOMEM; // a number here, and so copied already
  const ctx = fails(fork, 'uffd') ? ENOMEM : userfaultfdForkPrep(fork.child, vma);
  if (isErr(ctx)) return ctx;
  setVmUserfaultfdCtx(copy, ctx);
  setVmFlags(copy, withoutFlags(vmFlags(vma), ctx === NULL ? UNWATCHED : VM_LOCKED_MASK));
  if (!hasFlag(vmFlags(vma), VM_WIPEONFORK) && isErr(anonVmaFork(copy, vma))) return ENOMEM;
  if (fails(fork, 'anon_vma')) return ENOMEM;
  const file = vmFile(vma);
  if (file !== NULL) setVmFile(copy, getFile(file));
  return fails(fork, 'file') || fails(fork, 'store') ? ENOMEM : OK;
}

/** A fork has failed, and `from` is the first VMA in the child's tree that is not the child's. */
function recover(child: MmWrite, from: Vma | Null, errno: Errno): Errno {
  if (protocolMarksFailedFork()) markEnd(child, from);
  else emptyChild(child, from);
  setMmFlag(child, MMF_UNSTABLE);
  return errno;
}

/**
 * Linux 6.18: exit will find where to stop. Between the child's lock and exit, everybody else who
 * walks this tree finds the mark, and behind it VMAs of the parent.
 */
function markEnd(child: MmWrite, from: Vma | Null): void {
  if (from === NULL) return;
  const vmi = vmaIterator(child, vmStart(from));
  vmaNext(vmi);
  vmaIterMark(vmi);
  setMmFlag(child, MMF_OOM_SKIP);
}

/**
 * Linux 7.0: what is the child's goes before its lock does, and the rest is forgotten with the
 * tree, without a store: whoever comes finds an address space without VMAs.
 */
function emptyChild(child: MmWrite, from: Vma | Null): void {
  setMmFlag(child, MMF_OOM_SKIP);
  if (mmMapCount(child) > 0) {
    const end = from === NULL ? TREE_MAX : vmStart(from);
    const first = firstVma(child);
    assert(first !== NULL, 'a VMA that is counted is in the tree');
    unmapRegion(unmapCopied(iteratorBehind(child, first), first, end));
    unchargeMemory(tearDownVmas(iteratorBehind(child, first), first, end));
  }
  destroyTree(child);
}
