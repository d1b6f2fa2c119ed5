/**
 * What drivers do with a VMA, by number: a VMA holds a small number because
 * functions cannot be shared between workers, and every worker has this table.
 *
 * Number 0 is the absence of operations, which is what makes a VMA anonymous.
 *
 * Source: include/linux/mm.h, vm_operations_struct, v6.18.
 */
import { assert } from '../arena/assert.ts';
import { EINVAL, type Errno, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import type { Vma } from '../mm/held.ts';
import { vmFile } from '../mm/vma_struct.ts';
import type { Page } from '../page/page_struct.ts';
import type { FaultError } from '../page/vm_fault.ts';
import { fileInode } from './file_struct.ts';
import { filemapFault, filemapMapPages, filemapPageMkwrite, type MapVisit } from './filemap.ts';
import type { Inode } from './inode.ts';
import type { PageSpan } from './page_cache.ts';

export interface VmOperations {
  readonly name: string;
  /** Has a close hook: such a VMA may grow or shrink, but a merge may not remove it. */
  readonly hasClose: boolean;
  /** Whether a VMA may be cut. */
  readonly maySplit: () => 0 | Errno;
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

const anywhere = (): 0 => OK;
const nowhere = (): Errno => EINVAL;

const operations = (name: string): VmOperations => ({ name, hasClose: false, maySplit: anywhere });

export const ANON_VM_OPS = 0;
/** Of a VMA that is not yet, or no longer, anybody's: not anonymous, and nothing is called. */
export const DUMMY_VM_OPS = 1;
export const GENERIC_FILE_VM_OPS = 2;
export const SHMEM_VM_OPS = 3;
export const SPECIAL_MAPPING_VM_OPS = 4;
export const SECRETMEM_VM_OPS = 5;
/** System V shared memory, which counts attachments in open and close. */
export const SHM_VM_OPS = 6;

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
const secretmemFaults = { fault: shmemFaults.fault };

const TABLE: readonly VmOperations[] = [
  operations('anon'),
  operations('dummy'),
  { ...operations('generic_file'), ...fileFaults },
  { ...operations('shmem'), ...shmemFaults },
  { name: 'special_mapping', hasClose: false, maySplit: nowhere },
  { ...operations('secretmem'), ...secretmemFaults },
  { name: 'shm', hasClose: true, maySplit: anywhere, ...shmemFaults },
];

export const vmOperations = (ops: number): VmOperations => TABLE[ops] ?? operations('unknown');
