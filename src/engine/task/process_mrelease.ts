/**
 * Giving back the memory of a process that is dying, before it gets to that itself.
 *
 * Source: mm/oom_kill.c, process_mrelease(), task_will_free_mem(), v6.18.
 */
import { EINVAL, type Errno, ESRCH, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import { mmdrop, mmgrab } from '../mm/mm_refs.ts';
import { MMF_OOM_SKIP, mmHasFlag } from '../mm/mm_struct.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { SIGNAL_GROUP_EXIT, signalFlags, type SignalStruct } from '../mm/signal_struct.ts';
import { taskSignal } from '../mm/task_struct.ts';
import { oomReapLocked } from './oom_reaper.ts';
import { eachProcess, findMm, findTask, tasklistLock, tasklistUnlock } from './tasklist.ts';

/**
 * process_mrelease(2): takes the private memory of a process that is dying, by the number of a
 * thread of it.
 *
 * @returns EINVAL for flags, or a process that lives; ESRCH when it is gone, or has left
 *   its address space.
 */
export function sysProcessMrelease(tid: number, flags: number): 0 | Errno {
  if (flags !== 0) return EINVAL;
  tasklistLock();
  const task = findTask(tid);
  const mm = task === NULL ? NULL : findMm(taskSignal(task));
  const isDying = task !== NULL && mm !== NULL && taskWillFreeMem(taskSignal(task), mm);
  if (mm !== NULL) mmgrab(mm);
  tasklistUnlock();
  if (mm === NULL) return ESRCH;
  const result = isDying ? release(mm) : mmHasFlag(mm, MMF_OOM_SKIP) ? OK : EINVAL;
  mmdrop(mm);
  return result;
}

function release(mm: Mm): 0 {
  const reader = mmapReadLock(mm);
  oomReapLocked(reader);
  mmapReadUnlock(reader);
  return OK;
}

/** The process is ending, and so is everyone who shares its address space. */
function taskWillFreeMem(signal: SignalStruct, mm: Mm): boolean {
  if (mmHasFlag(mm, MMF_OOM_SKIP)) return false;
  for (const other of eachProcess()) {
    const isUser = other === signal || findMm(other) === mm;
    if (isUser && (signalFlags(other) & SIGNAL_GROUP_EXIT) === 0) return false;
  }
  return true;
}
