/**
 * What drivers do with a VMA, by number: a VMA holds a small number because
 * functions cannot be shared between workers, and every worker has this table.
 *
 * Number 0 is the absence of operations, which is what makes a VMA anonymous.
 *
 * Source: include/linux/mm.h, vm_operations_struct, v6.18.
 */
import { EINVAL, type Errno, OK } from '../arena/errno.ts';

export interface VmOperations {
  readonly name: string;
  /** Has a close hook: such a VMA may grow or shrink, but a merge may not remove it. */
  readonly hasClose: boolean;
  /** Whether a VMA may be cut. */
  readonly maySplit: () => 0 | Errno;
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
