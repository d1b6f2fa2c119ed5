/**
 * mmap_region: makes [start, end) one mapping, in place of whatever was there.
 *
 *   prepare   gather what is replaced; limits; charge       a failure keeps the old mapping
 *   clean up  the old VMAs give up what they hold           the point of no return
 *   hook      the file has its say                          from here a failure leaves a hole
 *   merge, or create                                        one store: no reader sees a hole
 *   complete  free the old VMAs, count the new one
 *
 * Source: mm/vma.c, mmap_region(), __mmap_region(), v6.18.
 */
import { EACCES, ENOMEM, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import { fileInode, fput, getFile } from '../file/file_struct.ts';
import { mappingMapWritable, mappingUnmapWritable } from '../file/inode.ts';
import { callMmapHook, shmemZeroSetup } from '../file/mmap_hook.ts';
import { ANON_VM_OPS, SHMEM_VM_OPS } from '../file/vm_ops.ts';
import {
  addLockedVm,
  chargeMemory,
  isAccountable,
  mayExpandVm,
  unchargeMemory,
  vmStatAccount,
} from '../mm/accounting.ts';
import type { MmWrite, Vma } from '../mm/held.ts';
import { MMF_HAS_MDWE, MMF_VM_MERGE_ANY, mmHasFlag } from '../mm/mm_struct.ts';
import { vmAreaAlloc } from '../mm/vma_alloc.ts';
import {
  vmaIterator,
  vmaIterConfig,
  vmaIterFree,
  type VmaIterator,
  vmaIterPreallocHole,
  vmaIterStoreHole,
} from '../mm/vma_iterator.ts';
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
  type File,
  setVmFile,
  setVmFlags,
  setVmOps,
  setVmPgoff,
  setVmRange,
  vmFlags,
} from '../mm/vma_struct.ts';
import { vmaMergeNewRange } from './merge.ts';
import {
  type VmaMunmap,
  vmaMunmap,
  vmsCleanUpArea,
  vmsCompleteMunmapVmas,
  vmsFree,
  vmsGatherMunmapVmas,
  vmsReattach,
} from './munmap.ts';
import { insertVma } from './link.ts';
import { isSharedMaywrite } from './prepare.ts';
import { vmgForNewRange } from './vma_merge.ts';

export interface MmapRequest {
  readonly mm: MmWrite;
  /** Bytes, page aligned, inclusive. */
  readonly start: number;
  /** Bytes, page aligned, exclusive. */
  readonly end: number;
  /** Pages. */
  readonly pgoff: number;
  readonly flags: VmFlags;
  /** The caller's reference stays the caller's. */
  readonly file: File | Null;
}

keepShape({ mm: 0, start: Infinity, end: Infinity, pgoff: Infinity, flags: Infinity, file: 0 });

/** Threads a mapping through its steps. Source: mm/vma.c, struct mmap_state, v6.18. */
interface MmapState extends MmapRequest {
  // Given by the caller; a file's hook may change them.
  pgoff: number;
  flags: VmFlags;
  file: File | Null;

  // Found by prepare().
  readonly vms: VmaMunmap;
  /** Pages charged for this mapping, to be returned if it fails. */
  charged: number;
  /** Pages that the replaced memory was charged, and that now count for this mapping. */
  inherited: number;
  /** Empties the range in the tree when all is lost: reserved, so that it cannot fail. */
  hole: VmaIterator | null;

  // Found by callHook().
  vmOps: number;
  /** The hook put another file in place: its reference is ours to drop. */
  ownsFile: boolean;
}

keepShape({
  mm: 0,
  start: Infinity,
  end: Infinity,
  pgoff: Infinity,
  flags: Infinity,
  file: 0,
  vms: {},
  charged: Infinity,
  inherited: Infinity,
  hole: null,
  vmOps: 0,
  ownsFile: false,
});

/**
 * Maps a range whose address and flags have been decided.
 *
 * @returns OK; EACCES for writable and executable memory under MDWE; EPERM for a
 *   sealed file or VMA; ENOMEM; a driver's error. A failure before the file's
 *   hook keeps what was mapped, one at the hook or later leaves a hole.
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
  const map: MmapState = {
    mm: request.mm,
    start: request.start,
    end: request.end,
    pgoff: request.pgoff,
    flags: request.flags,
    file: request.file,
    vms: vmaMunmap(request.mm, request.start, request.end),
    charged: 0,
    inherited: 0,
    hole: null,
    vmOps: ANON_VM_OPS,
    ownsFile: false,
  };

  const refused = prepare(map);
  if (isErr(refused)) return abortKeeping(map, refused);
  const refusedByFile = callHook(map);
  if (isErr(refusedByFile)) return abortLeavingHole(map, refusedByFile);

  const vma = mergeOrCreate(map);
  if (isErr(vma)) return abortLeavingHole(map, vma);
  complete(map, vma);
  return OK;
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
  return vms.gathered.length > 0 ? cleanUp(map) : OK;
}

function cleanUp(map: MmapState): 0 | Errno {
  const hole = vmaIterator(map.mm, map.start);
  vmaIterConfig(hole, map.start, map.end);
  if (vmaIterPreallocHole(hole) !== OK) return ENOMEM;
  map.hole = hole;
  vmsCleanUpArea(map.vms);
  return OK;
}

function callHook(map: MmapState): 0 | Errno {
  if (map.file === NULL) return hasFlag(map.flags, VM_SHARED) ? backWithShmem(map) : OK;
  const desc = {
    mm: map.mm,
    start: map.start,
    end: map.end,
    file: map.file,
    vmFile: map.file,
    pgoff: map.pgoff,
    flags: map.flags,
    vmOps: map.vmOps,
  };
  const refused = callMmapHook(desc);
  if (isErr(refused)) return refused;

  map.ownsFile = desc.vmFile !== map.file;
  map.file = desc.vmFile;
  map.pgoff = desc.pgoff;
  map.flags = desc.flags;
  map.vmOps = desc.vmOps;
  return OK;
}

/** Shared anonymous memory is a mapping of an object of its own: it never merges with another. */
function backWithShmem(map: MmapState): 0 | Errno {
  const file = shmemZeroSetup(map.mm, map.end - map.start, map.flags);
  if (file === NULL) return ENOMEM;
  map.file = file;
  map.ownsFile = true;
  map.vmOps = SHMEM_VM_OPS;
  return OK;
}

function mergeOrCreate(map: MmapState): Vma | Errno {
  if (isKsmEligible(map)) map.flags = withFlags(map.flags, VM_MERGEABLE);
  const vmg = vmgForNewRange(map.mm, map);
  const merged = vmaMergeNewRange(vmg);
  return merged !== NULL ? merged : createVma(map);
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
  const { mm, start, end } = map;
  const vma = vmAreaAlloc(mm);
  if (vma === NULL) return ENOMEM;
  setVmRange(vma, start, end);
  setVmPgoff(vma, map.pgoff);
  setVmFlags(vma, map.flags);
  setVmOps(vma, map.vmOps);
  if (map.file !== NULL) setVmFile(vma, getFile(map.file));
  return insertVma(mm, vma) === OK ? vma : ENOMEM;
}

function complete(map: MmapState, vma: Vma): void {
  const { mm, vms } = map;
  const pages = (map.end - map.start) / 4096;
  if (map.hole !== null) {
    vmaIterFree(map.hole);
    vmsCompleteMunmapVmas(vms);
    vmsFree(vms);
  }
  vmStatAccount(mm, map.flags, pages);
  if (hasFlag(map.flags, VM_LOCKED)) countLocked(mm, vma, pages);
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

/** Nothing irreversible has happened: the old mapping is as it was but for splits. */
function abortKeeping(map: MmapState, error: Errno): Errno {
  if (map.charged !== 0) unchargeMemory(map.charged);
  vmsReattach(map.vms);
  return error;
}

/** The old mapping is gone already: what remains is a hole, and nothing leaks. */
function abortLeavingHole(map: MmapState, error: Errno): Errno {
  unchargeMemory(map.charged + map.inherited);
  dropHookFile(map);
  if (map.hole === null) return error;
  vmaIterStoreHole(map.hole);
  vmsCompleteMunmapVmas(map.vms);
  vmsFree(map.vms);
  return error;
}

function dropHookFile(map: MmapState): void {
  if (map.ownsFile && map.file !== NULL) fput(map.file);
}
