/**
 * What drivers do with a VMA, by number: a VMA holds a small number because functions cannot be
 * shared between workers.
 *
 *   0          16                                24
 *   ┌──────────┬─────────────────────────────────┬───
 *   │ built in │ the first driver's tables       │ the second's ...
 *   └──────────┴─────────────────────────────────┴───
 *
 * Number 0 is the absence of operations, which is what makes a VMA anonymous.
 *
 * Source: include/linux/mm.h, vm_operations_struct, v6.18.
 */
import { assert } from '../arena/assert.ts';
import { EINVAL, ENODEV, type Errno } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import type { Vma, VmaWrite } from '../mm/held.ts';
import { hasFlag, VM_UFFD_WP } from '../mm/vm_flags.ts';
import { vmFile, vmFlags, vmMm, vmOps } from '../mm/vma_struct.ts';
import type { WritableAtOnce } from '../page/change_protection.ts';
import type { Page } from '../page/page_struct.ts';
import type { FaultError } from '../page/vm_fault.ts';
import { VIOLATED_ABSENT } from '../trace/verdict.ts';
import { reportDriverFault } from './driver_fault.ts';
import { registeredDriver, VM_OPS_PER_DRIVER } from './driver_registry.ts';
import { driverName, FIRST_DRIVER } from './driver_table.ts';
import { fileInode } from './file_struct.ts';
import { filemapFault, filemapMapPages, filemapPageMkwrite, type MapVisit } from './filemap.ts';
import type { Inode } from './inode.ts';
import type { PageSpan } from './page_cache.ts';
import { specialMappingFault } from './special_mapping.ts';

export interface VmOperations {
  readonly name: string;
  /** There is one more VMA of the mapping: by a split, a fork, a move. Not by mmap(). */
  open?(vma: VmaWrite): void;
  /**
   * The VMA goes. Such a VMA may grow or shrink, but a merge may not remove it. Its pages are
   * gone already; whatever this throws, the VMA goes.
   */
  close?(vma: VmaWrite): void;
  /** `prepare` only: the VMA was made for a mapping, and not merged into a neighbour. */
  mapped?(vma: VmaWrite): void;
  /** Whether the VMA may be cut at `addr`, in bytes. @returns an errno to refuse. */
  maySplit?(vma: Vma, addr: number): 0 | Errno;
  /**
   * Finds the page of a fault; `pgoff` in pages of the file, `flags` FAULT_FLAG_*.
   *
   * @returns the page, locked and with one reference, which the entry or the caller then has; or
   *   why there is none. wasMajorFault() tells whether it had to be read.
   */
  fault?(vma: Vma, pgoff: number, flags: number): Page | FaultError;
  /** Visits what is already in memory of a span of pages of the file: fault-around. */
  mapPages?(vma: Vma, span: PageSpan, visit: MapVisit): void;
  /**
   * A page of a shared mapping is about to become writable. The caller holds its lock and a
   * reference, and keeps both. Without this hook it may become so at once.
   *
   * @returns FAULT_NOPAGE when it left its file: the fault begins again.
   */
  pageMkwrite?(vma: Vma, page: Page): 0 | FaultError;
}

export const ANON_VM_OPS = 0;
/** Of a VMA that is not yet, or no longer, anybody's: not anonymous, and nothing is called. */
export const DUMMY_VM_OPS = 1;
export const GENERIC_FILE_VM_OPS = 2;
export const SHMEM_VM_OPS = 3;
export const SPECIAL_MAPPING_VM_OPS = 4;
export const SECRETMEM_VM_OPS = 5;
/** System V shared memory, which counts attachments in open and close. */
export const SHM_VM_OPS = 6;
/** From here on, the tables of drivers that workers register. */
export const DRIVER_VM_OPS = 16;

function vmInode(vma: Vma): Inode {
  const file = vmFile(vma);
  assert(file !== NULL, 'a mapping with the operations of a file has one');
  return fileInode(file);
}

/** Of memory that has no other home: written at once. */
const shmemFaults = {
  fault: (vma: Vma, pgoff: number): Page | FaultError => filemapFault(vmInode(vma), pgoff),
  mapPages: (vma: Vma, span: PageSpan, visit: MapVisit): void =>
    filemapMapPages(vmInode(vma), span, visit),
};
/** Of files that are written back: who writes is told apart. */
const fileFaults = {
  ...shmemFaults,
  pageMkwrite: (vma: Vma, page: Page): 0 | FaultError => filemapPageMkwrite(vmInode(vma), page),
};

/** What a driver gives its VMAs whose private pages are anonymous memory. */
export const anonVmOps: VmOperations = { name: 'anon' };
export const genericFileVmOps: VmOperations = { name: 'generic_file', ...fileFaults };
export const shmemVmOps: VmOperations = { name: 'shmem', ...shmemFaults };
export const secretmemVmOps: VmOperations = { name: 'secretmem', fault: shmemFaults.fault };

const TABLE: readonly VmOperations[] = [
  anonVmOps,
  { name: 'dummy' },
  genericFileVmOps,
  shmemVmOps,
  { name: 'special_mapping', maySplit: () => EINVAL, fault: specialMappingFault },
  secretmemVmOps,
  // Nothing counts attachments yet: that there is a close hook is what merges ask.
  { name: 'shm', close: () => undefined, ...shmemFaults },
];

/** In place of what this worker does not have: never removed by a merge, never cut, no pages. */
const ABSENT: VmOperations = {
  name: 'absent',
  open: (vma) => reportAbsent(vma, 'open'),
  close: (vma) => reportAbsent(vma, 'close'),
  maySplit: () => ENODEV,
};

function reportAbsent(vma: Vma, hook: string): void {
  const driver = driverName(driverOfVmOps(vmOps(vma)));
  const what = 'this worker has not registered the driver';
  const violation = VIOLATED_ABSENT;
  reportDriverFault({ driver, hook, violation, what, thrown: null }, vmMm(vma));
}

export const vmOperations = (ops: number): VmOperations =>
  (ops < DRIVER_VM_OPS ? TABLE[ops] : driverVmOperations(ops)) ?? ABSENT;

/**
 * Whether the first store to each clean page of shared memory is to take a fault: the file, or who
 * watches, wants to know.
 *
 * Source: mm/vma.c, vma_wants_writenotify(), v6.18.
 */
export const vmaWantsWritenotify = (vma: Vma, ops: VmOperations): boolean =>
  ops.pageMkwrite !== undefined || hasFlag(vmFlags(vma), VM_UFFD_WP);

/** Which pages stay writable when the protection of shared memory is set anew. */
export function writableAtOnce(vma: Vma): WritableAtOnce {
  const ops = vmOperations(vmOps(vma));
  if (!vmaWantsWritenotify(vma, ops)) return 'all';
  return ops.pageMkwrite === undefined ? 'none' : 'dirty';
}

/** The number of the driver whose table this is. */
export const driverOfVmOps = (ops: number): number =>
  FIRST_DRIVER + Math.floor((ops - DRIVER_VM_OPS) / VM_OPS_PER_DRIVER);

/** @returns the number by which VMAs know these operations of this driver, or -1: not its own. */
export function vmOpsNumber(operations: unknown, driver: number): number {
  const builtIn = TABLE.findIndex((table) => table === operations);
  if (builtIn >= 0) return builtIn;
  const known = driver < FIRST_DRIVER ? null : registeredDriver(driver);
  const isIt = (table: VmOperations): boolean => table === operations;
  const index = (known?.driver.vmOperations ?? []).findIndex(isIt);
  return index < 0 ? -1 : DRIVER_VM_OPS + (driver - FIRST_DRIVER) * VM_OPS_PER_DRIVER + index;
}

function driverVmOperations(ops: number): VmOperations | undefined {
  const index = (ops - DRIVER_VM_OPS) % VM_OPS_PER_DRIVER;
  return registeredDriver(driverOfVmOps(ops))?.vmOperations[index];
}
