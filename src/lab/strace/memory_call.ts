import type { Word } from './record.ts';
import type { Text } from './text.ts';
import type { Fd } from './value.ts';

/**
 * The calls that decide what an address space looks like, with numbers for arguments.
 *
 * Fields are named as in the man pages, in camelCase, but for two: the length of a range is `len`
 * in every call, and the name of a file is `pathname`. What C declares an int is a number; a
 * register (address, length, offset, prot, flags) is a Word.
 */
export type MemoryCall = RangeCall | MapCall | PolicyCall | ProcessCall | ShmCall | FileCall;

/** A pointer or array the decoder does not follow is kept as printed. */
export type Raw = string;

interface Range {
  readonly addr: Word;
  readonly len: Word;
}

export type RangeCall =
  | (Range & { readonly name: 'munmap' | 'munlock' | 'mlock' | 'mincore' })
  | (Range & { readonly name: 'mprotect'; readonly prot: Word })
  | (Range & { readonly name: 'pkey_mprotect'; readonly prot: Word; readonly pkey: number })
  | (Range & { readonly name: 'madvise'; readonly advice: number })
  | (Range & { readonly name: 'msync' | 'mlock2'; readonly flags: number })
  | (Range & { readonly name: 'mseal'; readonly flags: Word })
  | { readonly name: 'mlockall'; readonly flags: number }
  | { readonly name: 'munlockall' };

export type MapCall =
  | (Range & {
      readonly name: 'mmap';
      readonly prot: Word;
      readonly flags: Word;
      /** Null for -1, no file. */
      readonly fd: Fd | null;
      readonly offset: Word;
    })
  | {
      readonly name: 'mremap';
      readonly oldAddress: Word;
      readonly oldSize: Word;
      readonly newSize: Word;
      readonly flags: Word;
      /** Null when strace does not print it: without MREMAP_FIXED or MREMAP_DONTUNMAP. */
      readonly newAddress: Word | null;
    }
  | { readonly name: 'brk'; readonly addr: Word }
  | (Range & {
      readonly name: 'remap_file_pages';
      readonly prot: Word;
      readonly pgoff: Word;
      readonly flags: Word;
    })
  | (Range & { readonly name: 'map_shadow_stack'; readonly flags: number });

export type PolicyCall =
  | (Range & {
      readonly name: 'mbind';
      readonly mode: number;
      readonly nodemask: Raw;
      readonly maxnode: Word;
      readonly flags: number;
    })
  | {
      readonly name: 'process_madvise';
      readonly pidfd: number;
      /** Null when strace could not read the vector. */
      readonly ranges: readonly { readonly addr: Word; readonly len: Word }[] | null;
      readonly advice: number;
      readonly flags: number;
    }
  | { readonly name: 'pkey_alloc'; readonly flags: number; readonly accessRights: number }
  | { readonly name: 'pkey_free'; readonly pkey: number };

export interface CloneCall {
  readonly name: 'clone' | 'clone3' | 'fork' | 'vfork';
  /** CLONE_* bits, without the signal; above 2^32 with clone3. */
  readonly flags: number;
  readonly exitSignal: number;
  readonly stack: Word;
  /** clone3 gives the lowest address of the stack and this; the others its end, and 0. */
  readonly stackSize: Word;
  /** Null when there is no child, or the log does not know it. */
  readonly childTid: number | null;
  /** CLONE_VM: the child runs in the caller's address space. */
  readonly sharesMm: boolean;
  /** CLONE_THREAD. */
  readonly isThread: boolean;
  /** CLONE_VFORK: the caller waits until the child has its own address space or is gone. */
  readonly isVfork: boolean;
}

export interface ExecCall {
  readonly name: 'execve' | 'execveat';
  readonly dirfd: Fd | null;
  readonly pathname: string | null;
  /** Null when strace could not read it. */
  readonly argv: readonly string[] | null;
  readonly flags: number;
}

export interface WaitCall {
  readonly name: 'wait4' | 'waitid';
  /** As wait4() takes it: a child, -1 for any, 0 and -n for groups. */
  readonly pid: number;
  readonly options: number;
  /** The child that had ended; null when the call tells of none. */
  readonly childTid: number | null;
  /** How, as wait4() puts it in a word, without that of a core; null when the log does not say. */
  readonly status: number | null;
}

/** rt_sigaction(SIGCHLD). */
export interface SigchldCall {
  readonly name: 'rt_sigaction';
  /** Whether children that end leave no zombies from now on; null when the call only asks. */
  readonly ignores: boolean | null;
}

export interface Limit {
  readonly cur: Word;
  readonly max: Word;
}

export interface LimitCall {
  readonly name: 'prlimit64' | 'setrlimit' | 'getrlimit';
  /** 0 is the caller. */
  readonly pid: number;
  readonly resource: number;
  /** Null when the call sets none. */
  readonly newLimit: Limit | null;
  readonly oldLimit: Limit | null;
}

export interface PrctlCall {
  readonly name: 'prctl';
  readonly option: number;
  /** The second to the fifth argument; null where a string or structure is printed. */
  readonly args: readonly (Word | null)[];
  /** The first string among them: the name of PR_SET_NAME and PR_SET_VMA, which may be cut. */
  readonly text: Text | null;
}

export type ProcessCall =
  | CloneCall
  | ExecCall
  | LimitCall
  | PrctlCall
  | WaitCall
  | SigchldCall
  | { readonly name: 'exit' | 'exit_group'; readonly status: number }
  | { readonly name: 'personality'; readonly persona: Word }
  /** `addr` is null where strace prints what the kernel wrote there. */
  | { readonly name: 'arch_prctl'; readonly op: number; readonly addr: Word | null };

export type ShmCall =
  | { readonly name: 'shmget'; readonly key: number; readonly size: Word; readonly shmflg: number }
  | {
      readonly name: 'shmat';
      readonly shmid: number;
      readonly shmaddr: Word;
      readonly shmflg: number;
    }
  | { readonly name: 'shmdt'; readonly shmaddr: Word };

export type FileCall =
  | {
      readonly name: 'open' | 'openat' | 'creat';
      readonly dirfd: Fd | null;
      /** Null when strace could not read it. */
      readonly pathname: string | null;
      readonly flags: number;
      readonly mode: number;
    }
  | { readonly name: 'memfd_create'; readonly pathname: string | null; readonly flags: number }
  | { readonly name: 'memfd_secret' | 'userfaultfd'; readonly flags: number }
  | { readonly name: 'dup'; readonly oldfd: Fd }
  | {
      readonly name: 'dup2' | 'dup3';
      readonly oldfd: Fd;
      readonly newfd: number;
      readonly flags: number;
    }
  | { readonly name: 'close'; readonly fd: Fd }
  | { readonly name: 'fcntl'; readonly fd: Fd; readonly op: number; readonly arg: Word | null }
  | { readonly name: 'ftruncate'; readonly fd: Fd; readonly length: Word }
  | { readonly name: 'truncate'; readonly pathname: string | null; readonly length: Word };
