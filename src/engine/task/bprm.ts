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
import { mmput } from '../mm/mm_refs.ts';
import { rlimit, RLIMIT_STACK, type Task, taskMm } from '../mm/task_struct.ts';
import type { File } from '../mm/vma_struct.ts';
import type { ExecWish } from './exec_request.ts';
import { newMm } from './setup_exec.ts';

/** Bytes of a file that say what it is. */
const BINPRM_BUF_SIZE = 256;

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
  readonly wish: ExecWish;

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
  /** Bytes of each argument, with its NUL; the first argument is last, on top of the stack. */
  readonly args: number[];
  /** Strings of the environment. */
  envc: number;

  /** The point of no return is behind. */
  isCommitted: boolean;

  // Result.
  entry: number;
}

/** @returns an exec that has its file and an empty address space; EBADF, EACCES, ENOMEM. */
export function allocBprm(task: Task, wish: ExecWish): Bprm | Errno {
  const file = execFile(wish.fd);
  if (isErr(file)) return file;
  const mm = newMm(task);
  if (mm === NULL) {
    fput(file);
    return ENOMEM;
  }
  return {
    task,
    wish,
    mm,
    stackLimit: rlimit(RLIMIT_STACK),
    file,
    interpreter: NULL,
    interp: wish.filename,
    head: new Uint8Array(BINPRM_BUF_SIZE),
    p: 0,
    argMin: 0,
    exec: 0,
    args: [],
    envc: 0,
    isCommitted: false,
    entry: 0,
  };
}

/** Drops what the exec held, and the new address space unless the task has it. */
export function freeBprm(bprm: Bprm): void {
  fput(bprm.file);
  if (bprm.interpreter !== NULL) fput(bprm.interpreter);
  if (taskMm(bprm.task) !== bprm.mm) mmput(bprm.mm);
}

/** Opens by the caller's resolver. @returns a file with a reference; its errno, or as execFile(). */
export function openExec(bprm: Bprm, path: Uint8Array): File | Errno {
  if (path.length === 0) return EACCES; // the current directory, and that is no program
  const fd = bprm.wish.open(decoder.decode(path));
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
