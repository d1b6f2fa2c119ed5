/**
 * The end of tasks.
 *
 *   thread        leaves the address space, is gone
 *   last thread   leaves it too; its children go to init; the process is a zombie until its parent
 *                 waits, or is gone at once when the parent is init or ignores SIGCHLD
 *
 * Source: kernel/exit.c, do_exit(), exit_notify(), release_task(), v6.18.
 */
import * as atomics from '#atomics';
import { NULL, type Null } from '../arena/ref.ts';
import { mmdrop, mmput } from '../mm/mm_refs.ts';
import {
  announceNews,
  freeSignal,
  isZombie,
  linkChild,
  setSignalExitCode,
  setSignalExitSignal,
  setSignalFlags,
  setZombie,
  SIGNAL_GROUP_EXEC,
  SIGNAL_GROUP_EXIT,
  SIGNAL_LEADER_GONE,
  signalExitSignal,
  signalFirstChild,
  signalFlags,
  signalLeader,
  signalLiveAt,
  signalOomMm,
  signalParent,
  signalSighand,
  type SignalStruct,
  signalThreads,
  unlinkChild,
} from '../mm/signal_struct.ts';
import {
  current,
  freeTask,
  setTaskExiting,
  setTaskMm,
  SIGCHLD,
  type Task,
  taskMm,
  taskSignal,
} from '../mm/task_struct.ts';
import { zapOtherThreads } from './kill.ts';
import { ignoresChildren, putSighand } from './sighand.ts';
import { detachProcess, detachThread, tasklistLock, tasklistUnlock } from './tasklist.ts';
import { completeVfork } from './vfork.ts';

/** A thread that ended, or a process, leader and all: nobody finds it any more. */
export interface Released {
  readonly task: Task;
  readonly signal: SignalStruct | Null;
}

/** The status of a process that calls exit(`status`), as wait(2) tells it. */
export const exitCodeOf = (status: number): number => (status & 0xff) << 8;

/** Ends all threads of the running task's process, the running one at once. */
export function doGroupExit(code: number): void {
  const task = current();
  const signal = taskSignal(task);
  tasklistLock();
  if ((signalFlags(signal) & (SIGNAL_GROUP_EXIT | SIGNAL_GROUP_EXEC)) === 0) {
    setSignalFlags(signal, signalFlags(signal) | SIGNAL_GROUP_EXIT);
    setSignalExitCode(signal, code);
    zapOtherThreads(task);
  }
  tasklistUnlock();
  doExit(code);
}

/** Ends the running task. The code is that of the process, if this is its last thread. */
export function doExit(code: number): void {
  const task = current();
  const signal = taskSignal(task);
  tasklistLock();
  setTaskExiting(task);
  const isLast = atomics.add(signalLiveAt(signal), -1) === 1;
  if (isLast && (signalFlags(signal) & SIGNAL_GROUP_EXIT) === 0) {
    setSignalFlags(signal, signalFlags(signal) | SIGNAL_GROUP_EXIT);
    setSignalExitCode(signal, code);
  }
  const mm = taskMm(task);
  setTaskMm(task, NULL); // whoever looks for an mm under the lock finds one with a user
  tasklistUnlock();

  completeVfork(task);
  if (mm !== NULL) mmput(mm);
  exitNotify(task);
}

function exitNotify(task: Task): void {
  const signal = taskSignal(task);
  const gone: Released[] = [];
  tasklistLock();
  if (atomics.load(signalLiveAt(signal)) === 0) forgetChildren(signal, gone);
  setTaskGone(task, gone);
  tasklistUnlock();
  for (const released of gone) freeReleased(released);
}

/** Init takes the children, and waits at once for those that have ended. */
function forgetChildren(signal: SignalStruct, gone: Released[]): void {
  // Ends: each round takes one away.
  for (let child = signalFirstChild(signal); child !== NULL; child = signalFirstChild(signal)) {
    unlinkChild(child);
    linkChild(NULL, child);
    setSignalExitSignal(child, SIGCHLD);
    if (isZombie(child)) release(child, gone);
  }
}

/** A leader stays until all threads have ended; any other thread goes at once. */
function setTaskGone(task: Task, gone: Released[]): void {
  const signal = taskSignal(task);
  if (signalLeader(signal) !== task) {
    detachThread(task);
    gone.push({ task, signal: NULL });
    announceNews(signal); // an exec may be waiting for it
  } else setLeaderGone(signal);
  const isWhole = signalThreads(signal) === 1 && isLeaderGone(signal);
  if (isWhole && !isZombie(signal)) becomeZombie(signal, gone);
}

function setLeaderGone(signal: SignalStruct): void {
  setSignalFlags(signal, signalFlags(signal) | SIGNAL_LEADER_GONE);
  announceNews(signal);
}

/** The first thread has ended, whoever else goes on. */
export const isLeaderGone = (signal: SignalStruct): boolean =>
  (signalFlags(signal) & SIGNAL_LEADER_GONE) !== 0;
export const clearLeaderGone = (signal: SignalStruct): void =>
  setSignalFlags(signal, signalFlags(signal) & ~SIGNAL_LEADER_GONE);

/** Tells the parent. A process that nobody will wait for is released. */
function becomeZombie(signal: SignalStruct, gone: Released[]): void {
  const parent = signalParent(signal);
  setZombie(signal);
  if (parent !== NULL) announceNews(parent);
  if (parent === NULL || isUnwaited(signal, parent)) release(signal, gone);
}

/** Only SIGCHLD can be ignored so that children are. */
const isUnwaited = (signal: SignalStruct, parent: SignalStruct): boolean =>
  signalExitSignal(signal) === SIGCHLD && ignoresChildren(signalSighand(parent));

/** The list's lock is held; freeReleased() follows without it. */
export function release(signal: SignalStruct, gone: Released[]): void {
  const task = signalLeader(signal);
  detachProcess(signal);
  gone.push({ task, signal });
}

export function freeReleased({ task, signal }: Released): void {
  freeTask(task);
  if (signal === NULL) return;
  const condemned = signalOomMm(signal);
  if (condemned !== NULL) mmdrop(condemned);
  putSighand(signalSighand(signal));
  freeSignal(signal);
}
