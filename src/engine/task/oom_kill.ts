/**
 * The OOM killer: who has most goes.
 *
 *   oomBadness()    pages present, in tables and in swap, and what oom_score_adj says
 *   outOfMemory()   condemns the worst process and all that share its address space, then reaps it
 *
 * Source: mm/oom_kill.c, oom_badness(), select_bad_process(), oom_kill_process(), fs/proc/base.c,
 * proc_oom_score(), v6.18.
 */
import { NULL, type Null } from '../arena/ref.ts';
import { word } from '../arena/memory.ts';
import { mmgrab, mmdrop } from '../mm/mm_refs.ts';
import type { Mm } from '../mm/held.ts';
import { MMF_OOM_SKIP, mmHasFlag, mmPgtablesAt } from '../mm/mm_struct.ts';
import {
  setSignalOomMm,
  setSignalOomScoreAdj,
  signalLeader,
  signalOomMm,
  signalOomScoreAdj,
  signalParent,
  signalTgid,
  type SignalStruct,
} from '../mm/signal_struct.ts';
import { totalPages } from '../mm/sysctl.ts';
import { isVforkPending, SIGKILL, type Task, taskTid } from '../mm/task_struct.ts';
import { mmRss } from '../page/rss.ts';
import { killProcess } from './kill.ts';
import { oomReapTask } from './oom_reaper.ts';
import { eachProcess, findMm, tasklistLock, tasklistUnlock } from './tasklist.ts';

/** A process with this oom_score_adj is never chosen. */
export const OOM_SCORE_ADJ_MIN = -1000;
export const OOM_SCORE_ADJ_MAX = 1000;

/** Pages; null for who is never chosen. The list's lock is held. */
export function oomBadness(signal: SignalStruct): number | null {
  const mm = findMm(signal);
  const adj = signalOomScoreAdj(signal);
  if (mm === NULL || adj === OOM_SCORE_ADJ_MIN) return null;
  if (mmHasFlag(mm, MMF_OOM_SKIP) || isInVfork(signal, mm)) return null;
  const points = mmRss(mm) + word(mmPgtablesAt(mm));
  return points + adj * Math.floor(totalPages() / 1000);
}

/** It has its parent's address space only until it execs: nothing would be gained. */
function isInVfork(signal: SignalStruct, mm: Mm): boolean {
  const parent = signalParent(signal);
  return parent !== NULL && hasVforkParent(signal) && findMm(parent) === mm;
}

function hasVforkParent(signal: SignalStruct): boolean {
  const leader = signalLeader(signal);
  return isVforkPending(leader, taskTid(leader));
}

/** What /proc/PID/oom_score shows: 0 to 2000. The list's lock is held. */
export function oomScore(signal: SignalStruct): number {
  const badness = oomBadness(signal);
  if (badness === null) return 0;
  const share = Math.trunc((badness * 1000) / totalPages());
  return Math.trunc(((1000 + share) * 2) / 3);
}

/**
 * Sets oom_score_adj of a process, and of all that share its address space but by vfork. The list's
 * lock is held.
 *
 * Source: fs/proc/base.c, __set_oom_adj(), v6.18.
 */
export function setOomScoreAdj(signal: SignalStruct, adj: number): void {
  setSignalOomScoreAdj(signal, adj);
  const mm = findMm(signal);
  if (mm === NULL || hasVforkParent(signal)) return;
  for (const other of eachProcess()) {
    if (findMm(other) === mm && !hasVforkParent(other)) setSignalOomScoreAdj(other, adj);
  }
}

/** Who was killed. The task may have ended meanwhile: the number tells. */
export interface OomVictim {
  readonly task: Task;
  readonly tid: number;
}

/**
 * Condemns the process with most pages, and takes its private memory away.
 *
 * @returns its leader; null when nobody can be chosen, or one that was is still dying.
 */
export function outOfMemory(): OomVictim | null {
  tasklistLock();
  const signal = selectBadProcess();
  const mm = signal === NULL ? NULL : findMm(signal);
  if (signal === NULL || mm === NULL) {
    tasklistUnlock();
    return null;
  }
  condemn(signal, mm);
  mmgrab(mm);
  const victim = { task: signalLeader(signal), tid: signalTgid(signal) };
  tasklistUnlock();
  oomReapTask(mm);
  mmdrop(mm);
  return victim;
}

function selectBadProcess(): SignalStruct | Null {
  let chosen: SignalStruct | Null = NULL;
  let most = -Infinity;
  for (const signal of eachProcess()) {
    const condemned = signalOomMm(signal);
    if (condemned !== NULL) {
      if (mmHasFlag(condemned, MMF_OOM_SKIP)) continue;
      return NULL; // it will give its memory back soon
    }
    const points = oomBadness(signal);
    if (points === null || points < most) continue;
    chosen = signal;
    most = points;
  }
  return chosen;
}

/** And all who have its address space too: init, who must live, has none. */
function condemn(victim: SignalStruct, mm: Mm): void {
  for (const signal of eachProcess()) {
    if (findMm(signal) === mm) killProcess(signal, SIGKILL);
  }
  if (signalOomMm(victim) === NULL) {
    mmgrab(mm);
    setSignalOomMm(victim, mm);
  }
}
