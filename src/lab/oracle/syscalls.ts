/** Numbers of the system calls the oracle makes, x86-64. */
export const SYSCALLS = {
  read: 0,
  write: 1,
  open: 2,
  close: 3,
  fstat: 5,
  mmap: 9,
  mprotect: 10,
  munmap: 11,
  brk: 12,
  ioctl: 16,
  pwrite64: 18,
  mremap: 25,
  msync: 26,
  mincore: 27,
  madvise: 28,
  dup: 32,
  dup2: 33,
  getpid: 39,
  exit: 60,
  wait4: 61,
  fcntl: 72,
  ftruncate: 77,
  prctl: 157,
  setresuid: 117,
  setresgid: 119,
  personality: 135,
  mlock: 149,
  munlock: 150,
  mlockall: 151,
  munlockall: 152,
  remap_file_pages: 216,
  mbind: 237,
  pipe2: 293,
  prlimit64: 302,
  memfd_create: 319,
  userfaultfd: 323,
  mlock2: 325,
  pkey_mprotect: 329,
  pkey_alloc: 330,
  pidfd_open: 434,
  process_madvise: 440,
  memfd_secret: 447,
  mseal: 462,
} as const;

export type SyscallName = keyof typeof SYSCALLS;

/** @returns the number of a call given by name or number. */
export function syscallNumber(call: SyscallName | number): number {
  return typeof call === 'number' ? call : SYSCALLS[call];
}
