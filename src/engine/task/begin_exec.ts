/**
 * The point of no return of an exec, and what the new program does not take over.
 *
 * Source: fs/exec.c, begin_new_exec(), exec_mmap(), setup_new_exec(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import { fileInode } from '../file/file_struct.ts';
import { I_SETID, inodeHas } from '../file/inode.ts';
import type { MmWrite } from '../mm/held.ts';
import {
  PER_CLEAR_ON_SETID,
  READ_IMPLIES_EXEC,
  setPersonality,
  setTaskMm,
  taskMm,
  taskPersonality,
} from '../mm/task_struct.ts';
import type { Bprm } from './bprm.ts';
import { pickMmapLayout } from './exec_layout.ts';
import { mmput } from './exit.ts';

/** The task leaves its old address space: from here on an error kills it. */
export function beginNewExec(bprm: Bprm): void {
  const { task, mm } = bprm;
  const old = taskMm(task);
  bprm.isCommitted = true;
  setTaskMm(task, mm);
  if (old !== NULL) mmput(old);
}

/** Forgets of the personality what the new program may not have, and says where its parts go. */
export function setupNewExec(mm: MmWrite, { task, file, stackLimit }: Bprm): void {
  const isSetid = inodeHas(fileInode(file), I_SETID);
  // A 64-bit program never reads what it may execute by accident.
  const lost = isSetid ? PER_CLEAR_ON_SETID : READ_IMPLIES_EXEC;
  setPersonality(task, taskPersonality(task) & ~lost);
  pickMmapLayout(mm, stackLimit);
}
