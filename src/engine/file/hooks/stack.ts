/**
 * One hook calling another: a stacked file system hands its mapping on to the file below, and a
 * driver that was written for `.mmap_prepare` takes the place of an older one.
 *
 *   upper .mmap ──vfsMmap──> lower .mmap
 *                    └─────> lower .mmap_prepare, by a description made of the VMA
 *
 * A stacked `.mmap_prepare` over a lower `.mmap` is not possible: there is no VMA yet.
 *
 * Source: mm/util.c, compat_vma_mmap(), include/linux/fs.h, vfs_mmap(), v6.18.
 */
import { EINVAL, ENODEV, type Errno, isErr, OK } from '../../arena/errno.ts';
import { NULL } from '../../arena/ref.ts';
import type { VmaHidden } from '../../mm/held.ts';
import { mmapAssertLocked } from '../../mm/mmap_lock.ts';
import { pageProtOf, pgprotCaching } from '../../mm/page_prot.ts';
import { withFlags } from '../../mm/vm_flags.ts';
import {
  type File,
  setVmCaching,
  setVmFile,
  setVmFlags,
  setVmOps,
  setVmPgoff,
  setVmPrivateData,
  vmCaching,
  vmEnd,
  vmFile,
  vmFlags,
  vmMm,
  vmPgoff,
  vmPrivateData,
  vmStart,
} from '../../mm/vma_struct.ts';
import type { FileOperationsByHook } from '../driver.ts';
import { fileInode, fput } from '../file_struct.ts';
import { inodeDriver } from '../inode.ts';
import { vmOpsNumber } from '../vm_ops.ts';
import { asVmAreaDesc, type Description, type VmAreaDesc, type VmaProto } from './description.ts';
import type { HookGeneration } from './generation.ts';
import type { NewVma } from './new_vma.ts';
import { type Hooked, runMmapHook } from './run_hook.ts';

type PrepareHook = (desc: VmAreaDesc) => 0 | Errno;

/** What is below a stacked file. */
export interface Lower {
  readonly file: File;
  readonly hooked: Hooked | null;
  readonly generation: HookGeneration;
}

/**
 * Calls the hook of the file below, for the upper file's VMA, which must hold a reference to it.
 *
 * @returns its errno; ENODEV when it cannot be mapped, EINVAL when it has only a descriptor hook
 *   and the machine's generation has no way from a VMA to that.
 */
export function mapLower({ file, hooked, generation }: Lower, vma: NewVma): 0 | Errno {
  if (hooked === null || !generation.canMap(hooked.operations)) return ENODEV;
  const needsDescription = generation.isDescribed(hooked.operations);
  if (needsDescription && !generation.describesBelow) return EINVAL;
  if (!needsDescription) return runMmapHook(hooked, file, vma.handle);
  return viaDescription(file, vma.handle, (description) =>
    generation.describe(hooked, description),
  );
}

/** Makes a description of a half-made VMA, has it changed, and carries the changes over. */
function viaDescription(
  file: File,
  vma: VmaHidden,
  describe: (description: Description) => 0 | Errno,
): 0 | Errno {
  const mm = vmMm(vma);
  mmapAssertLocked(mm);
  const present = vmFile(vma);
  const description: Description = {
    mm,
    start: vmStart(vma),
    end: vmEnd(vma),
    file,
    vmFile: present === NULL ? file : present,
    pgoff: vmPgoff(vma),
    vmFlags: vmFlags(vma),
    pageProt: pageProtOf(vmFlags(vma), vmCaching(vma)),
    vmOps: null,
    privateData: vmPrivateData(vma),
  };
  const refused = describe(description);
  if (isErr(refused)) return refused;
  if (description.vmFile !== present) {
    setVmFile(vma, description.vmFile);
    if (present !== NULL) fput(present);
  }
  setVmPgoff(vma, description.pgoff);
  setVmFlags(vma, withFlags(vmFlags(vma), description.vmFlags)); // only more, never fewer
  setVmCaching(vma, pgprotCaching(description.pageProt));
  setVmPrivateData(vma, description.privateData);
  if (description.vmOps !== null) {
    setVmOps(vma, vmOpsNumber(description.vmOps, inodeDriver(fileInode(file))));
  }
  return OK;
}

/** The forms that a driver written for `.mmap_prepare` would have had in each generation. */
export const everyGeneration = (mmapPrepare: PrepareHook): FileOperationsByHook => ({
  prepare: { mmapPrepare },
  proto: { mmapProto: (proto) => viaProto(proto, mmapPrepare) },
  legacy: {
    mmap: (file, vma) =>
      viaDescription(file, vma.handle, (description) => mmapPrepare(asVmAreaDesc(description))),
  },
});

function viaProto(proto: VmaProto, mmapPrepare: PrepareHook): 0 | Errno {
  const description: Description = {
    mm: proto.mm,
    start: proto.start,
    end: proto.end,
    file: proto.file,
    vmFile: proto.file,
    pgoff: proto.pgoff,
    vmFlags: proto.flags,
    pageProt: proto.pageProt,
    vmOps: null,
    privateData: NULL,
  };
  const refused = mmapPrepare(asVmAreaDesc(description));
  if (isErr(refused)) return refused;
  proto.file = description.vmFile;
  proto.pgoff = description.pgoff;
  proto.flags = description.vmFlags;
  proto.pageProt = description.pageProt;
  proto.privateData = description.privateData;
  if (description.vmOps !== null) proto.vmOps = description.vmOps;
  return OK;
}
