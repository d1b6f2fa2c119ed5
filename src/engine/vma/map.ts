/**
 * mmap_region: makes [start, end) one mapping, in place of whatever was there.
 *
 *   prepare   gather what is replaced; limits; charge
 *   hook      the file has its say about a description
 *   merge     with the neighbours, or
 *   create    a VMA, which an older driver's .mmap fills in (and then perhaps merge after all)
 *   clean up  the old VMAs give up what they hold: the point of no return, right before
 *             the one store; but before .mmap, since that may put pages into the range
 *   complete  free the old VMAs, count the new one
 *
 * A failure before the point of no return keeps the old mapping, one after it leaves a hole. The
 * protocol `mapFixedFailure: 'leave-gap'` cleans up before the hook, as Linux 6.18 does. Under
 * `munmap: 'two-step'` what was there is unmapped before all else, as Linux did before 6.12.
 *
 * Source: mm/vma.c, mmap_region(), __mmap_region(), v6.18.
 */
import { LATE_CLEAN_UP, LOST_CHARGE } from '#mutants';
import { EACCES, ENOMEM, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { hookGeneration } from '../file/file_driver.ts';
import { fileInode, getFile } from '../file/file_struct.ts';
import { mappingMapWritable, mappingUnmapWritable } from '../file/inode.ts';
import { vmaMapped } from '../file/vma_calls.ts';
import {
  addLockedVm,
  chargeMemory,
  isAccountable,
  mayExpandVm,
  vmStatAccount,
} from '../mm/accounting.ts';
import type { MmWrite, Vma, VmaHidden } from '../mm/held.ts';
import { MMF_HAS_MDWE, MMF_VM_MERGE_ANY, mmHasFlag } from '../mm/mm_struct.ts';
import { protocolLeavesGap, protocolUnmapsFirst } from '../mm/protocol.ts';
import { vmAreaAlloc } from '../mm/vma_alloc.ts';
import { eachVma, vmaIterFree } from '../mm/vma_iterator.ts';
import { vmaStartWrite } from '../mm/vma_lock.ts';
import {
  flagsOf,
  hasFlag,
  VM_ACCOUNT,
  VM_DROPPABLE,
  VM_EXEC,
  VM_HUGETLB,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_MAYSHARE,
  VM_MERGEABLE,
  VM_SHARED,
  VM_SPECIAL,
  VM_WRITE,
  type VmFlags,
  withFlags,
  withoutFlags,
} from '../mm/vm_flags.ts';
import {
  setVmCaching,
  setVmFile,
  setVmFlags,
  setVmOps,
  setVmPgoff,
  setVmPrivateData,
  setVmRange,
  vmEnd,
  vmFlags,
  vmStart,
} from '../mm/vma_struct.ts';
import { countEvent, MMAP_RETRY_MERGE, MMAP_RETRY_MERGE_SUCCESS } from '../trace/counters.ts';
import {
  MMAP_REGION,
  STEP_COMPLETE,
  STEP_MERGE,
  STEP_NEW_VMA,
  STEP_PREPARE,
  STEP_RETRY_MERGE,
  trace,
} from '../trace/events.ts';
import { unmapNewVma } from './clear_ptes.ts';
import { discardVma, linkVma, reservePlace } from './link.ts';
import { describeToFile, fillInByFile } from './map_hooks.ts';
import { vmaMergeExistingRange, vmaMergeNewRange } from './merge.ts';
import {
  abort,
  cleanUp,
  cleanUpBeforeFailing,
  dropHookFile,
  type MmapRequest,
  type MmapState,
  mmapState,
  replacesLive,
} from './mmap_state.ts';
import { doMunmap, vmsCompleteMunmapVmas, vmsFree, vmsGatherMunmapVmas } from './munmap.ts';
import { isSharedMaywrite } from './prepare.ts';
import { type VmaMerge, vmgForModify, vmgForNewRange } from './vma_merge.ts';

/**
 * Maps a range whose address and flags have been decided.
 *
 * @returns OK; EACCES for writable and executable memory under MDWE; EPERM for a
 *   sealed file or VMA; ENOMEM; a driver's error. See above for what a failure
 *   leaves of what was mapped.
 */
export function mmapRegion(request: MmapRequest): 0 | Errno {
  const { mm, file, flags } = request;
  if (mapDenyWriteExec(mm, flags)) return EACCES;

  // Held until the VMA counts itself, so that a seal cannot come between.
  const isWritable = file !== NULL && isSharedMaywrite(flags);
  if (isWritable && !mappingMapWritable(fileInode(file))) return EPERM;
  const result = mmapRegionUnchecked(request);
  if (isWritable) mappingUnmapWritable(fileInode(file));
  return result;
}

/** PR_SET_MDWE: no memory is both writable and executable. */
const mapDenyWriteExec = (mm: MmWrite, flags: VmFlags): boolean =>
  mmHasFlag(mm, MMF_HAS_MDWE) && hasFlag(flags, VM_EXEC) && hasFlag(flags, VM_WRITE);

function mmapRegionUnchecked(request: MmapRequest): 0 | Errno {
  const unready = protocolUnmapsFirst() ? unmapFirst(request) : OK;
  if (isErr(unready)) return unready;
  const map = mmapState(request);
  trace(MMAP_REGION, map.mm, STEP_PREPARE);
  const refused = prepare(map);
  if (isErr(refused)) return abort(map, refused);
  const refusedByFile = describeToFile(map);
  if (isErr(refusedByFile)) {
    if (LOST_CHARGE) map.charged = 0;
    return abort(map, refusedByFile);
  }

  const vma = mergeOrCreate(map);
  if (isErr(vma)) return abort(map, vma);
  complete(map, vma);
  return OK;
}

/**
 * Empties the range by a store of its own: from here to the store of the new VMA, who looks without
 * mmap_lock finds nothing, and a failure leaves a hole.
 *
 * Source: mm/mmap.c, mmap_region(), v6.11.
 */
function unmapFirst({ mm, start, end, flags }: MmapRequest): 0 | Errno {
  const more = (end - start) / 4096 - pagesMapped(mm, start, end);
  return mayExpandVm(mm, flags, more) ? doMunmap(mm, { start, end }, 'keep') : ENOMEM;
}

function pagesMapped(mm: MmWrite, start: number, end: number): number {
  let bytes = 0;
  for (const vma of eachVma(mm, start)) {
    if (vmStart(vma) >= end) break;
    bytes += Math.min(vmEnd(vma), end) - Math.max(vmStart(vma), start);
  }
  return bytes / 4096;
}

/** Everything that can be refused without harm, and the charge. */
function prepare(map: MmapState): 0 | Errno {
  const { mm, vms, start, end } = map;
  const refused = vmsGatherMunmapVmas(vms);
  if (isErr(refused)) return refused;

  const pages = (end - start) / 4096;
  if (!mayExpandVm(mm, map.flags, pages - vms.nrPages)) return ENOMEM;
  if (isAccountable(map.flags)) {
    // What the replaced memory was charged is taken over.
    const more = pages - vms.nrAccounted;
    if (more !== 0 && chargeMemory(mm, more) !== OK) return ENOMEM;
    map.charged = more;
    map.inherited = vms.nrAccounted;
    vms.nrAccounted = 0;
    map.flags = withFlags(map.flags, VM_ACCOUNT);
  }
  return replacesLive(map) && protocolLeavesGap() ? cleanUpBeforeFailing(map) : OK;
}

function mergeOrCreate(map: MmapState): Vma | Errno {
  // Late, if the VMA is still to be filled in.
  if (!map.callsMmap && isKsmEligible(map)) map.flags = withFlags(map.flags, VM_MERGEABLE);
  trace(MMAP_REGION, map.mm, STEP_MERGE);
  const vmg = describeMerge(map);
  const merged = vmaMergeNewRange(vmg);
  if (merged !== NULL) return merged;

  const asked = map.flags;
  const vma = createVma(map);
  if (isErr(vma) || map.flags === asked) return vma;
  return mayRetryMerge(map, vmg) ? retryMerge(map, vma) : vma;
}

function describeMerge(map: MmapState): VmaMerge {
  const vmg = vmgForNewRange(map.mm, map);
  vmg.isDescribed = map.isDescribed;
  vmg.vmOps = map.vmOps;
  vmg.privateData = map.privateData;
  vmg.caching = map.caching;
  if (replacesLive(map) && !LATE_CLEAN_UP) vmg.beforeStore = () => cleanUp(map);
  return vmg;
}

/** PR_SET_MEMORY_MERGE marks what can be merged by KSM. */
function isKsmEligible(map: MmapState): boolean {
  if (!mmHasFlag(map.mm, MMF_VM_MERGE_ANY)) return false;
  return isKsmCompatible(map.flags);
}

/** Private, ordinary memory can be merged by KSM. */
export const isKsmCompatible = (flags: VmFlags): boolean => !hasFlag(flags, KSM_UNFIT);

const KSM_UNFIT = flagsOf(VM_SHARED, VM_MAYSHARE, VM_SPECIAL, VM_HUGETLB, VM_DROPPABLE);

function createVma(map: MmapState): Vma | Errno {
  const { mm } = map;
  trace(MMAP_REGION, mm, STEP_NEW_VMA);
  const vma = newVma(map);
  if (vma === NULL) return ENOMEM;
  const place = reservePlace(mm, vma);
  if (place === null) {
    discardVma(vma);
    return ENOMEM;
  }
  const refused = map.callsMmap ? fillIn(map, vma) : OK;
  if (isErr(refused)) {
    vmaIterFree(place);
    // As long as the old mapping is there, the pages of the range are its own.
    if (!replacesLive(map)) unmapNewVma(mm, vma);
    discardVma(vma);
    return refused;
  }

  // Nothing below can fail.
  if (replacesLive(map) && !LATE_CLEAN_UP) cleanUp(map);
  linkVma(mm, place, vma);
  map.isNew = true;
  return vma;
}

function newVma(map: MmapState): VmaHidden | Null {
  const vma = vmAreaAlloc(map.mm);
  if (vma === NULL) return NULL;
  setVmRange(vma, map.start, map.end);
  setVmPgoff(vma, map.pgoff);
  setVmFlags(vma, map.flags);
  setVmOps(vma, map.vmOps);
  setVmPrivateData(vma, map.privateData);
  setVmCaching(vma, map.caching);
  if (map.file !== NULL) setVmFile(vma, getFile(map.file));
  return vma;
}

/** .mmap may put pages into the range, so nothing of the old mapping may be there any more. */
function fillIn(map: MmapState, vma: VmaHidden): 0 | Errno {
  const unready = replacesLive(map) ? cleanUpBeforeFailing(map) : OK;
  const refused = isErr(unready) ? unready : fillInByFile(map, vma);
  if (isErr(refused)) return refused;
  if (isKsmEligible(map)) {
    map.flags = withFlags(map.flags, VM_MERGEABLE);
    setVmFlags(vma, map.flags);
  }
  return OK;
}

/** `legacy` only: .mmap has changed flags, and there is a neighbour that may like them better. */
const mayRetryMerge = (map: MmapState, { prev, next }: VmaMerge): boolean =>
  map.callsMmap &&
  hookGeneration().retriesMerge &&
  !hasFlag(map.flags, VM_SPECIAL) &&
  (prev !== NULL || next !== NULL);

/** A second store of the same range. Without memory for it the VMA stays as it is. */
function retryMerge(map: MmapState, vma: Vma): Vma {
  trace(MMAP_REGION, map.mm, STEP_RETRY_MERGE);
  countEvent(MMAP_RETRY_MERGE);
  const merged = vmaMergeExistingRange(vmgForModify(map.mm, vma, map));
  if (merged === NULL) return vma;
  countEvent(MMAP_RETRY_MERGE_SUCCESS);
  map.isNew = false;
  return merged;
}

function complete(map: MmapState, vma: Vma): void {
  const { mm, vms } = map;
  trace(MMAP_REGION, mm, STEP_COMPLETE);
  const pages = (map.end - map.start) / 4096;
  if (map.hole !== null) vmaIterFree(map.hole);
  if (vms.gathered.length > 0) {
    vmsCompleteMunmapVmas(vms);
    vmsFree(vms);
  }
  vmStatAccount(mm, map.flags, pages);
  if (hasFlag(map.flags, VM_LOCKED)) countLocked(mm, vma, pages);
  if (map.isNew && map.isDescribed && hookGeneration().callsMapped) {
    vmaMapped(vmaStartWrite(mm, vma));
  }
  dropHookFile(map);
}

/** What cannot be locked loses the mark; everything else is counted. */
function countLocked(mm: MmWrite, vma: Vma, pages: number): void {
  if (!vmaSupportsMlock(vmFlags(vma))) {
    setVmFlags(vmaStartWrite(mm, vma), withoutFlags(vmFlags(vma), VM_LOCKED_MASK));
    return;
  }
  addLockedVm(mm, pages);
}

const UNLOCKABLE = flagsOf(VM_SPECIAL, VM_DROPPABLE, VM_HUGETLB);
export const vmaSupportsMlock = (flags: VmFlags): boolean => !hasFlag(flags, UNLOCKABLE);
