/**
 * Calls that strace may be too old to name, on x86-64. It prints those as `syscall_0x1ce(...)`,
 * always with six raw arguments.
 *
 * Source: arch/x86/entry/syscalls/syscall_64.tbl, v6.18.
 */
const NAMES = new Map<number, string>([
  [9, 'mmap'],
  [10, 'mprotect'],
  [11, 'munmap'],
  [12, 'brk'],
  [25, 'mremap'],
  [26, 'msync'],
  [27, 'mincore'],
  [28, 'madvise'],
  [29, 'shmget'],
  [30, 'shmat'],
  [31, 'shmctl'],
  [56, 'clone'],
  [57, 'fork'],
  [58, 'vfork'],
  [59, 'execve'],
  [60, 'exit'],
  [67, 'shmdt'],
  [135, 'personality'],
  [149, 'mlock'],
  [150, 'munlock'],
  [151, 'mlockall'],
  [152, 'munlockall'],
  [157, 'prctl'],
  [158, 'arch_prctl'],
  [216, 'remap_file_pages'],
  [231, 'exit_group'],
  [237, 'mbind'],
  [238, 'set_mempolicy'],
  [239, 'get_mempolicy'],
  [256, 'migrate_pages'],
  [279, 'move_pages'],
  [302, 'prlimit64'],
  [310, 'process_vm_readv'],
  [311, 'process_vm_writev'],
  [319, 'memfd_create'],
  [322, 'execveat'],
  [323, 'userfaultfd'],
  [324, 'membarrier'],
  [325, 'mlock2'],
  [329, 'pkey_mprotect'],
  [330, 'pkey_alloc'],
  [331, 'pkey_free'],
  [334, 'rseq'],
  [434, 'pidfd_open'],
  [435, 'clone3'],
  [436, 'close_range'],
  [437, 'openat2'],
  [440, 'process_madvise'],
  [447, 'memfd_secret'],
  [448, 'process_mrelease'],
  [450, 'set_mempolicy_home_node'],
  [451, 'cachestat'],
  [453, 'map_shadow_stack'],
  [462, 'mseal'],
]);

const PREFIX = 'syscall_0x';

/** @returns the name of a call printed by number; any other name unchanged. */
export function syscallName(printed: string): string {
  if (!printed.startsWith(PREFIX)) return printed;
  return NAMES.get(Number.parseInt(printed.slice(PREFIX.length), 16)) ?? printed;
}
