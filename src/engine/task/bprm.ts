/**
 * Describes an exec, threaded through all of it: the kernel's linux_binprm.
 *
 * Source: include/linux/binfmts.h, fs/exec.c, alloc_bprm(), v6.18.
 */
import { EACCES, EBADF, ENOMEM, type Errno, isErr } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { fdClose, fget } from '../file/fd_table.ts';
import { fileInode, fput, isFileReadable } from '../file/file_struct.ts';
import { I_NOEXEC, inodeHas, inodeKind } from '../file/inode.ts';
import type { Mm } from '../mm/held.ts';
import { mmFlags, setMmFlags, setMmLayout } from '../mm/mm_struct.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { mmAlloc } from '../mm/mm_refs.ts';
import { mmDefFlags } from '../mm/mm_struct.ts';
import { rlimit, RLIMIT_STACK, type Task, taskMm } from '../mm/task_struct.ts';
import { commonFlags, VM_INIT_DEF_MASK } from '../mm/vm_flags.ts';
import type { File } from '../mm/vma_struct.ts';
import { mmput } from './exit.ts';
import { inheritedFlags } from './fork.ts';

/** Bytes of a file that say what it is. */
export const BINPRM_BUF_SIZE = 256;

/** A string of a program: text, or bytes as they are. It ends at its first NUL, if it has one. */
export type ExecString = string | Uint8Array;

/**
 * Opens a loader or a script's interpreter by its path.
 *
 * @returns a descriptor, which the exec closes; or an errno, such as ENOENT, for what cannot be
 *   executed.
 */
export type OpenExec = (path: string) => number | Errno;

export interface ExecveRequest {
  /** Of the program; it stays open. */
  readonly fd: number;
  /** As the program is told, and a script's interpreter. */
  readonly path: ExecString;
  readonly argv: readonly ExecString[];
  readonly envp: readonly ExecString[];
  readonly open: OpenExec;
}

/** Where a program starts. */
export interface ExecStart {
  /** The first instruction. */
  readonly entry: number;
  /** The stack pointer: argc lies there, then the pointers, then the auxiliary vector. */
  readonly stackPointer: number;
}

export interface Bprm {
  // Given by the caller.
  readonly task: Task;
  readonly request: ExecveRequest;
  /** The program's name, without NUL. */
  readonly filename: Uint8Array;

  /** The address space to come. Its one user is this exec, later the task. */
  readonly mm: Mm;
  /** RLIMIT_STACK at the beginning, in bytes. */
  readonly stackLimit: number;

  // What is being loaded.
  file: File;
  /** What the script that was read wants to be loaded in its place. */
  interpreter: File | Null;
  /** The name under which `file` is known. */
  interp: Uint8Array;
  /** The first bytes of `file`; zeros behind its end. */
  readonly head: Uint8Array;

  // Argument pages.
  /** Where the last string was written: the stack's top so far. */
  p: number;
  /** Below it there is no room for more strings. */
  argMin: number;
  /** Where the program's name lies. */
  exec: number;
  /** Bytes of each string of argv and envp, with its NUL. */
  readonly args: number[];
  readonly envs: number[];

  /** The point of no return: the old address space is gone. */
  isCommitted: boolean;

  // Result.
  entry: number;
}

const encoder = new TextEncoder();

/** @returns the bytes before the first NUL. */
export function bytesOf(text: ExecString): Uint8Array {
  const bytes = typeof text === 'string' ? encoder.encode(text) : text;
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** @returns an exec that has its file and an empty address space; EBADF, EACCES, ENOMEM. */
export function allocBprm(task: Task, request: ExecveRequest): Bprm | Errno {
  const file = execFile(request.fd);
  if (isErr(file)) return file;
  const mm = newMm(task);
  if (mm === NULL) {
    fput(file);
    return ENOMEM;
  }
  const filename = bytesOf(request.path);
  return {
    task,
    request,
    filename,
    mm,
    stackLimit: rlimit(RLIMIT_STACK),
    file,
    interpreter: NULL,
    interp: filename,
    head: new Uint8Array(BINPRM_BUF_SIZE),
    p: 0,
    argMin: 0,
    exec: 0,
    args: [],
    envs: [],
    isCommitted: false,
    entry: 0,
  };
}

/** Drops what the exec held; without its commitment the new address space too. */
export function freeBprm(bprm: Bprm): void {
  fput(bprm.file);
  if (bprm.interpreter !== NULL) fput(bprm.interpreter);
  if (!bprm.isCommitted) mmput(bprm.mm);
}

/** Opens by the caller's resolver. @returns a file with a reference; its errno, or as execFile(). */
export function openExec(bprm: Bprm, path: Uint8Array): File | Errno {
  if (path.length === 0) return EACCES; // the current directory, and that is no program
  const fd = bprm.request.open(decoder.decode(path));
  if (isErr(fd)) return fd;
  const file = execFile(fd);
  fdClose(fd);
  return file;
}

const decoder = new TextDecoder();

/**
 * @returns an open file with a reference; EBADF, EACCES for what is no file of bytes, is mounted
 * noexec or cannot be read.
 *
 * Source: fs/exec.c, do_open_execat(), v6.18.
 */
function execFile(fd: number): File | Errno {
  const file = fget(fd);
  if (file === NULL) return EBADF;
  const inode = fileInode(file);
  const isRegular = inodeKind(inode) === 'regular' || inodeKind(inode) === 'shmem';
  if (isRegular && !inodeHas(inode, I_NOEXEC) && isFileReadable(file)) return file;
  fput(file);
  return EACCES;
}

/** Locks of memory are forgotten; what prctl() set for good is kept. Source: kernel/fork.c. */
function newMm(task: Task): Mm | Null {
  const mm = mmAlloc();
  const old = taskMm(task);
  if (mm === NULL || old === NULL) return mm;
  const locked = mmapWriteLock(mm);
  setMmFlags(locked, inheritedFlags(mmFlags(old)));
  setMmLayout(locked, { defFlags: commonFlags(mmDefFlags(old), VM_INIT_DEF_MASK) });
  mmapWriteUnlock(locked);
  return mm;
}
