/**
 * Making tasks: processes and threads.
 *
 *   take what can fail      task, signal_struct, sighand, mm
 *   attach                  a number, a parent; the task can be found: it lives
 *
 * Source: kernel/fork.c, copy_process(), v6.18.
 */
import * as atomics from '#atomics';
import { EINTR, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import { mmget, mmput } from '../mm/mm_refs.ts';
import {
  allocSignal,
  freeSignal,
  setSignalExitSignal,
  setSignalOomScoreAdj,
  setSignalPgid,
  setSignalSighand,
  signalExitSignal,
  signalLiveAt,
  signalOomScoreAdj,
  signalParent,
  signalPgid,
  signalSighand,
  type SignalStruct,
} from '../mm/signal_struct.ts';
import {
  allocTask,
  copyRlimits,
  copyTask,
  current,
  fatalSignalPending,
  freeTask,
  setDefaultRlimits,
  setTaskMm,
  setVforkPending,
  SIGCHLD,
  type Task,
  taskSignal,
  taskTid,
} from '../mm/task_struct.ts';
import { enterSyscall } from '../syscall/entry.ts';
import { type CloneArgs, refuseClone } from './clone_flags.ts';
import {
  CLONE_PARENT,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
} from './clone_values.ts';
import { dupMm } from './fork.ts';
import {
  allocSighand,
  getSighand,
  ignoresChildren,
  putSighand,
  setIgnoresChildren,
} from './sighand.ts';
import { attachLeader, attachThread, tasklistLock, tasklistUnlock } from './tasklist.ts';

/**
 * A child, or another thread, of the running task.
 *
 * @returns EINVAL for flags that contradict each other, ENOMEM, EINTR for a task that is to die;
 *   nothing is left behind.
 */
export function sysClone(args: CloneArgs): Task | Errno {
  const parentMm = enterSyscall();
  const refused = refuseClone(args);
  if (isErr(refused)) return refused;
  if (fatalSignalPending()) return EINTR;
  const task = copyOfCurrent(args);
  if (task === NULL) return ENOMEM;

  const mm = has(args, CLONE_VM) ? mmget(parentMm) : dupMm(parentMm);
  const result = isErr(mm) ? mm : attach(task, mm, args);
  if (!isErr(result)) return task;
  if (!isErr(mm)) mmput(mm);
  dropNew(task, !has(args, CLONE_THREAD));
  return result;
}

/** A process whose parent is init, without an address space; or NULL. */
export function newProcess(): Task | Null {
  const task = newTask();
  if (task === NULL) return NULL;
  setDefaultRlimits(task);
  const signal = taskSignal(task);
  setSignalExitSignal(signal, SIGCHLD);
  atomics.store(signalLiveAt(signal), 1);
  tasklistLock();
  attachLeader(task, NULL);
  setSignalPgid(signal, taskTid(task));
  tasklistUnlock();
  return task;
}

const has = ({ flags }: CloneArgs, bit: number): boolean => (flags & bit) !== 0;

/** @returns a task that nobody can find yet, or NULL. */
function copyOfCurrent(args: CloneArgs): Task | Null {
  const from = current();
  if (has(args, CLONE_THREAD)) {
    const thread = allocTask(taskSignal(from));
    if (thread !== NULL) copyTask(from, thread);
    return thread;
  }
  const task = newTask(has(args, CLONE_SIGHAND) ? taskSignal(from) : NULL);
  if (task === NULL) return NULL;
  copyTask(from, task);
  copyRlimits(from, task);
  const [old, fresh] = [taskSignal(from), taskSignal(task)];
  setSignalOomScoreAdj(fresh, signalOomScoreAdj(old));
  setSignalPgid(fresh, signalPgid(old));
  // What is ignored stays so, also with CLONE_CLEAR_SIGHAND, which is about handlers.
  if (ignoresChildren(signalSighand(old))) setIgnoresChildren(signalSighand(fresh), true);
  return task;
}

/** The first task of a new process, which may share another's handlers. */
function newTask(handlersOf: SignalStruct | Null = NULL): Task | Null {
  const sighand = handlersOf === NULL ? allocSighand() : getSighand(signalSighand(handlersOf));
  if (sighand === NULL) return NULL;
  const signal = allocSignal();
  const task = signal === NULL ? NULL : allocTask(signal);
  if (signal !== NULL) setSignalSighand(signal, sighand);
  if (task !== NULL) return task;
  if (signal !== NULL) freeSignal(signal);
  putSighand(sighand);
  return NULL;
}

function dropNew(task: Task, isProcess: boolean): void {
  const signal = taskSignal(task);
  freeTask(task);
  if (!isProcess) return;
  putSighand(signalSighand(signal));
  freeSignal(signal);
}

/** @returns EINTR when the parent was told to die meanwhile: a new thread would not know. */
function attach(task: Task, mm: Mm, args: CloneArgs): 0 | Errno {
  const own = taskSignal(current());
  const signal = taskSignal(task);
  tasklistLock();
  if (fatalSignalPending()) {
    tasklistUnlock();
    return EINTR;
  }
  setTaskMm(task, mm);
  atomics.add(signalLiveAt(signal), 1);
  if (has(args, CLONE_THREAD)) attachThread(task);
  else {
    const isSibling = has(args, CLONE_PARENT);
    setSignalExitSignal(signal, isSibling ? signalExitSignal(own) : args.exitSignal);
    attachLeader(task, isSibling ? signalParent(own) : own);
  }
  if (has(args, CLONE_VFORK)) setVforkPending(task, own);
  tasklistUnlock();
  return OK;
}
