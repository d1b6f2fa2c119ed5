/**
 * A mapping on its way through mmapRegion(), and the two ways in which it can fail.
 *
 *   gathered ──> (point of no return) ──> stored
 *      │                 │
 *      └ reattach        └ hole          what was mapped there before
 *
 * Source: mm/vma.c, struct mmap_state, vms_abort_munmap_vmas(), v6.18.
 */
import { ABORT_MAY_FAIL } from '#mutants';
import { ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import { fileInode, fput } from '../file/file_struct.ts';
import { mappingUnmapWritable } from '../file/inode.ts';
import { ANON_VM_OPS } from '../file/vm_ops.ts';
import { unchargeMemory } from '../mm/accounting.ts';
import type { MmWrite } from '../mm/held.ts';
import {
  vmaIterator,
  vmaIterClear,
  vmaIterConfig,
  vmaIterFree,
  type VmaIterator,
  vmaIterPreallocHole,
  vmaIterStoreHole,
} from '../mm/vma_iterator.ts';
import type { VmFlags } from '../mm/vm_flags.ts';
import type { File } from '../mm/vma_struct.ts';
import { MMAP_REGION, STEP_ABORT, STEP_CLEAN_UP, trace } from '../trace/events.ts';
import {
  type VmaMunmap,
  vmaMunmap,
  vmsCleanUpArea,
  vmsCompleteMunmapVmas,
  vmsFree,
  vmsReattach,
} from './munmap.ts';

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
export interface MmapState extends MmapRequest {
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

  // Found by the file's hook.
  vmOps: number;
  privateData: number;
  caching: number;
  /** The three above, and the flags, are what the VMA will have. */
  isDescribed: boolean;
  /** A VMA that is made for the mapping is filled in by the file's .mmap. */
  callsMmap: boolean;
  /** The hook put another file in place: its reference is ours to drop. */
  ownsFile: boolean;
  /** That other file is counted as one that may be written. */
  holdsWritable: boolean;

  // Result.
  /** A VMA was made for the mapping, and is still the one that covers it. */
  isNew: boolean;
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
  privateData: 0,
  caching: 0,
  isDescribed: false,
  callsMmap: false,
  ownsFile: false,
  holdsWritable: false,
  isNew: false,
} satisfies Record<keyof MmapState, unknown>);

/** A mapping of which nothing is done yet. */
export const mmapState = (request: MmapRequest): MmapState => ({
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
  privateData: 0,
  caching: 0,
  isDescribed: false,
  callsMmap: false,
  ownsFile: false,
  holdsWritable: false,
  isNew: false,
});

/** Whether something is still there to be cleaned up before the new mapping is stored. */
export const replacesLive = (map: MmapState): boolean =>
  map.vms.gathered.length > 0 && !map.vms.isCleanedUp;

/**
 * Passes the point of no return, though much can fail yet: what is replaced is gone, and the range
 * can be emptied for certain.
 *
 * @returns ENOMEM; then nothing is gone.
 */
export function cleanUpBeforeFailing(map: MmapState): 0 | Errno {
  const hole = vmaIterator(map.mm, map.start);
  vmaIterConfig(hole, map.start, map.end);
  if (vmaIterPreallocHole(hole) !== OK) return ENOMEM;
  map.hole = hole;
  cleanUp(map);
  return OK;
}

/** The point of no return, when nothing can fail any more. */
export function cleanUp(map: MmapState): void {
  trace(MMAP_REGION, map.mm, STEP_CLEAN_UP);
  vmsCleanUpArea(map.vms);
}

/**
 * Gives up. The charge goes back in either case. Before the point of no return the old mapping is
 * as it was but for splits; after it there is a hole, and nothing leaks.
 */
export function abort(map: MmapState, error: Errno): Errno {
  trace(MMAP_REGION, map.mm, STEP_ABORT);
  dropHookFile(map);
  if (map.hole === null) {
    if (map.charged !== 0) unchargeMemory(map.charged);
    vmsReattach(map.vms);
    return error;
  }
  unchargeMemory(map.charged + map.inherited);
  if (ABORT_MAY_FAIL) storeHoleByChance(map, map.hole);
  else vmaIterStoreHole(map.hole);
  vmsCompleteMunmapVmas(map.vms);
  vmsFree(map.vms);
  return error;
}

/** What was reserved is given back, so that the store may find no memory. */
function storeHoleByChance({ mm, start, end }: MmapState, hole: VmaIterator): void {
  vmaIterFree(hole);
  vmaIterClear(vmaIterator(mm, start), start, end);
}

/** The VMA, if there is one, holds the file by itself. */
export function dropHookFile(map: MmapState): void {
  if (map.file === NULL) return;
  if (map.holdsWritable) mappingUnmapWritable(fileInode(map.file));
  if (map.ownsFile) fput(map.file);
}
