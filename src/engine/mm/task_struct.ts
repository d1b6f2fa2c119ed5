/**
 * What the engine asks of the running task: its address space, its resource
 * limits and its rights. Threads of one process share one of these.
 *
 *   0    1     2            3       4       5             16           48
 *   mm   caps  personality  minflt  majflt  fatal signal  soft limits  hard limits, doubles
 *
 * A task's own worker writes it; others only read their own.
 *
 * Source: include/linux/sched.h, signal_struct.rlim, v6.18.
 */
import * as atomics from '#atomics';
import { thisCpu } from '../arena/cpu.ts';
import { C_CURRENT } from '../arena/layout.ts';
import { double, setDouble, setWord, views as shared, word } from '../arena/memory.ts';
import { NULL, type Null, type Ref } from '../arena/ref.ts';
import { type Cache, cacheAlloc, cacheFree } from '../slab/cache.ts';
import type { Mm } from './held.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

export type Task = Ref<'task_struct'>;

const MM = 0;
const CAPS = 1;
const PERSONALITY = 2;
const MIN_FLT = 3; // (a) faults handled without a disk
const MAJ_FLT = 4; // (a)
const FATAL_SIGNAL = 5; // (a) what the task dies of, or 0
const SOFT = 16;
const HARD = 48;
const NR_LIMITS = 16;

export const TASK_CACHE: Cache<'task_struct'> = {
  name: 'task_struct',
  id: 3,
  words: 96,
  link: 95,
};

/** Resources with a limit the engine asks about. Source: include/uapi/asm-generic/resource.h. */
export const RLIMIT_DATA = 2;
export const RLIMIT_STACK = 3;
export const RLIMIT_MEMLOCK = 8;
export const RLIMIT_AS = 9;
export const RLIM_INFINITY = Infinity;

/** Rights, one bit each. */
export const CAP_IPC_LOCK = 1 << 0;
export const CAP_SYS_RAWIO = 1 << 1;
export const CAP_SYS_ADMIN = 1 << 2;
export const CAP_SYS_PTRACE = 1 << 3;
export const ALL_CAPS = CAP_IPC_LOCK | CAP_SYS_RAWIO | CAP_SYS_ADMIN | CAP_SYS_PTRACE;

/** Personality bits. Source: include/uapi/linux/personality.h. */
export const MMAP_PAGE_ZERO = 0x0100000;
export const ADDR_NO_RANDOMIZE = 0x0040000;
export const ADDR_COMPAT_LAYOUT = 0x0200000;
export const READ_IMPLIES_EXEC = 0x0400000;
/** What no program with another user's rights is made to run under. */
export const PER_CLEAR_ON_SETID =
  READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT | MMAP_PAGE_ZERO;

/** The task this worker runs now. */
export const current = (): Task => word(thisCpu + C_CURRENT) as Task;

export function setCurrent(task: Task): void {
  setWord(thisCpu + C_CURRENT, task);
}

/** @returns a task with root's rights and Linux's default limits, or NULL. */
export function allocTask(): Task | Null {
  const task = cacheAlloc(TASK_CACHE);
  if (task === NULL) return NULL;
  setWord(task + MM, NULL);
  setWord(task + CAPS, ALL_CAPS);
  setWord(task + PERSONALITY, 0);
  setWord(task + MIN_FLT, 0);
  setWord(task + MAJ_FLT, 0);
  setWord(task + FATAL_SIGNAL, 0);
  for (let resource = 0; resource < NR_LIMITS; resource++) {
    setRlimit(task, resource, { soft: RLIM_INFINITY, hard: RLIM_INFINITY });
  }
  setRlimit(task, RLIMIT_STACK, { soft: 8 * 1024 * 1024, hard: RLIM_INFINITY });
  return task;
}

/** Copies limits and rights, not the mm. */
export function copyTask(from: Task, to: Task): void {
  views.i32.copyWithin(to + CAPS, from + CAPS, from + TASK_CACHE.words - 1);
  setWord(to + MIN_FLT, 0);
  setWord(to + MAJ_FLT, 0);
  setWord(to + FATAL_SIGNAL, 0);
}

export function freeTask(task: Task): void {
  cacheFree(TASK_CACHE, task);
}

export const taskMm = (task: Task): Mm | Null => word(task + MM) as Mm | Null;
export function setTaskMm(task: Task, mm: Mm | Null): void {
  setWord(task + MM, mm);
}

export interface Rlimit {
  readonly soft: number;
  readonly hard: number;
}

export const isRlimit = (resource: number): boolean =>
  Number.isInteger(resource) && resource >= 0 && resource < NR_LIMITS;

export function setRlimit(task: Task, resource: number, limit: Rlimit): void {
  setDouble(task + SOFT + 2 * resource, limit.soft);
  setDouble(task + HARD + 2 * resource, limit.hard);
}

/** Bytes, of the running task. */
export const rlimit = (resource: number): number => double(current() + SOFT + 2 * resource);
export const rlimitMax = (resource: number): number => double(current() + HARD + 2 * resource);

export const capable = (right: number): boolean => (word(current() + CAPS) & right) !== 0;
export const setCaps = (task: Task, caps: number): void => setWord(task + CAPS, caps);

/** Counts a fault of the running task, whose threads may fault at the same time. */
export function countFault(isMajor: boolean): void {
  atomics.add(current() + (isMajor ? MAJ_FLT : MIN_FLT), 1);
}

/** Signals that end a task. Source: include/uapi/asm-generic/signal.h. */
export const SIGKILL = 9;
export const SIGSEGV = 11;

/** Condemns a task: it is to exit, and what it has can be taken away. The first signal counts. */
export function killTask(task: Task, signal: number): void {
  atomics.cas(task + FATAL_SIGNAL, 0, signal);
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
