/**
 * memfd_secret: locked memory that nobody else can look into. The one driver whose flags made the
 * second attempt to merge worth while, and so the first on the new hook.
 *
 * Source: mm/secretmem.c, secretmem_mmap_prepare(), v6.18.
 */
import { EAGAIN, EINVAL, OK } from '../../arena/errno.ts';
import { mlockFutureOk } from '../../mm/accounting.ts';
import {
  flagsOf,
  hasFlag,
  VM_DONTDUMP,
  VM_LOCKED,
  VM_MAYSHARE,
  VM_SHARED,
  withFlags,
} from '../../mm/vm_flags.ts';
import type { Driver } from '../driver.ts';
import { everyGeneration } from '../hooks/stack.ts';
import { secretmemVmOps } from '../vm_ops.ts';

const EITHER_SHARED = flagsOf(VM_SHARED, VM_MAYSHARE);

export const secretmemDriver: Driver = {
  name: 'secretmem',
  fileOperations: everyGeneration((desc) => {
    if (!hasFlag(desc.vmFlags, EITHER_SHARED)) return EINVAL;
    const flags = withFlags(desc.vmFlags, flagsOf(VM_LOCKED, VM_DONTDUMP));
    if (!mlockFutureOk(desc.mm, flags, desc.end - desc.start)) return EAGAIN;
    desc.vmFlags = flags;
    desc.vmOps = secretmemVmOps;
    return OK;
  }),
};
