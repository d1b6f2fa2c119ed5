/**
 * Files in memory: memfd and tmpfs, and the objects behind shared anonymous memory.
 *
 * Source: mm/shmem.c, shmem_mmap(), shmem_zero_setup(), v6.18.
 */
import * as atomics from '#atomics';
import { OK } from '../../arena/errno.ts';
import { H_SHMEM_INO } from '../../arena/layout.ts';
import { NULL, type Null } from '../../arena/ref.ts';
import { PAGE_SIZE } from '../../arena/units.ts';
import { chargeMemory } from '../../mm/accounting.ts';
import type { MmRead } from '../../mm/held.ts';
import { hasFlag, VM_NORESERVE, type VmFlags } from '../../mm/vm_flags.ts';
import type { File } from '../../mm/vma_struct.ts';
import type { Driver } from '../driver.ts';
import { fileNew, FMODE_READ, FMODE_WRITE } from '../file_struct.ts';
import { everyGeneration } from '../hooks/stack.ts';
import { shmemVmOps } from '../vm_ops.ts';

export const shmemDriver: Driver = {
  name: 'shmem',
  fileOperations: everyGeneration((desc) => {
    desc.vmOps = shmemVmOps;
    return OK;
  }),
};

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
