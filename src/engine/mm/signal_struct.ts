/**
 * signal_struct: what the threads of one process share, and its place among the processes. 96
 * words.
 *
 *   0     1        2       3        4     5     6       7         8     9     10
 *   live  threads  leader  thread   tgid  pgid  parent  children  next  prev  flags
 *
 *   11         12           13    14       15             16      17      32           64
 *   exit code  exit signal  news  sighand  oom_score_adj  oom_mm  zombie  soft limits  hard limits
 *
 *         parent ──children──> child ──next──> child ──next──> 0        a parent of 0 is init:
 *                                    <──prev──                          the machine
 *
 *   (a) atomic   (c) constant once attached   (l) under the lock of the task list
 *
 * Source: include/linux/sched/signal.h, struct signal_struct, v6.18. There parent and children are
 * of tasks; a dying thread's children go to the other threads of its process.
 */
import * as atomics from '#atomics';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null, type Ref, type WordAt } from '../arena/ref.ts';
import { type Cache, cacheAlloc, cacheKind, cacheFree } from '../slab/cache.ts';
import type { Mm } from './held.ts';
import type { Task } from './task_struct.ts';

export type SignalStruct = Ref<'signal_struct'>;
export type Sighand = Ref<'sighand_struct'>;

const LIVE = 0; // (a) threads that have not begun to exit
const NR_THREADS = 1; // (l)
const LEADER = 2; // (l)
const THREADS = 3; // (l) the first thread
const TGID = 4; // (c)
const PGID = 5; // (c)
const PARENT = 6; // (l)
const CHILDREN = 7; // (l)
const NEXT_SIBLING = 8; // (l)
const PREV_SIBLING = 9; // (l)
const FLAGS = 10; // (l)
const EXIT_CODE = 11; // (l) as wait(2) tells it
const EXIT_SIGNAL = 12; // (l)
const NEWS = 13; // (a) moves when who sleeps should look again
const SIGHAND = 14; // (l)
const OOM_SCORE_ADJ = 15; // (a)
const OOM_MM = 16; // (l) the address space the OOM killer condemned, with a reference
const ZOMBIE = 17; // (l)
const LINK = 31;
const LIMITS = 32;

export const SIGNAL_CACHE: Cache<'signal_struct'> = cacheKind({
  name: 'signal_struct',
  id: 16,
  words: 96,
  link: LINK,
});

/** Bits of the flags. */
export const SIGNAL_GROUP_EXIT = 1;
/** One thread becomes a new program: the others are dying. */
export const SIGNAL_GROUP_EXEC = 2;
/** The first thread has ended. */
export const SIGNAL_LEADER_GONE = 4;
/** The process has become another program: its parent may not move it to another group. */
export const SIGNAL_HAS_EXECED = 8;

/** @returns one without threads, parent and limits, or NULL. */
export function allocSignal(): SignalStruct | Null {
  const signal = cacheAlloc(SIGNAL_CACHE);
  if (signal === NULL) return NULL;
  const news = word(signal + NEWS);
  for (let at = 0; at < LINK; at++) if (at !== NEWS) setWord(signal + at, 0);
  atomics.store(signal + NEWS, news + 1); // who slept in the last life looks again
  return signal;
}

/** What it pointed to has been dropped. */
export function freeSignal(signal: SignalStruct): void {
  cacheFree(SIGNAL_CACHE, signal);
}

export const signalLiveAt = (signal: SignalStruct): WordAt => signal + LIVE;
/** Words: soft limits first, then hard ones, a double each. */
export const signalLimitsAt = (signal: SignalStruct): WordAt => signal + LIMITS;

export const signalThreads = (signal: SignalStruct): number => word(signal + NR_THREADS);
export const setSignalThreads = (signal: SignalStruct, count: number): void =>
  setWord(signal + NR_THREADS, count);
export const signalLeader = (signal: SignalStruct): Task => word(signal + LEADER) as Task;
export const setSignalLeader = (signal: SignalStruct, task: Task): void =>
  setWord(signal + LEADER, task);
export const signalFirstThread = (signal: SignalStruct): Task | Null =>
  word(signal + THREADS) as Task | Null;
export const setSignalFirstThread = (signal: SignalStruct, task: Task | Null): void =>
  setWord(signal + THREADS, task);

export const signalTgid = (signal: SignalStruct): number => word(signal + TGID);
export const setSignalTgid = (signal: SignalStruct, tgid: number): void =>
  setWord(signal + TGID, tgid);
export const signalPgid = (signal: SignalStruct): number => word(signal + PGID);
export const setSignalPgid = (signal: SignalStruct, pgid: number): void =>
  setWord(signal + PGID, pgid);

export const signalFlags = (signal: SignalStruct): number => word(signal + FLAGS);
export const setSignalFlags = (signal: SignalStruct, flags: number): void =>
  setWord(signal + FLAGS, flags);
export const signalExitCode = (signal: SignalStruct): number => word(signal + EXIT_CODE);
export const setSignalExitCode = (signal: SignalStruct, code: number): void =>
  setWord(signal + EXIT_CODE, code);
export const signalExitSignal = (signal: SignalStruct): number => word(signal + EXIT_SIGNAL);
export const setSignalExitSignal = (signal: SignalStruct, number: number): void =>
  setWord(signal + EXIT_SIGNAL, number);
export const isZombie = (signal: SignalStruct): boolean => word(signal + ZOMBIE) !== 0;
export const setZombie = (signal: SignalStruct): void => setWord(signal + ZOMBIE, 1);

export const signalSighand = (signal: SignalStruct): Sighand => word(signal + SIGHAND) as Sighand;
export const setSignalSighand = (signal: SignalStruct, sighand: Sighand): void =>
  setWord(signal + SIGHAND, sighand);

export const signalOomScoreAdj = (signal: SignalStruct): number => word(signal + OOM_SCORE_ADJ);
export const setSignalOomScoreAdj = (signal: SignalStruct, adj: number): void =>
  atomics.store(signal + OOM_SCORE_ADJ, adj);
export const signalOomMm = (signal: SignalStruct): Mm | Null => word(signal + OOM_MM) as Mm | Null;
export const setSignalOomMm = (signal: SignalStruct, mm: Mm | Null): void =>
  setWord(signal + OOM_MM, mm);

/** NULL is init. */
export const signalParent = (signal: SignalStruct): SignalStruct | Null =>
  word(signal + PARENT) as SignalStruct | Null;
export const signalFirstChild = (signal: SignalStruct): SignalStruct | Null =>
  word(signal + CHILDREN) as SignalStruct | Null;
export const signalNextSibling = (signal: SignalStruct): SignalStruct | Null =>
  word(signal + NEXT_SIBLING) as SignalStruct | Null;

/** Puts a process before the other children of its parent. Init needs no list. */
export function linkChild(parent: SignalStruct | Null, child: SignalStruct): void {
  setWord(child + PARENT, parent);
  setWord(child + PREV_SIBLING, NULL);
  const next = parent === NULL ? NULL : word(parent + CHILDREN);
  setWord(child + NEXT_SIBLING, next);
  if (next !== NULL) setWord(next + PREV_SIBLING, child);
  if (parent !== NULL) setWord(parent + CHILDREN, child);
}

/** It has no parent until it is linked again. */
export function unlinkChild(child: SignalStruct): void {
  const parent = word(child + PARENT);
  const prev = word(child + PREV_SIBLING);
  const next = word(child + NEXT_SIBLING);
  if (prev !== NULL) setWord(prev + NEXT_SIBLING, next);
  else if (parent !== NULL) setWord(parent + CHILDREN, next);
  if (next !== NULL) setWord(next + PREV_SIBLING, prev);
  setWord(child + PARENT, NULL);
  setWord(child + NEXT_SIBLING, NULL);
  setWord(child + PREV_SIBLING, NULL);
}

/** What a thread reads before it looks around, and then sleeps on. */
export const signalNews = (signal: SignalStruct): number => atomics.load(signal + NEWS);

/** Sleeps unless something has happened to the process since `seen`. */
export function sleepUntilNews(signal: SignalStruct, seen: number): void {
  atomics.wait(signal + NEWS, seen);
}

/**
 * Lets the threads of a process look again: a child has ended or become another program, a thread
 * has ended, or they are to die. Pairs with a thread that looked before it sleeps. A process that
 * is gone by now has its words still, so nothing is lost by telling it.
 */
export function announceNews(signal: SignalStruct): void {
  atomics.add(signal + NEWS, 1);
  atomics.wakeAll(signal + NEWS);
}
