/**
 * The point of no return of exec: the other threads end, the address space is left for the new one.
 *
 * Source: fs/exec.c, begin_new_exec(), de_thread(), exec_mmap(), v6.18.
 */
import { EAGAIN, ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { maySleep } from '../arena/sleep.ts';
import type { Mm } from '../mm/held.ts';
import { mmput } from '../mm/mm_refs.ts';
import {
  setSignalExitSignal,
  setSignalFlags,
  setSignalSighand,
  SIGNAL_GROUP_EXEC,
  SIGNAL_GROUP_EXIT,
  SIGNAL_HAS_EXECED,
  signalFlags,
  signalLeader,
  signalNews,
  signalSighand,
  type SignalStruct,
  signalThreads,
  sleepUntilNews,
} from '../mm/signal_struct.ts';
import {
  current,
  fatalSignalPending,
  freeTask,
  setTaskMm,
  SIGCHLD,
  type Task,
  taskMm,
  taskSignal,
} from '../mm/task_struct.ts';
import { clearLeaderGone, isLeaderGone } from './do_exit.ts';
import { zapOtherThreads } from './kill.ts';
import {
  allocSighand,
  ignoresChildren,
  isSighandShared,
  putSighand,
  setIgnoresChildren,
} from './sighand.ts';
import { takeLeadership, tasklistLock, tasklistUnlock } from './tasklist.ts';
import { completeVfork } from './vfork.ts';

/**
 * The running task leaves its address space for `mm`, whose user it becomes. First it sleeps until
 * the other threads of its process have ended: they are condemned, and their workers end them. It
 * becomes the leader, under the number of the process.
 *
 * @returns EAGAIN when the process is ending, another thread does the same, or this worker's thread
 *   may not sleep and there are others to wait for; ENOMEM; then nothing
 *   has happened, but threads may have been told to end.
 */
export function beginNewExec(mm: Mm): 0 | Errno {
  const task = current();
  const signal = taskSignal(task);
  if (!deThread(task)) return EAGAIN;
  if (!unshareSighand(signal)) return ENOMEM;

  // Nothing below can fail.
  completeVfork(task);
  tasklistLock();
  const old = taskMm(task);
  setTaskMm(task, mm);
  setSignalExitSignal(signal, SIGCHLD);
  setSignalFlags(signal, signalFlags(signal) | SIGNAL_HAS_EXECED);
  tasklistUnlock();
  if (old !== NULL) mmput(old);
  return OK;
}

/** @returns false when the process is to end, or the others cannot be waited for. */
function deThread(task: Task): boolean {
  const signal = taskSignal(task);
  tasklistLock();
  const isEnding = (signalFlags(signal) & (SIGNAL_GROUP_EXIT | SIGNAL_GROUP_EXEC)) !== 0;
  const isAlone = signalThreads(signal) === 1;
  const mayWait = isAlone || maySleep;
  if (!isEnding && !isAlone && mayWait) {
    setSignalFlags(signal, signalFlags(signal) | SIGNAL_GROUP_EXEC);
    zapOtherThreads(task);
  }
  tasklistUnlock();
  if (isEnding || !mayWait) return false;
  return isAlone || awaitOthers(task);
}

function awaitOthers(task: Task): boolean {
  const signal = taskSignal(task);
  // Ends: a condemned thread ends, and that is news; so is a signal for this one.
  for (;;) {
    const seen = signalNews(signal);
    if (isLastThread(task)) break;
    if (fatalSignalPending()) return endExec(signal, false);
    sleepUntilNews(signal, seen);
  }
  tasklistLock();
  const leader = signalLeader(signal) === task ? NULL : takeLeadership(task);
  tasklistUnlock();
  if (leader !== NULL) freeTask(leader);
  return endExec(signal, true);
}

/** No other thread is left, or only a leader that has ended. */
function isLastThread(task: Task): boolean {
  const signal = taskSignal(task);
  const others = signalThreads(signal) - 1;
  return others === 0 || (others === 1 && signalLeader(signal) !== task && isLeaderGone(signal));
}

function endExec(signal: SignalStruct, isDone: boolean): boolean {
  tasklistLock();
  setSignalFlags(signal, signalFlags(signal) & ~SIGNAL_GROUP_EXEC);
  if (isDone) clearLeaderGone(signal);
  tasklistUnlock();
  return isDone;
}

/** A new program does not share what it does about signals; what is ignored stays so. */
function unshareSighand(signal: SignalStruct): boolean {
  const old = signalSighand(signal);
  if (!isSighandShared(old)) return true;
  const fresh = allocSighand();
  if (fresh === NULL) return false;
  setIgnoresChildren(fresh, ignoresChildren(old));
  tasklistLock();
  setSignalSighand(signal, fresh);
  tasklistUnlock();
  putSighand(old);
  return true;
}
