/**
 * Drivers for the races of seed 001. What they count they keep in their file's word, which is in
 * the shared memory: mmap_lock guards it.
 */
import {
  type Driver,
  EAGAIN,
  EIO,
  type File,
  filePrivateData,
  genericFileVmOps,
  getFile,
  setFilePrivateData,
  VM_DONTDUMP,
  vmFile,
  type VmOperations,
  withFlags,
} from '../../index.ts';

const count = (file: File, more: number): void =>
  setFilePrivateData(file, filePrivateData(file) + more);

/** Refuses every mapping. */
export const REFUSES: Driver = {
  name: 'refuses',
  fileOperations: {
    prepare: { mmapPrepare: () => EAGAIN },
    proto: { mmapProto: () => EAGAIN },
    legacy: { mmap: () => EAGAIN },
  },
};

/** Keeps its memory out of core dumps: with .mmap that makes two VMAs mergeable too late. */
export const MARKS: Driver = {
  name: 'marks',
  fileOperations: {
    prepare: {
      mmapPrepare(desc) {
        desc.vmFlags = withFlags(desc.vmFlags, VM_DONTDUMP);
        return 0;
      },
    },
    proto: {
      mmapProto(proto) {
        proto.flags = withFlags(proto.flags, VM_DONTDUMP);
        return 0;
      },
    },
    legacy: {
      mmap(_file, vma) {
        vma.vmFlags = withFlags(vma.vmFlags, VM_DONTDUMP);
        return 0;
      },
    },
  },
};

const CLOSES: VmOperations = {
  name: 'closes',
  close: (vma) => count(vmFile(vma) as File, -1),
};

/** Has done half of its work when it fails: what it counts when a VMA goes was never counted. */
export const HOSTILE: Driver = {
  name: 'hostile',
  vmOperations: [CLOSES],
  fileOperations: {
    mmap(file, vma) {
      vma.vmOps = CLOSES;
      vma.vmPrivateData = 1;
      vma.vmFlags = withFlags(vma.vmFlags, VM_DONTDUMP);
      vma.vmFile = getFile(file);
      return EIO;
    },
  },
};

const COUNTED: VmOperations = {
  ...genericFileVmOps,
  name: 'counted',
  open: (vma) => count(vmFile(vma) as File, 1),
  close: (vma) => count(vmFile(vma) as File, -1),
};

/** Counts a mapping before it knows whether there will be a VMA for it. */
export const COUNTS_IN_HOOK: Driver = {
  name: 'counts in the hook',
  vmOperations: [COUNTED],
  fileOperations: {
    mmapPrepare(desc) {
      desc.vmOps = COUNTED;
      count(desc.file, 1);
      return 0;
    },
  },
};

const MAPPED: VmOperations = {
  ...COUNTED,
  name: 'counted when mapped',
  mapped: (vma) => count(vmFile(vma) as File, 1),
};

/** Counts the VMAs that were made. */
export const COUNTS_MAPPED: Driver = {
  name: 'counts in .mapped',
  vmOperations: [MAPPED],
  fileOperations: {
    mmapPrepare(desc) {
      desc.vmOps = MAPPED;
      return 0;
    },
  },
};
