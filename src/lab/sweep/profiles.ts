/** Kinds of random programs: how often each call is made. */
import type { StepName } from './step.ts';

export type Weights = Readonly<Partial<Record<StepName, number>>>;

const CALLS: Weights = {
  mmap: 22,
  munmap: 8,
  mprotect: 12,
  mremap: 12,
  madvise: 10,
  touch: 6,
  store: 16,
  brk: 3,
  mlock: 2,
  munlock: 2,
  mbind: 1,
  name: 2,
  open: 2,
  msync: 1,
};

export const PROFILES = {
  mixed: {
    ...CALLS,
    fork: 3,
    clone: 1,
    exit: 1,
    pwrite: 2,
    truncate: 1,
    exec: 0.5,
    execve: 0.5,
    mseal: 0.5,
  },
  anonymous: { ...CALLS, open: 0, mmap: 18, store: 22 },
  files: {
    ...CALLS,
    open: 6,
    pwrite: 5,
    pread: 3,
    truncate: 3,
    punch_hole: 2,
    fsync: 1,
    reopen: 1,
  },
  fork: { ...CALLS, fork: 8, clone: 2, exit: 4, store: 22 },
  userfault: {
    ...CALLS,
    userfaultfd: 2,
    uffd_register: 10,
    uffd_unregister: 4,
    uffd_copy: 4,
    uffd_zeropage: 4,
    uffd_writeprotect: 4,
    uffd_read: 3,
    fork: 3,
    close: 1,
  },
  lock: { ...CALLS, mlock: 8, mlock2: 4, munlock: 8, mlockall: 2, munlockall: 2 },
} as const satisfies Readonly<Record<string, Weights>>;

export type SweepProfile = keyof typeof PROFILES;

export const PROFILE_NAMES = Object.keys(PROFILES) as SweepProfile[];

export const isProfile = (name: string): name is SweepProfile => Object.hasOwn(PROFILES, name);
