/**
 * A fresh address space for a program, described rather than loaded: a recording
 * or an ELF reader says what is mapped when the program starts.
 *
 * Source: fs/exec.c, mm/vma_exec.c, v6.18; the description is ours.
 */
import { EBADF, EINVAL, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { isPageAligned, TASK_SIZE } from '../arena/units.ts';
import { fget } from '../file/fd_table.ts';
import { fileInode, fput } from '../file/file_struct.ts';
import { type InodeKind, inodeKind } from '../file/inode.ts';
import {
  ANON_VM_OPS,
  DUMMY_VM_OPS,
  GENERIC_FILE_VM_OPS,
  SECRETMEM_VM_OPS,
  SHMEM_VM_OPS,
  SPECIAL_MAPPING_VM_OPS,
} from '../file/vm_ops.ts';
import { addLockedVm, chargeMemory, unchargeMemory, vmStatAccount } from '../mm/accounting.ts';
import type { Mm, MmWrite, VmaHidden } from '../mm/held.ts';
import { type MmLayout, MMF_TOPDOWN, setMmFlags, setMmLayout } from '../mm/mm_struct.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { mmAlloc, mmput } from '../mm/mm_refs.ts';
import {
  READ_IMPLIES_EXEC,
  setPersonality,
  type Task,
  taskPersonality,
} from '../mm/task_struct.ts';
import { vmAreaAlloc, vmAreaFree } from '../mm/vma_alloc.ts';
import { findVmaIntersection } from '../mm/vma_iterator.ts';
import { hasFlag, VM_ACCOUNT, VM_LOCKED, type VmFlags } from '../mm/vm_flags.ts';
import {
  setVmAnonName,
  setVmFile,
  setVmFlags,
  setVmOps,
  setVmPgoff,
  setVmRange,
} from '../mm/vma_struct.ts';
import { textNew } from '../slab/text.ts';
import { insertVma } from '../vma/link.ts';
import { defaultMmapBase, hasLegacyLayout, LEGACY_BASE } from './exec_layout.ts';

/** One VMA that a program starts with. */
export interface InitialVma {
  /** Bytes, page aligned, inclusive. */
  readonly start: number;
  /** Bytes, page aligned, exclusive. */
  readonly end: number;
  /** VM_* */
  readonly flags: VmFlags;
  /** Pages; anonymous memory defaults to its page number. */
  readonly pgoff?: number;
  /** Descriptor of the file behind it. */
  readonly fd?: number;
  /** Of a special mapping, such as `[vdso]`: it cannot be split. */
  readonly special?: string;
}

export interface ExecImage {
  readonly vmas: readonly InitialVma[];
  readonly layout: MmLayout;
  /** Placed bottom-up. Default: as vm.legacy_va_layout or the personality say. */
  readonly isLegacyLayout?: boolean;
}

/**
 * @returns an address space with one user; EINVAL for overlapping or unaligned VMAs and for files
 * that cannot be mapped, EBADF, ENOMEM.
 */
export function execMmap(task: Task, image: ExecImage): Mm | Errno {
  const mm = mmAlloc();
  if (mm === NULL) return ENOMEM;
  const locked = mmapWriteLock(mm);
  setLayout(locked, image);
  const result = insertAll(locked, image.vmas);
  mmapWriteUnlock(locked);
  if (isErr(result)) {
    mmput(mm);
    return result;
  }
  // A 64-bit program never reads what it may execute by accident.
  setPersonality(task, taskPersonality(task) & ~READ_IMPLIES_EXEC);
  return mm;
}

function setLayout(mm: MmWrite, image: ExecImage): void {
  const isLegacy = image.isLegacyLayout ?? hasLegacyLayout();
  setMmFlags(mm, isLegacy ? 0 : MMF_TOPDOWN);
  setMmLayout(mm, {
    taskSize: TASK_SIZE,
    mmapBase: defaultMmapBase(8 * 2 ** 20),
    mmapLegacyBase: LEGACY_BASE,
    ...image.layout,
  });
}

function insertAll(mm: MmWrite, vmas: readonly InitialVma[]): 0 | Errno {
  for (const vma of vmas) {
    const result = insertInitialVma(mm, vma);
    if (isErr(result)) return result;
  }
  return OK;
}

/** Maps what is described. @returns EINVAL, EBADF, ENOMEM; then nothing has changed. */
export function insertInitialVma(mm: MmWrite, spec: InitialVma): 0 | Errno {
  const { start, end, flags } = spec;
  if (!isPageAligned(start) || !isPageAligned(end)) return EINVAL;
  if (!Number.isInteger(start) || !Number.isInteger(end)) return EINVAL;
  if (start < 0 || end <= start || end > TASK_SIZE) return EINVAL;
  if (findVmaIntersection(mm, start, end) !== NULL) return EINVAL;

  const pages = (end - start) / 4096;
  const charged = hasFlag(flags, VM_ACCOUNT) ? pages : 0;
  if (charged > 0 && chargeMemory(mm, charged) !== OK) return ENOMEM;
  const vma = vmAreaAlloc(mm);
  const result = vma === NULL ? ENOMEM : fillAndInsert(mm, vma, spec);
  if (isErr(result)) {
    unchargeMemory(charged);
    return result;
  }
  vmStatAccount(mm, flags, pages);
  if (hasFlag(flags, VM_LOCKED)) addLockedVm(mm, pages);
  return OK;
}

function fillAndInsert(mm: MmWrite, vma: VmaHidden, spec: InitialVma): 0 | Errno {
  setVmRange(vma, spec.start, spec.end);
  setVmFlags(vma, spec.flags);
  setVmPgoff(vma, spec.pgoff ?? spec.start / 4096);
  const refused = setBacking(vma, spec);
  if (!isErr(refused)) return insertVma(mm, vma);
  vmAreaFree(vma);
  return refused;
}

/** What mapping a file of each kind privately would have set. */
const OPS_OF_KIND: Readonly<Record<InodeKind, number>> = {
  regular: GENERIC_FILE_VM_OPS,
  shmem: SHMEM_VM_OPS,
  zero: ANON_VM_OPS,
  secretmem: SECRETMEM_VM_OPS,
  directory: GENERIC_FILE_VM_OPS,
  anon_inode: DUMMY_VM_OPS,
  driver: DUMMY_VM_OPS, // nobody asked it
};

function setBacking(vma: VmaHidden, spec: InitialVma): 0 | Errno {
  if (spec.special !== undefined) {
    const name = textNew(spec.special);
    if (name === NULL) return ENOMEM;
    setVmAnonName(vma, name);
    setVmOps(vma, SPECIAL_MAPPING_VM_OPS);
    return OK;
  }
  if (spec.fd === undefined) return OK;
  const file = fget(spec.fd);
  if (file === NULL) return EBADF;
  if (inodeKind(fileInode(file)) === 'anon_inode') {
    fput(file);
    return EINVAL;
  }
  setVmFile(vma, file);
  setVmOps(vma, OPS_OF_KIND[inodeKind(fileInode(file))]);
  return OK;
}
