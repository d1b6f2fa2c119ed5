/**
 * What drivers do with a VMA, by number: a VMA holds a small number because
 * functions cannot be shared between workers, and every worker has this table.
 *
 * Number 0 is the absence of operations, which is what makes a VMA anonymous.
 *
 * Source: include/linux/mm.h, vm_operations_struct, v6.18.
 */
import { EINVAL, type Errno, OK } from '../arena/errno.ts';
import type { Null } from '../arena/ref.ts';
import type { Vma } from '../mm/held.ts';
import type { Page } from '../page/page_struct.ts';

export interface VmOperations {
  readonly name: string;
  /** Has a close hook: such a VMA may grow or shrink, but a merge may not remove it. */
  readonly hasClose: boolean;
  /** Whether a VMA may be cut. */
  readonly maySplit: () => 0 | Errno;
  /**
   * Finds the page at this place of the file, in pages. `flags` are FAULT_FLAG_*.
   *
   * @returns it locked, with a reference for the caller; or -VM_FAULT_*, which is negative.
   */
  readonly fault?: (vma: Vma, pgoff: number, flags: number) => Page | number;
  /**
   * Is told before a page of a shared mapping is written for the first time since it was
   * clean; without it such pages are mapped writable at once. The page is locked and stays so.
   *
   * @returns 0 or VM_FAULT_*
   */
  readonly pageMkwrite?: (vma: Vma, page: Page) => number;
  /**
   * Finds the first page from `first` to `last`, inclusive, that could be mapped without
   * waiting. @returns it as `fault` does, or NULL.
   */
  readonly mapPages?: (vma: Vma, first: number, last: number) => Page | Null;
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

const TABLE: readonly VmOperations[] = [
  operations('anon'),
  operations('dummy'),
  operations('generic_file'),
  operations('shmem'),
  { name: 'special_mapping', hasClose: false, maySplit: nowhere },
  operations('secretmem'),
  { name: 'shm', hasClose: true, maySplit: anywhere },
];

export const vmOperations = (ops: number): VmOperations => TABLE[ops] ?? operations('unknown');
