/**
 * execve(2): a program takes the place of another in a task.
 *
 * Source: fs/exec.c, do_execveat_common(), bprm_execve(), exec_binprm(), v6.18.
 */
import { EINTR, ELOOP, ENOEXEC, type Errno, isErr } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { fileRead } from '../file/read_write.ts';
import { fput } from '../file/file_struct.ts';
import { fatalSignalPending, SIGSEGV, type Task } from '../mm/task_struct.ts';
import { loadElf } from './binfmt_elf.ts';
import { loadScript } from './binfmt_script.ts';
import { allocBprm, type Bprm, type ExecStart, freeBprm } from './bprm.ts';
import { copyAllStrings, createInitStack } from './exec_args.ts';
import { type ExecveRequest, readRequest } from './exec_request.ts';
import { forceFatalSignal } from './kill.ts';

/** Scripts that may be read by scripts. */
const DEPTH_MAX = 5;

/**
 * Loads a program into a new address space, which the task, the running one, then has.
 *
 * Before the point of no return an error leaves the old address space as it was. After it the task
 * is condemned by SIGSEGV, with as much of the new one as there was; what is returned says why.
 *
 * @returns where the program starts; EINTR for a task that is dying; EINVAL, EFAULT for what is no
 *   request; EBADF for the descriptor; EACCES for what is no file of bytes; E2BIG for the strings;
 *   ENOEXEC, ELIBBAD, ELOOP, EIO, ENOMEM; what `open` says of a loader or an interpreter.
 */
export function execve(task: Task, request: ExecveRequest): ExecStart | Errno {
  if (fatalSignalPending()) return EINTR;
  const wish = readRequest(request);
  if (typeof wish === 'number') return wish;
  const bprm = allocBprm(task, wish);
  if (typeof bprm === 'number') return bprm;
  const result = prepareAndLoad(bprm);
  freeBprm(bprm);
  if (!isErr(result)) return { entry: bprm.entry, stackPointer: bprm.p };
  if (bprm.isCommitted) forceFatalSignal(task, SIGSEGV);
  return result;
}

function prepareAndLoad(bprm: Bprm): 0 | Errno {
  const made = createInitStack(bprm);
  if (isErr(made)) return made;
  const copied = copyAllStrings(bprm);
  if (isErr(copied)) return copied;
  for (let depth = 0; depth <= DEPTH_MAX; depth++) {
    const result = searchBinaryHandler(bprm);
    if (isErr(result) || bprm.interpreter === NULL) return result;
    fput(bprm.file);
    bprm.file = bprm.interpreter;
    bprm.interpreter = NULL;
  }
  return ELOOP;
}

/** Asks who knows what this file is. */
function searchBinaryHandler(bprm: Bprm): 0 | Errno {
  bprm.head.fill(0);
  const read = fileRead(bprm.file, 0, bprm.head);
  if (isErr(read)) return read;
  const asElf = loadElf(bprm);
  return asElf !== ENOEXEC || bprm.isCommitted ? asElf : loadScript(bprm);
}
