/** /dev/zero. Source: drivers/char/mem.c, mmap_zero(), v6.18. */
import { ENOMEM, OK } from '../../arena/errno.ts';
import { NULL } from '../../arena/ref.ts';
import { hasFlag, VM_SHARED } from '../../mm/vm_flags.ts';
import type { Driver } from '../driver.ts';
import { everyGeneration } from '../hooks/stack.ts';
import { anonVmOps, shmemVmOps } from '../vm_ops.ts';
import { shmemZeroSetup } from './shmem.ts';

/** Private: anonymous memory that remembers the device. Shared: an object of its own. */
export const zeroDriver: Driver = {
  name: 'zero',
  fileOperations: everyGeneration((desc) => {
    if (!hasFlag(desc.vmFlags, VM_SHARED)) {
      desc.vmOps = anonVmOps;
      return OK;
    }
    const file = shmemZeroSetup(desc.mm, desc.end - desc.start, desc.vmFlags);
    if (file === NULL) return ENOMEM;
    desc.vmFile = file;
    desc.vmOps = shmemVmOps;
    return OK;
  }),
};
