/**
 * task_struct: one thread. 32 words.
 *
 *   0    1     2            3       4       5             6    7     8       9     10
 *   mm   caps  personality  minflt  majflt  fatal signal  tid  life  signal  next  prev
 *
 *   11           12     13
 *   next thread  vfork  parent of vfork
 *
 *   (a) atomic   (l) under the lock of the task list
 *
 * What has no letter is written by the task's own worker, or before others know the task. A handle
 * may outlive its task: the memory is always that of a task, and `tid` tells whose.
 *
 * Source: include/linux/sched.h, v6.18.
 */
import * as atomics from '#atomics';
import { cpuOf, cpusSeen, thisCpu } from '../arena/cpu.ts';
import { C_CURRENT } from '../arena/layout.ts';
import { double, setDouble, setWord, word } from '../arena/memory.ts';
import { NULL, type Null, type Ref } from '../arena/ref.ts';
import { type Cache, cacheAlloc, cacheKind, cacheFree } from '../slab/cache.ts';
import { waitsFor, wakeInLine } from '../sync/wait_line.ts';
import type { Mm } from './held.ts';
import { type SignalStruct, signalLimitsAt } from './signal_struct.ts';

export type Task = Ref<'task_struct'>;

const MM = 0; // (l) written; its own worker reads it without
const CAPS = 1;
const PERSONALITY = 2;
const MIN_FLT = 3; // (a) faults handled without a disk
const MAJ_FLT = 4; // (a)
const FATAL_SIGNAL = 5; // (a) what the task dies of, or 0
const TID = 6; // (l) 0 once nobody may find it
const LIFE = 7; // (a) the tid until it begins to exit, then 0
const SIGNAL = 8;
const NEXT = 9; // (l) all tasks
const PREV = 10; // (l)
const NEXT_THREAD = 11; // (l)
const VFORK = 12; // (a) the tid until a vfork's parent may go on, then 0
const VFORK_PARENT = 13;
const LINK = 31;
const NR_LIMITS = 16;
/** Words from a soft limit to its hard one. */
const HARD = 2 * NR_LIMITS;

export const TASK_CACHE: Cache<'task_struct'> = cacheKind({
  name: 'task_struct',
  id: 3,
  words: 32,
  link: LINK,
});

/** Resources with a limit the engine asks about. Source: include/uapi/asm-generic/resource.h. */
export const RLIMIT_DATA = 2;
export const RLIMIT_STACK = 3;
export const RLIMIT_NPROC = 6;
export const RLIMIT_MEMLOCK = 8;
export const RLIMIT_AS = 9;
export const RLIM_INFINITY = Infinity;

/** Rights, one bit each. */
export const CAP_IPC_LOCK = 1 << 0;
export const CAP_SYS_RAWIO = 1 << 1;
export const CAP_SYS_ADMIN = 1 << 2;
export const CAP_SYS_PTRACE = 1 << 3;
export const CAP_FOWNER = 1 << 4;
export const ALL_CAPS = CAP_IPC_LOCK | CAP_SYS_RAWIO | CAP_SYS_ADMIN | CAP_SYS_PTRACE | CAP_FOWNER;

/** Personality bits. Source: include/uapi/linux/personality.h. */
export const MMAP_PAGE_ZERO = 0x0100000;
export const ADDR_NO_RANDOMIZE = 0x0040000;
export const ADDR_COMPAT_LAYOUT = 0x0200000;
export const READ_IMPLIES_EXEC = 0x0400000;
/** Asks for the personality without setting one. */
export const PERSONALITY_QUERY = 0xffffffff;
/** What no program with another user's rights is made to run under. */
export const PER_CLEAR_ON_SETID =
  READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | MMAP_PAGE_ZERO;

/** The task this worker runs now. */
export const current = (): Task => word(thisCpu + C_CURRENT) as Task;

export function setCurrent(task: Task): void {
  setWord(thisCpu + C_CURRENT, task);
}

/** @returns a task of the process with root's rights, which nobody can find yet, or NULL. */
export function allocTask(signal: SignalStruct): Task | Null {
  const task = cacheAlloc(TASK_CACHE);
  if (task === NULL) return NULL;
  for (let at = 0; at < LINK; at++) setWord(task + at, 0);
  setWord(task + CAPS, ALL_CAPS);
  setWord(task + SIGNAL, signal);
  return task;
}

/** Copies rights and personality. */
export function copyTask(from: Task, to: Task): void {
  setWord(to + CAPS, word(from + CAPS));
  setWord(to + PERSONALITY, word(from + PERSONALITY));
}

export function freeTask(task: Task): void {
  cacheFree(TASK_CACHE, task);
}

export const taskMm = (task: Task): Mm | Null => word(task + MM) as Mm | Null;
export function setTaskMm(task: Task, mm: Mm | Null): void {
  setWord(task + MM, mm);
}

/** What the threads of its process share. */
export const taskSignal = (task: Task): SignalStruct => word(task + SIGNAL) as SignalStruct;

/** The number of the thread; 0 of a task that is gone. */
export const taskTid = (task: Task): number => word(task + TID);

/** Others may find the task from now on. */
export function setTaskTid(task: Task, tid: number): void {
  setWord(task + TID, tid);
  atomics.store(task + LIFE, tid);
}

/** The task is that thread still, and has not begun to exit. */
export const isTaskAlive = (task: Task, tid: number): boolean => word(task + LIFE) === tid;
/** It begins to exit: it makes no call any more. */
export const setTaskExiting = (task: Task): void => atomics.store(task + LIFE, 0);

export const nextTask = (task: Task): Task | Null => word(task + NEXT) as Task | Null;
export const setNextTask = (task: Task, next: Task | Null): void => setWord(task + NEXT, next);
export const prevTask = (task: Task): Task | Null => word(task + PREV) as Task | Null;
export const setPrevTask = (task: Task, prev: Task | Null): void => setWord(task + PREV, prev);
/** Of the same process. */
export const nextThread = (task: Task): Task | Null => word(task + NEXT_THREAD) as Task | Null;
export const setNextThread = (task: Task, next: Task | Null): void =>
  setWord(task + NEXT_THREAD, next);

/** Whether the parent that made the task `tid` by vfork() still has to wait for it. */
export const isVforkPending = (task: Task, tid: number): boolean =>
  atomics.load(task + VFORK) === tid;
export const taskVforkParent = (task: Task): SignalStruct =>
  word(task + VFORK_PARENT) as SignalStruct;
/** Its parent waits for it. It has its number. */
export function setVforkPending(task: Task, parent: SignalStruct): void {
  setWord(task + VFORK_PARENT, parent);
  atomics.store(task + VFORK, taskTid(task));
}
/** @returns whether somebody may be waiting. */
export const endVfork = (task: Task): boolean => atomics.exchange(task + VFORK, 0) !== 0;

export interface Rlimit {
  readonly soft: number;
  readonly hard: number;
}

export const isRlimit = (resource: number): boolean =>
  Number.isInteger(resource) && resource >= 0 && resource < NR_LIMITS;

const limitAt = (task: Task, resource: number): number =>
  signalLimitsAt(taskSignal(task)) + 2 * resource;

/** Sets a limit of the task's process. */
export function setRlimit(task: Task, resource: number, limit: Rlimit): void {
  setDouble(limitAt(task, resource), limit.soft);
  setDouble(limitAt(task, resource) + HARD, limit.hard);
}

/** Linux's limits of the first process, as far as they are asked about. */
export function setDefaultRlimits(task: Task): void {
  for (let resource = 0; resource < NR_LIMITS; resource++) {
    setRlimit(task, resource, { soft: RLIM_INFINITY, hard: RLIM_INFINITY });
  }
  setRlimit(task, RLIMIT_STACK, { soft: 8 * 1024 * 1024, hard: RLIM_INFINITY });
}

/** A limit of the task's process. */
export function taskRlimit(task: Task, resource: number): Rlimit {
  const at = limitAt(task, resource);
  return { soft: double(at), hard: double(at + HARD) };
}

export function copyRlimits(from: Task, to: Task): void {
  for (let resource = 0; resource < NR_LIMITS; resource++) {
    setRlimit(to, resource, taskRlimit(from, resource));
  }
}

/** Bytes, of the running task. */
export const rlimit = (resource: number): number => double(limitAt(current(), resource));
export const rlimitMax = (resource: number): number => double(limitAt(current(), resource) + HARD);

export const capable = (right: number): boolean => (word(current() + CAPS) & right) !== 0;
export const setCaps = (task: Task, caps: number): void => setWord(task + CAPS, caps);

/** Counts a fault of the running task, whose workers may fault at the same time. */
export function countFault(isMajor: boolean): void {
  atomics.add(current() + (isMajor ? MAJ_FLT : MIN_FLT), 1);
}

/** Signals that the engine knows by name. Source: include/uapi/asm-generic/signal.h. */
export const SIGKILL = 9;
export const SIGSEGV = 11;
export const SIGCHLD = 17;

/** Condemns a task: it is to exit, and what it has can be taken away. The first signal counts. */
export function killTask(task: Task, signal: number): void {
  atomics.cas(task + FATAL_SIGNAL, 0, signal);
  for (let id = 0; id < cpusSeen(); id++) {
    const cpu = cpuOf(id);
    // Its worker may stand in line for mmap_lock, and now gives up.
    if (waitsFor(cpu) !== NULL && word(cpu + C_CURRENT) === task) wakeInLine(cpu);
  }
}

/** Whether the running task is to die: what can be given up half-way then is. */
export const fatalSignalPending = (): boolean => word(current() + FATAL_SIGNAL) !== 0;

/** The signal a task dies of, or 0 for one that lives on. */
export const taskFatalSignal = (task: Task): number => atomics.load(task + FATAL_SIGNAL);

export interface FaultCounts {
  readonly minor: number;
  readonly major: number;
}

export const taskFaults = (task: Task): FaultCounts => ({
  minor: word(task + MIN_FLT) >>> 0,
  major: word(task + MAJ_FLT) >>> 0,
});

export const taskPersonality = (task: Task): number => word(task + PERSONALITY);
export const hasPersonality = (bit: number): boolean => (word(current() + PERSONALITY) & bit) !== 0;
export const setPersonality = (task: Task, persona: number): void =>
  setWord(task + PERSONALITY, persona);
