/**
 * Unmapping in two parts, so that a replacement is one store and no reader finds
 * a hole that never was.
 *
 *   gather     split at both ends; write-lock, list and detach what is inside
 *     ├─ abort    give everything back; only the splits stay
 *   (one store: NULL for munmap, the new VMA for MAP_FIXED)
 *   complete   account, close, free
 *
 * The main tree keeps the gathered VMAs until the store. They are detached and
 * write-locked, so a reader who finds one waits for mmap_lock.
 *
 * Source: mm/vma.c, vms_gather_munmap_vmas() and on, v6.18.
 */
import { LATE_CLOSE, NO_MARK_MUNMAP, NO_REATTACH } from '#mutants';
import { ENOMEM, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import { vmaClose } from '../file/vma_calls.ts';
import {
  addLockedVm,
  isDataMapping,
  isExecMapping,
  isStackMapping,
  unchargeMemory,
} from '../mm/accounting.ts';
import type { MmWrite, Vma, VmaWrite } from '../mm/held.ts';
import {
  mmDataVm,
  mmExecVm,
  mmMapCount,
  mmStackVm,
  mmTotalVm,
  setMmDataVm,
  setMmExecVm,
  setMmMapCount,
  setMmStackVm,
  setMmTotalVm,
} from '../mm/mm_struct.ts';
import { mmapReadUnlock, mmapWriteDowngrade, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { sysctlMaxMapCount } from '../mm/sysctl.ts';
import { vmAreaFree, vmAreaFreeUnreachable } from '../mm/vma_alloc.ts';
import { findVmaIntersection, vmaFind, vmaIterator, vmaIterClear } from '../mm/vma_iterator.ts';
import { vmaMarkDetached, vmaReattach, vmaStartWrite, vmaUnmarked } from '../mm/vma_lock.ts';
import { hasFlag, VM_ACCOUNT, VM_LOCKED, VM_SEALED } from '../mm/vm_flags.ts';
import { vmaPages, vmEnd, vmFlags, vmStart } from '../mm/vma_struct.ts';
import { noteChange, REATTACHED } from '../trace/changes.ts';
import { LIMIT_MAP_COUNT, noteLimit } from '../trace/verdict.ts';
import { vmsClearPtes } from './clear_ptes.ts';
import { vmaPutFile } from './prepare.ts';
import { splitVmaUnchecked } from './split.ts';
import { userfaultfdUnmapPrep } from './userfaultfd_events.ts';
import type { ByteRange } from './vma_merge.ts';

/**
 * Describes an unmapping. Source: mm/vma.h, struct vma_munmap_struct, v6.18.
 */
export interface VmaMunmap {
  // Given by the caller.
  readonly mm: MmWrite;
  /** Bytes, page aligned, inclusive. */
  readonly start: number;
  /** Bytes, page aligned, exclusive. */
  readonly end: number;

  // Found by gather.
  /** What is being unmapped, in address order: the side list. Only this operation sees it. */
  readonly gathered: VmaWrite[];
  nrPages: number;
  lockedVm: number;
  nrAccounted: number;
  execVm: number;
  stackVm: number;
  dataVm: number;

  // Internal.
  /** The old VMAs gave up what they held: the point of no return. */
  isCleanedUp: boolean;
}

keepShape({
  mm: 0,
  start: Infinity,
  end: Infinity,
  gathered: [],
  nrPages: Infinity,
  lockedVm: Infinity,
  nrAccounted: Infinity,
  execVm: Infinity,
  stackVm: Infinity,
  dataVm: Infinity,
  isCleanedUp: false,
});

/** An unmapping of [start, end) of which nothing is done yet. */
export function vmaMunmap(mm: MmWrite, start: number, end: number): VmaMunmap {
  return {
    mm,
    start,
    end,
    gathered: [],
    nrPages: 0,
    lockedVm: 0,
    nrAccounted: 0,
    execVm: 0,
    stackVm: 0,
    dataVm: 0,
    isCleanedUp: false,
  };
}

/**
 * Splits at the ends and detaches what lies between.
 *
 * @returns ENOMEM for a hole strictly inside one VMA at the limit, EPERM for a
 *   sealed VMA, a driver's refusal to be split, ENOMEM for a userfaultfd that
 *   nobody reads. Then everything is attached again, and splits already made stay.
 */
export function vmsGatherMunmapVmas(vms: VmaMunmap): 0 | Errno {
  const { mm, start, end } = vms;
  const first = findVmaIntersection(mm, start, end);
  if (first === NULL) return OK;
  if (vmStart(first) < start) {
    const refused = splitFront(vms, first);
    if (isErr(refused)) return refused;
  }

  const refused = gatherFrom(vms, first);
  if (isErr(refused)) vmsReattach(vms);
  return refused;
}

/** Most often the first one is all: only for more does a cursor pay. */
function gatherFrom(vms: VmaMunmap, first: Vma): 0 | Errno {
  const refused = gatherOne(vms, first);
  if (isErr(refused) || vmEnd(first) >= vms.end) return refused;
  const vmi = vmaIterator(vms.mm, vmEnd(first));
  for (let vma = vmaFind(vmi, vms.end); vma !== NULL; vma = vmaFind(vmi, vms.end)) {
    const refusedLater = gatherOne(vms, vma);
    if (isErr(refusedLater) || vmEnd(vma) >= vms.end) return refusedLater;
  }
  return OK;
}

function splitFront(vms: VmaMunmap, vma: Vma): 0 | Errno {
  const isHole = vms.end < vmEnd(vma);
  if (isHole && mmMapCount(vms.mm) >= sysctlMaxMapCount()) {
    noteLimit(LIMIT_MAP_COUNT, mmMapCount(vms.mm) + 1, sysctlMaxMapCount());
    return ENOMEM;
  }
  if (hasFlag(vmFlags(vma), VM_SEALED)) return EPERM;
  return splitVmaUnchecked(vms.mm, vma, { addr: vms.start, side: 'below' });
}

function gatherOne(vms: VmaMunmap, vma: Vma): 0 | Errno {
  if (hasFlag(vmFlags(vma), VM_SEALED)) return EPERM;
  if (vmEnd(vma) > vms.end) {
    const refused = splitVmaUnchecked(vms.mm, vma, { addr: vms.end, side: 'above' });
    if (isErr(refused)) return refused;
  }
  const victim = NO_MARK_MUNMAP ? vmaUnmarked(vma) : vmaStartWrite(vms.mm, vma);
  vmaMarkDetached(vms.mm, victim);
  vms.gathered.push(victim);
  addTotals(vms, victim);
  return userfaultfdUnmapPrep(victim, vms);
}

function addTotals(vms: VmaMunmap, vma: Vma): void {
  const flags = vmFlags(vma);
  const pages = vmaPages(vma);
  vms.nrPages += pages;
  if (hasFlag(flags, VM_LOCKED)) vms.lockedVm += pages;
  if (hasFlag(flags, VM_ACCOUNT)) vms.nrAccounted += pages;
  if (isExecMapping(flags)) vms.execVm += pages;
  else if (isStackMapping(flags)) vms.stackVm += pages;
  else if (isDataMapping(flags)) vms.dataVm += pages;
}

/**
 * The operation is given up before anything irreversible: the old VMAs go back to their readers.
 */
export function vmsReattach(vms: VmaMunmap): void {
  if (vms.gathered.length > 0) noteChange(REATTACHED);
  if (!NO_REATTACH) for (const vma of vms.gathered) vmaReattach(vma);
  vms.gathered.length = 0;
}

/**
 * The point of no return of a replacement: the old VMAs give up what they hold
 * before the new one exists.
 */
export function vmsCleanUpArea(vms: VmaMunmap): void {
  vmsClearPtes(vms);
  if (!LATE_CLOSE) for (const vma of vms.gathered) vmaClose(vma);
  vms.isCleanedUp = true;
}

/** The tree no longer has the gathered VMAs: account for them. vmsFree() follows. */
export function vmsCompleteMunmapVmas(vms: VmaMunmap): void {
  const { mm } = vms;
  setMmMapCount(mm, mmMapCount(mm) - vms.gathered.length);
  if (vms.lockedVm > 0) addLockedVm(mm, -vms.lockedVm);
  setMmTotalVm(mm, mmTotalVm(mm) - vms.nrPages);
  if (vms.execVm > 0) setMmExecVm(mm, mmExecVm(mm) - vms.execVm);
  if (vms.stackVm > 0) setMmStackVm(mm, mmStackVm(mm) - vms.stackVm);
  if (vms.dataVm > 0) setMmDataVm(mm, mmDataVm(mm) - vms.dataVm);
}

/** Frees what was gathered. Nobody else can reach it, so no lock is needed any more. */
export function vmsFree(vms: VmaMunmap): void {
  if (!vms.isCleanedUp) vmsCleanUpArea(vms);
  for (const vma of vms.gathered) removeVma(vma);
  if (vms.nrAccounted > 0) unchargeMemory(vms.nrAccounted);
}

/** Frees a detached VMA that has left the reverse map, and what it holds. */
export function removeVma(vma: VmaWrite): void {
  vmaClose(vma);
  vmaPutFile(vma);
  vmAreaFree(vma);
}

/** The same for one that no reader can be in: its whole address space is going, or never was. */
export function removeUnreachableVma(vma: VmaWrite): void {
  vmaClose(vma);
  vmaPutFile(vma);
  vmAreaFreeUnreachable(vma);
}

/** What becomes of mmap_lock when an unmapping succeeds; on failure it is kept. */
export type AfterMunmap = 'unlock' | 'keep';

/**
 * Unmaps [start, end). With 'unlock', mmap_lock is downgraded for the second part, if there is
 * anything to free, and released; the caller's mm is then no longer locked.
 *
 * @returns as vmsGatherMunmapVmas(), or ENOMEM for the store; then mmap_lock is kept.
 *
 * Source: mm/vma.c, do_vmi_align_munmap(), v6.18.
 */
export function doMunmap(mm: MmWrite, { start, end }: ByteRange, after: AfterMunmap): 0 | Errno {
  const vms = vmaMunmap(mm, start, end);
  const refused = vmsGatherMunmapVmas(vms);
  if (isErr(refused)) return refused;

  if (vms.gathered.length > 0 && vmaIterClear(vmaIterator(mm, start), start, end) !== OK) {
    vmsReattach(vms);
    return ENOMEM;
  }

  // Nothing below can fail.
  vmsCompleteMunmapVmas(vms);
  if (after === 'keep') {
    vmsFree(vms);
    return OK;
  }
  if (vms.gathered.length === 0) {
    mmapWriteUnlock(mm);
    return OK;
  }
  const reader = mmapWriteDowngrade(mm);
  vmsFree(vms);
  mmapReadUnlock(reader);
  return OK;
}
