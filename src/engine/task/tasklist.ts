/**
 * All tasks of a machine, under one lock. Its words are in the header:
 *
 *   lock   first task   last task   last number   numbers have begun again
 *
 * The lock is held for a few words of work; nothing is taken under it.
 *
 * Source: kernel/fork.c, tasklist_lock, kernel/pid.c, alloc_pid(), v6.18.
 */
import { H_TASKLIST } from '../arena/layout.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import {
  linkChild,
  setSignalFirstThread,
  setSignalLeader,
  setSignalTgid,
  setSignalThreads,
  signalFirstThread,
  signalLeader,
  type SignalStruct,
  signalThreads,
  unlinkChild,
} from '../mm/signal_struct.ts';
import {
  nextTask,
  nextThread,
  prevTask,
  setNextTask,
  setNextThread,
  setPrevTask,
  setTaskExiting,
  setTaskTid,
  type Task,
  taskMm,
  taskSignal,
  taskTid,
} from '../mm/task_struct.ts';
import { TASKLIST_LOCK } from '../sync/lock_class.ts';
import { spinLock, spinUnlock } from '../sync/spinlock.ts';

const LOCK = H_TASKLIST;
const FIRST = H_TASKLIST + 1;
const LAST = H_TASKLIST + 2;
const LAST_TID = H_TASKLIST + 3;
const HAS_WRAPPED = H_TASKLIST + 4;

/** The number of init, which is the machine itself: the parent of who has no other. */
export const INIT_PID = 1;
/** Numbers are smaller. Source: include/linux/threads.h, PID_MAX_LIMIT. */
const PID_MAX = 4 * 2 ** 20;
/** Where numbers go on after the last. Source: kernel/pid.c, RESERVED_PIDS. */
const RESERVED_PIDS = 300;

export const tasklistLock = (): void => spinLock(LOCK, TASKLIST_LOCK);
export const tasklistUnlock = (): void => spinUnlock(LOCK);

/** Each task, the oldest first. The lock is held. */
export function* eachTask(): Generator<Task> {
  for (let task = word(FIRST) as Task | Null; task !== NULL; task = nextTask(task)) yield task;
}

/** Each process, by its leader, the oldest first. The lock is held. */
export function* eachProcess(): Generator<SignalStruct> {
  for (const task of eachTask()) {
    if (signalLeader(taskSignal(task)) === task) yield taskSignal(task);
  }
}

/** Each thread of a process, the newest first. The lock is held. */
export function* eachThread(signal: SignalStruct): Generator<Task> {
  for (let task = signalFirstThread(signal); task !== NULL; task = nextThread(task)) yield task;
}

/** An address space of a process whose leader may have left it, or NULL. The list's lock is held. */
export function findMm(signal: SignalStruct): Mm | Null {
  for (const thread of eachThread(signal)) {
    const mm = taskMm(thread);
    if (mm !== NULL) return mm;
  }
  return NULL;
}

/** The lock is held. @returns NULL when no thread has this number. */
export function findTask(tid: number): Task | Null {
  for (const task of eachTask()) if (taskTid(task) === tid) return task;
  return NULL;
}

/** The same for who does not hold the lock: the thread may end at any moment. */
export function findTaskLocked(tid: number): Task | Null {
  tasklistLock();
  const task = findTask(tid);
  tasklistUnlock();
  return task;
}

/** A number that no thread has. */
function allocTid(): number {
  // Ends: there is memory for fewer tasks than there are numbers.
  for (;;) {
    let tid = Math.max(word(LAST_TID), INIT_PID) + 1;
    if (tid >= PID_MAX) {
      tid = RESERVED_PIDS;
      setWord(HAS_WRAPPED, 1);
    }
    setWord(LAST_TID, tid);
    if (word(HAS_WRAPPED) === 0 || findTask(tid) === NULL) return tid;
  }
}

/** Numbers a task, which is the first of its process, and makes it a child. The lock is held. */
export function attachLeader(task: Task, parent: SignalStruct | Null): void {
  const signal = taskSignal(task);
  append(task);
  setSignalLeader(signal, task);
  setSignalTgid(signal, taskTid(task));
  setSignalThreads(signal, 1);
  setSignalFirstThread(signal, task);
  linkChild(parent, signal);
}

/** Numbers a task that joins a process. The lock is held. */
export function attachThread(task: Task): void {
  const signal = taskSignal(task);
  append(task);
  setSignalThreads(signal, signalThreads(signal) + 1);
  setNextThread(task, signalFirstThread(signal));
  setSignalFirstThread(signal, task);
}

function append(task: Task): void {
  const last = word(LAST) as Task | Null;
  setPrevTask(task, last);
  setNextTask(task, NULL);
  if (last === NULL) setWord(FIRST, task);
  else setNextTask(last, task);
  setWord(LAST, task);
  setTaskTid(task, allocTid());
}

/** Nobody finds the thread any more. The lock is held. */
export function detachThread(task: Task): void {
  const signal = taskSignal(task);
  let before: Task | Null = NULL;
  for (const thread of eachThread(signal)) if (nextThread(thread) === task) before = thread;
  if (before === NULL) setSignalFirstThread(signal, nextThread(task));
  else setNextThread(before, nextThread(task));
  setSignalThreads(signal, signalThreads(signal) - 1);
  remove(task);
}

/** Nobody finds the process any more: its leader goes, the last of its threads. */
export function detachProcess(signal: SignalStruct): void {
  unlinkChild(signal);
  detachThread(signalLeader(signal));
}

function remove(task: Task): void {
  const prev = prevTask(task);
  const next = nextTask(task);
  if (prev === NULL) setWord(FIRST, next);
  else setNextTask(prev, next);
  if (next === NULL) setWord(LAST, prev);
  else setPrevTask(next, prev);
  setTaskTid(task, 0);
  setTaskExiting(task);
}

/**
 * The thread takes the place, and the number, of its process' leader, which has ended. The lock is
 * held.
 *
 * Source: fs/exec.c, de_thread(), v6.18.
 */
export function takeLeadership(task: Task): Task {
  const signal = taskSignal(task);
  const leader = signalLeader(signal);
  const tgid = taskTid(leader);
  detachThread(leader);
  setSignalLeader(signal, task);
  setTaskTid(task, tgid);
  return leader;
}
