/**
 * Drivers whose hook decides about flags and nothing else, in all three generations. Converting one
 * from `.mmap` took a second function; the core did not change.
 */
import { OK } from '../../arena/errno.ts';
import type { VmFlags } from '../../mm/vm_flags.ts';
import type { Driver } from '../driver.ts';
import type { VmOperations } from '../vm_ops.ts';

export interface FlagDecision {
  readonly name: string;
  readonly vmOps: VmOperations;
  readonly decide: (flags: VmFlags) => VmFlags;
}

/** A converted driver: `.mmap` in `legacy`, and the descriptor hook since. */
export const flagDriver = ({ name, vmOps, decide }: FlagDecision): Driver => ({
  name,
  vmOperations: [vmOps],
  fileOperations: {
    legacy: {
      mmap: (_file, vma) => {
        vma.vmFlags = decide(vma.vmFlags);
        vma.vmOps = vmOps;
        return OK;
      },
    },
    proto: {
      mmapProto: (proto) => {
        proto.flags = decide(proto.flags);
        proto.vmOps = vmOps;
        return OK;
      },
    },
    prepare: {
      mmapPrepare: (desc) => {
        desc.vmFlags = decide(desc.vmFlags);
        desc.vmOps = vmOps;
        return OK;
      },
    },
  },
});

/** The same driver before anybody converted it: `.mmap` in every generation. */
export const unconverted = (driver: Driver): Driver => ({
  ...driver,
  name: `${driver.name}, .mmap`,
  fileOperations:
    'legacy' in driver.fileOperations ? driver.fileOperations.legacy : driver.fileOperations,
});
