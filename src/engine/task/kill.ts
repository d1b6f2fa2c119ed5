/**
 * Signals, as far as they end processes: nobody has a handler here, so that each does by default.
 *
 * Source: kernel/signal.c, complete_signal(), zap_other_threads(), v6.18.
 */
import { EINVAL, type Errno, ESRCH, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import {
  announceNews,
  isZombie,
  setSignalExitCode,
  setSignalFlags,
  SIGNAL_GROUP_EXIT,
  signalFlags,
  type SignalStruct,
} from '../mm/signal_struct.ts';
import { killTask, SIGKILL, type Task, taskSignal } from '../mm/task_struct.ts';
import { eachThread, findTask, tasklistLock, tasklistUnlock } from './tasklist.ts';

/** How many there are. */
export const SIGNALS = 64;

/** CHLD, CONT, URG and WINCH do nothing by default; STOP, TSTP, TTIN and TTOU stop: nobody here. */
const HARMLESS: ReadonlySet<number> = new Set([0, 17, 18, 23, 28, 19, 20, 21, 22]);

/**
 * Sends a signal to the process of a thread; one that has ended takes it and does nothing.
 *
 * @returns ESRCH when there is no such thread; EINVAL for what is no signal.
 */
export function sysKill(tid: number, number: number): 0 | Errno {
  const isSignal = Number.isInteger(number) && number >= 0 && number <= SIGNALS;
  tasklistLock();
  const task = findTask(tid);
  if (task !== NULL && isSignal && !HARMLESS.has(number)) killProcess(taskSignal(task), number);
  tasklistUnlock();
  if (task === NULL) return ESRCH;
  return isSignal ? OK : EINVAL;
}

/** The task's process dies of something it did itself. */
export function forceFatalSignal(task: Task, number: number): void {
  tasklistLock();
  killProcess(taskSignal(task), number);
  tasklistUnlock();
}

/** Condemns all threads of a process, unless it is ending already. The list's lock is held. */
export function killProcess(signal: SignalStruct, number: number): void {
  if (isZombie(signal)) return;
  if ((signalFlags(signal) & SIGNAL_GROUP_EXIT) === 0) {
    setSignalFlags(signal, signalFlags(signal) | SIGNAL_GROUP_EXIT);
    setSignalExitCode(signal, number);
  }
  for (const thread of eachThread(signal)) killTask(thread, number);
  announceNews(signal);
}

/** Condemns the other threads of a thread's process. The list's lock is held. */
export function zapOtherThreads(task: Task): void {
  const signal = taskSignal(task);
  for (const thread of eachThread(signal)) if (thread !== task) killTask(thread, SIGKILL);
  announceNews(signal);
}
