/**
 * vfork: the parent does not go on before the child has left the address space they share, by exec
 * or exit. Here the parent's worker decides when it begins to wait.
 *
 * Source: kernel/fork.c, complete_vfork_done(), wait_for_vfork_done(), v6.18.
 */
import { EDEADLK, EINTR, type Errno, OK } from '../arena/errno.ts';
import { maySleep } from '../arena/sleep.ts';
import { announceNews, signalNews, sleepUntilNews } from '../mm/signal_struct.ts';
import {
  current,
  endVfork,
  fatalSignalPending,
  isVforkPending,
  type Task,
  taskSignal,
  taskVforkParent,
} from '../mm/task_struct.ts';

/** The task leaves its address space: who made it by vfork may go on. */
export function completeVfork(task: Task): void {
  const parent = taskVforkParent(task);
  if (endVfork(task)) announceNews(parent);
}

/**
 * Sleeps until the task `tid`, made with CLONE_VFORK, has left the address space; not at all for
 * another.
 *
 * @returns EINTR when the running task is to die first; EDEADLK on a thread that may not sleep.
 */
export function awaitVfork(child: Task, tid: number): 0 | Errno {
  const own = taskSignal(current());
  // Ends: completeVfork() comes before the child's end, and with it news; so does a signal.
  for (;;) {
    const seen = signalNews(own);
    if (!isVforkPending(child, tid)) return OK;
    if (fatalSignalPending()) return EINTR;
    if (!maySleep) return EDEADLK;
    sleepUntilNews(own, seen);
  }
}
