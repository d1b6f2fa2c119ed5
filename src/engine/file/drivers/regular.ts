/** Files of an ordinary file system. Source: mm/filemap.c, generic_file_mmap_prepare(), v6.18. */
import { EOPNOTSUPP, OK } from '../../arena/errno.ts';
import { hasFlag, VM_SYNC } from '../../mm/vm_flags.ts';
import type { Driver } from '../driver.ts';
import { fileInode } from '../file_struct.ts';
import { everyGeneration } from '../hooks/stack.ts';
import { I_NO_SYNC, inodeHas } from '../inode.ts';
import { genericFileVmOps } from '../vm_ops.ts';

export const regularDriver: Driver = {
  name: 'regular',
  fileOperations: everyGeneration((desc) => {
    if (hasFlag(desc.vmFlags, VM_SYNC) && inodeHas(fileInode(desc.file), I_NO_SYNC)) {
      return EOPNOTSUPP;
    }
    desc.vmOps = genericFileVmOps;
    return OK;
  }),
};

/** What has no pages to map: mmap() of it is ENODEV. */
export const directoryDriver: Driver = { name: 'directory', fileOperations: {} };
