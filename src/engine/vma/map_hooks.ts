/**
 * The file has its say: about a description of the mapping, or about the VMA made for it.
 *
 * Source: mm/vma.c, call_mmap_prepare(), __mmap_new_file_vma(), v6.18.
 */
import { assert } from '../arena/assert.ts';
import { ENODEV, ENOMEM, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { shmemZeroSetup } from '../file/drivers/shmem.ts';
import { hookedOf, hookGeneration } from '../file/file_driver.ts';
import { fileInode, getFile } from '../file/file_struct.ts';
import type { Description } from '../file/hooks/description.ts';
import { describeMapping, runMmapHook } from '../file/hooks/run_hook.ts';
import { inodeDriver, mappingMapWritable } from '../file/inode.ts';
import { vmaClose } from '../file/vma_calls.ts';
import { DUMMY_VM_OPS, SHMEM_VM_OPS, vmOpsNumber } from '../file/vm_ops.ts';
import type { VmaHidden } from '../mm/held.ts';
import { pgprotCaching } from '../mm/page_prot.ts';
import { hasFlag, VM_SHARED } from '../mm/vm_flags.ts';
import {
  type File,
  setVmOps,
  setVmPrivateData,
  vmFile,
  vmFlags,
  vmOps,
  vmPgoff,
} from '../mm/vma_struct.ts';
import { MMAP_REGION, STEP_DESCRIPTOR_HOOK, STEP_MMAP_HOOK, trace } from '../trace/events.ts';
import { dropHookFile, type MmapState } from './mmap_state.ts';
import { isSharedMaywrite } from './prepare.ts';

/** Asks the file before anything is merged or allocated. @returns its refusal. */
export function describeToFile(map: MmapState): 0 | Errno {
  if (map.file === NULL) return hasFlag(map.flags, VM_SHARED) ? backWithShmem(map) : OK;
  trace(MMAP_REGION, map.mm, STEP_DESCRIPTOR_HOOK);
  const hooked = hookedOf(map.file);
  if (hooked === null) return ENODEV;
  const generation = hookGeneration();
  map.callsMmap = hooked.operations.mmap !== undefined;
  map.vmOps = DUMMY_VM_OPS;
  if (!generation.isDescribed(hooked.operations)) return OK;
  const description = describeMapping({
    mm: map.mm,
    start: map.start,
    end: map.end,
    pgoff: map.pgoff,
    flags: map.flags,
    file: map.file,
  });
  const refused = generation.describe(hooked, description);
  return isErr(refused) ? refused : takeDescription(map, map.file, description);
}

function takeDescription(map: MmapState, file: File, description: Description): 0 | Errno {
  map.pgoff = description.pgoff;
  map.flags = description.vmFlags;
  map.privateData = description.privateData;
  map.caching = pgprotCaching(description.pageProt);
  map.isDescribed = true;
  if (description.vmOps !== null) {
    map.vmOps = vmOpsNumber(description.vmOps, inodeDriver(fileInode(file)));
  }
  if (description.vmFile === file) return OK;
  map.file = description.vmFile;
  map.ownsFile = true;
  return holdWritable(map, description.vmFile);
}

/** A file that a hook put in place was not counted by whoever counted the first. */
function holdWritable(map: MmapState, file: File): 0 | Errno {
  if (!isSharedMaywrite(map.flags)) return OK;
  if (!mappingMapWritable(fileInode(file))) return EPERM;
  map.holdsWritable = true;
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

/**
 * Has the file's `.mmap` fill in a VMA that is complete and not in the tree, and looks at it again:
 * anything may have changed but its place.
 *
 * @returns the refusal; the VMA is the caller's to free, and its driver wants to hear nothing more.
 */
export function fillInByFile(map: MmapState, vma: VmaHidden): 0 | Errno {
  trace(MMAP_REGION, map.mm, STEP_MMAP_HOOK);
  assert(map.file !== NULL, 'only a file has a hook');
  const hooked = hookedOf(map.file);
  if (hooked === null) return ENODEV;
  const refused = runMmapHook(hooked, map.file, vma);
  if (isErr(refused)) return refused;
  if (map.isDescribed) restoreDescribed(map, vma);
  map.pgoff = vmPgoff(vma);
  map.flags = vmFlags(vma);
  map.vmOps = vmOps(vma);
  return takeFile(map, vma);
}

/** What a descriptor hook decided stands, whatever the `.mmap` beside it set. */
function restoreDescribed(map: MmapState, vma: VmaHidden): void {
  if (map.vmOps !== DUMMY_VM_OPS) setVmOps(vma, map.vmOps);
  if (map.privateData !== 0) setVmPrivateData(vma, map.privateData);
}

/** The hook may have put another file in place, as drivers that only hand out files do. */
function takeFile(map: MmapState, vma: VmaHidden): 0 | Errno {
  const file = vmFile(vma);
  if (file === NULL || file === map.file) return OK;
  dropHookFile(map);
  map.file = getFile(file);
  map.ownsFile = true;
  map.holdsWritable = false;
  const refused = holdWritable(map, file);
  if (isErr(refused)) vmaClose(vma);
  return refused;
}
