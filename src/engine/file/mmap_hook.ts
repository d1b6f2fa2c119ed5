/**
 * What a file does when it is mapped: the built-in drivers' hooks, called with a
 * description of the mapping before any VMA exists. A hook may change the mutable
 * part or refuse; it keeps no state of its own.
 *
 * Source: secretmem_mmap_prepare(), mmap_zero(), shmem_mmap(), generic_file_mmap(),
 * ext4_file_mmap(), v6.18.
 */
import * as atomics from '#atomics';
import { EAGAIN, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, type Errno, OK } from '../arena/errno.ts';
import { H_SHMEM_INO } from '../arena/layout.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import { chargeMemory, mlockFutureOk } from '../mm/accounting.ts';
import type { MmRead } from '../mm/held.ts';
import {
  flagsOf,
  hasFlag,
  VM_DONTDUMP,
  VM_LOCKED,
  VM_MAYSHARE,
  VM_NORESERVE,
  VM_SHARED,
  VM_SYNC,
  type VmFlags,
  withFlags,
} from '../mm/vm_flags.ts';
import type { File } from '../mm/vma_struct.ts';
import { fileInode, fileNew, FMODE_READ, FMODE_WRITE } from './file_struct.ts';
import { I_NO_SYNC, type InodeKind, inodeHas, inodeKind } from './inode.ts';
import { ANON_VM_OPS, GENERIC_FILE_VM_OPS, SECRETMEM_VM_OPS, SHMEM_VM_OPS } from './vm_ops.ts';

/**
 * Describes a mapping to its file. Source: include/linux/mm_types.h, struct vm_area_desc, v6.18.
 */
export interface VmAreaDesc {
  readonly mm: MmRead;
  /** Bytes, inclusive and exclusive. */
  readonly start: number;
  readonly end: number;
  readonly file: File;

  // What a hook may change.
  vmFile: File;
  pgoff: number;
  flags: VmFlags;
  vmOps: number;
}

type MmapHook = (desc: VmAreaDesc) => 0 | Errno;

const HOOKS: Readonly<Record<InodeKind, MmapHook | Null>> = {
  regular: mapRegular,
  shmem: mapShmem,
  zero: mapZero,
  secretmem: mapSecretmem,
  directory: NULL,
  anon_inode: NULL,
};

/** @returns the file's refusal, ENODEV when it cannot be mapped at all. */
export function callMmapHook(desc: VmAreaDesc): 0 | Errno {
  const hook = HOOKS[inodeKind(fileInode(desc.file))];
  return hook === NULL ? ENODEV : hook(desc);
}

export const hasMmapHook = (file: File): boolean => HOOKS[inodeKind(fileInode(file))] !== NULL;

function mapRegular(desc: VmAreaDesc): 0 | Errno {
  if (hasFlag(desc.flags, VM_SYNC) && inodeHas(fileInode(desc.file), I_NO_SYNC)) return EOPNOTSUPP;
  desc.vmOps = GENERIC_FILE_VM_OPS;
  return OK;
}

function mapShmem(desc: VmAreaDesc): 0 | Errno {
  desc.vmOps = SHMEM_VM_OPS;
  return OK;
}

/** Private: anonymous memory that remembers the device. Shared: an object of its own. */
function mapZero(desc: VmAreaDesc): 0 | Errno {
  if (!hasFlag(desc.flags, VM_SHARED)) {
    desc.vmOps = ANON_VM_OPS;
    return OK;
  }
  const file = shmemZeroSetup(desc.mm, desc.end - desc.start, desc.flags);
  if (file === NULL) return ENOMEM;
  desc.vmFile = file;
  desc.vmOps = SHMEM_VM_OPS;
  return OK;
}

const EITHER_SHARED = flagsOf(VM_SHARED, VM_MAYSHARE);

function mapSecretmem(desc: VmAreaDesc): 0 | Errno {
  if (!hasFlag(desc.flags, EITHER_SHARED)) return EINVAL;
  const flags = withFlags(desc.flags, flagsOf(VM_LOCKED, VM_DONTDUMP));
  if (!mlockFutureOk(desc.mm, flags, desc.end - desc.start)) return EAGAIN;
  desc.flags = flags;
  desc.vmOps = SECRETMEM_VM_OPS;
  return OK;
}

/**
 * Makes the object behind shared anonymous memory: an unlinked tmpfs file of a
 * fixed size, charged as a whole unless the mapping is not to be reserved.
 *
 * @returns NULL without memory, or when the charge is refused.
 */
export function shmemZeroSetup(mm: MmRead, size: number, flags: VmFlags): File | Null {
  const accountedPages = hasFlag(flags, VM_NORESERVE) ? 0 : size / PAGE_SIZE;
  if (accountedPages > 0 && chargeMemory(mm, accountedPages) !== OK) return NULL;
  const ino = atomics.add(H_SHMEM_INO, 1) + 1;
  const path = '/dev/zero (deleted)';
  return fileNew(
    { kind: 'shmem', path, devMinor: 1, ino, size, accountedPages },
    FMODE_READ | FMODE_WRITE,
  );
}
