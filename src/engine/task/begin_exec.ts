/**
 * The point of no return of an exec.
 *
 * Source: fs/exec.c, begin_new_exec(), exec_mmap(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import { current, setTaskMm, taskMm } from '../mm/task_struct.ts';
import { mmput } from './exit.ts';

/** The running task leaves its address space for `mm`, whose user it becomes. */
export function beginNewExec(mm: Mm): void {
  const task = current();
  const old = taskMm(task);
  setTaskMm(task, mm);
  if (old !== NULL) mmput(old);
}
