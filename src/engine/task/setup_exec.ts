/**
 * What a new program does not take over from the old one.
 *
 * Source: fs/exec.c, setup_new_exec(), kernel/fork.c, mm_init(), v6.18.
 */
import { NULL, type Null } from '../arena/ref.ts';
import { fileInode } from '../file/file_struct.ts';
import { I_SETID, inodeHas } from '../file/inode.ts';
import type { Mm, MmWrite } from '../mm/held.ts';
import { mmDefFlags, mmFlags, setMmFlags, setMmLayout } from '../mm/mm_struct.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { mmAlloc } from '../mm/mm_refs.ts';
import {
  PER_CLEAR_ON_SETID,
  READ_IMPLIES_EXEC,
  setPersonality,
  type Task,
  taskMm,
  taskPersonality,
} from '../mm/task_struct.ts';
import { commonFlags, VM_INIT_DEF_MASK } from '../mm/vm_flags.ts';
import type { Bprm } from './bprm.ts';
import { pickMmapLayout } from './exec_layout.ts';
import { inheritedFlags } from './fork.ts';

/** Locks of memory are forgotten; what prctl() set for good is kept. @returns NULL: no memory. */
export function newMm(task: Task): Mm | Null {
  const mm = mmAlloc();
  const old = taskMm(task);
  if (mm === NULL || old === NULL) return mm;
  const locked = mmapWriteLock(mm);
  setMmFlags(locked, inheritedFlags(mmFlags(old)));
  setMmLayout(locked, { defFlags: commonFlags(mmDefFlags(old), VM_INIT_DEF_MASK) });
  mmapWriteUnlock(locked);
  return mm;
}

/** Forgets of the personality what the new program may not have, and says where its parts go. */
export function setupNewExec(mm: MmWrite, { task, file, stackLimit }: Bprm): void {
  const isSetid = inodeHas(fileInode(file), I_SETID);
  // A 64-bit program never reads what it may execute by accident.
  const lost = isSetid ? PER_CLEAR_ON_SETID : READ_IMPLIES_EXEC;
  setPersonality(task, taskPersonality(task) & ~lost);
  pickMmapLayout(mm, stackLimit);
}
