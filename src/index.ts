/**
 * The public face: machines, their processes, and the kernel's constants under
 * the kernel's names.
 */
export {
  Machine,
  type MachineImage,
  type MachineOptions,
  type MachineReport,
  type ReservedMachine,
  type SharedMachine,
} from './machine.ts';
export type { Burial } from './engine/task/bury.ts';
export type { AllocationFailures } from './machine_allocations.ts';
export type { RefusalWitness } from './engine/slab/fail.ts';
export type { FileSpec } from './machine_files.ts';
export { Process, type ProcmapRequest } from './process.ts';
export * from './drivers.ts';

export * from './engine/arena/errno.ts';
export { PAGE_SIZE, PMD_SIZE, TASK_SIZE } from './engine/arena/units.ts';
export type { HostFiles } from './engine/file/host.ts';
export type { Touch } from './engine/fault/touch.ts';
export {
  type Access,
  FAULT_BUS_ADRERR,
  FAULT_BUS_MCEERR_AR,
  FAULT_OOM,
  FAULT_SEGV_ACCERR,
  FAULT_SEGV_MAPERR,
  type FaultCode,
} from './engine/fault/user_fault.ts';
export type { Width } from './engine/fault/access.ts';
export {
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  I_APPEND,
  I_CACHED,
  I_HUGE_ALIGN,
  I_NO_SYNC,
  I_NOEXEC,
  I_OWNED,
  I_SETID,
  I_SWAPFILE,
  type InodeKind,
  type InodeSpec,
} from './engine/file/inode.ts';
export * from './engine/file/userfaultfd_values.ts';
export type { MmDouble, MmLayout } from './engine/mm/mm_struct.ts';
export type { Protocol, ProtocolAxis } from './engine/mm/protocol.ts';
export { PROTOCOL_AXES } from './engine/mm/protocol.ts';
export type { SysctlName, Sysctls } from './engine/mm/sysctl.ts';
export {
  ADDR_COMPAT_LAYOUT,
  ADDR_NO_RANDOMIZE,
  ALL_CAPS,
  CAP_FOWNER,
  CAP_IPC_LOCK,
  CAP_SYS_ADMIN,
  CAP_SYS_PTRACE,
  CAP_SYS_RAWIO,
  MMAP_PAGE_ZERO,
  READ_IMPLIES_EXEC,
  RLIM_INFINITY,
  type Rlimit,
  RLIMIT_AS,
  RLIMIT_DATA,
  RLIMIT_MEMLOCK,
  RLIMIT_NPROC,
  RLIMIT_STACK,
  SIGCHLD,
  SIGKILL,
  SIGSEGV,
} from './engine/mm/task_struct.ts';
export * from './engine/mm/vm_flags.ts';
export { vmFlagsOfText, vmFlagsText } from './engine/procfs/smaps.ts';
export {
  PROCMAP_QUERY_COVERING_OR_NEXT_VMA,
  PROCMAP_QUERY_FILE_BACKED_VMA,
  PROCMAP_QUERY_VMA_EXECUTABLE,
  PROCMAP_QUERY_VMA_READABLE,
  PROCMAP_QUERY_VMA_SHARED,
  PROCMAP_QUERY_VMA_WRITABLE,
  type ProcmapAnswer,
} from './engine/procfs/procmap_query.ts';
export type { PageStats } from './engine/procfs/page_stats.ts';
export type { RssInfo } from './engine/procfs/rss_info.ts';
export type { VmaGlimpse } from './engine/procfs/vma_glimpse.ts';
export type { BackingFile, VmaInfo } from './engine/procfs/vma_info.ts';
export type { CacheStats } from './engine/slab/cache.ts';
export * from './engine/syscall/madvise_values.ts';
export {
  MPOL_BIND,
  MPOL_DEFAULT,
  MPOL_INTERLEAVE,
  MPOL_LOCAL,
  MPOL_PREFERRED,
  MPOL_PREFERRED_MANY,
  MPOL_WEIGHTED_INTERLEAVE,
} from './engine/syscall/mbind.ts';
export { MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT } from './engine/syscall/mlock.ts';
export { MS_ASYNC, MS_INVALIDATE, MS_SYNC } from './engine/syscall/msync.ts';
export {
  PR_GET_MDWE,
  PR_MDWE_NO_INHERIT,
  PR_MDWE_REFUSE_EXEC_GAIN,
  PR_SET_MDWE,
  PR_SET_MEMORY_MERGE,
  PR_SET_VMA,
  PR_SET_VMA_ANON_NAME,
} from './engine/syscall/prctl.ts';
export type { Word } from './engine/syscall/ulong.ts';
export type { UffdMessage } from './engine/syscall/userfaultfd_read.ts';
export type { UserfaultHandler } from './engine/fault/userfault.ts';
export type { Userfault } from './engine/file/userfaultfd_fault.ts';
export * from './engine/task/auxv.ts';
export type { ExecStart } from './engine/task/bprm.ts';
export * from './engine/task/clone_values.ts';
export type { ExecString, ExecveRequest, OpenExec } from './engine/task/exec_request.ts';
export type { ExecImage, InitialVma } from './engine/task/exec.ts';
export { defaultMmapBase } from './engine/task/exec_layout.ts';
export * from './engine/task/wait_values.ts';
export type { Manner, MmVisit } from './engine/task/foreign_walk.ts';
export { FORK_STEPS, type ForkStep } from './engine/task/fork_failure.ts';
export type { CounterName } from './engine/trace/counters.ts';
export type { EventName, TraceRecord } from './engine/trace/events.ts';
export {
  LIMIT_ARENA,
  LIMIT_AS,
  LIMIT_COMMIT,
  LIMIT_DATA,
  LIMIT_MAP_COUNT,
  LIMIT_MEMLOCK,
  LIMIT_MIN_ADDR,
  LIMIT_RAM,
  LIMIT_STACK,
  LIMIT_TASK_SIZE,
  REFUSED_ANON_NAME,
  REFUSED_ANON_VMA,
  REFUSED_BOTH_ANON_VMA,
  REFUSED_CLOSE,
  REFUSED_DRIVER,
  REFUSED_FILE,
  REFUSED_FLAGS,
  REFUSED_FORK_CHILD,
  REFUSED_INSIDE,
  REFUSED_NO_NEIGHBOUR,
  REFUSED_PGOFF,
  REFUSED_POLICY,
  REFUSED_SPECIAL,
  REFUSED_UFFD,
  REFUSAL_NAMES,
  LIMIT_NAMES,
  type Verdict,
  VIOLATED_ABSENT,
  VIOLATED_FLAGS,
  VIOLATED_FRAME,
  VIOLATED_IMMUTABLE,
  VIOLATED_LATE,
  VIOLATED_RANGE,
  VIOLATED_RESULT,
  VIOLATED_THROW,
  VIOLATED_UNKNOWN,
  VIOLATED_VALUE,
} from './engine/trace/verdict.ts';
export { CHANGE_NAMES } from './engine/trace/changes.ts';
export * from './engine/vma/map_flags.ts';
