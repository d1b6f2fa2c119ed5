/** brk(2). */
import { EINTR, isErr } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { pageUp, TASK_SIZE, ugt, type Ulong, ult } from '../arena/units.ts';
import { mmPopulateIgnoringErrors } from '../fault/populate.ts';
import { mlockFutureOk } from '../mm/accounting.ts';
import type { MmWrite } from '../mm/held.ts';
import {
  mmBrk,
  mmDefFlags,
  mmEndData,
  mmStartBrk,
  mmStartData,
  setMmBrk,
} from '../mm/mm_struct.ts';
import { mmapWriteLockKillable, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { dacMmapMinAddr } from '../mm/sysctl.ts';
import { CAP_SYS_RAWIO, capable, rlimit, RLIMIT_DATA } from '../mm/task_struct.ts';
import { findVma, findVmaIntersection } from '../mm/vma_iterator.ts';
import { hasFlag, VM_LOCKED } from '../mm/vm_flags.ts';
import { LIMIT_DATA, noteLimit } from '../trace/verdict.ts';
import { brkFlags, doBrkFlags } from '../vma/expand.ts';
import { doMunmap } from '../vma/munmap.ts';
import { userfaultfdDeliver, userfaultfdForget } from '../vma/userfaultfd_events.ts';
import { vmStartGap } from '../vma/unmapped_area.ts';
import { enterSyscall } from './entry.ts';

/**
 * Moves the end of the heap.
 *
 * @returns where it is now: `brk`, or on any failure where it was; EINTR for a
 *   task that dies while it waits.
 *
 * Source: mm/mmap.c, brk(), v6.18.
 */
export function sysBrk(brk: Ulong): number {
  const mm = enterSyscall();
  const locked = mmapWriteLockKillable(mm);
  if (locked === null) return EINTR;
  const oldBrk = mmBrk(locked);
  const outcome = moveBrk(locked, oldBrk, brk);
  if (outcome !== 'unlocked') mmapWriteUnlock(locked);
  if (outcome === 'refused') {
    userfaultfdForget();
    return oldBrk;
  }
  userfaultfdDeliver();
  if (outcome === 'grown' && hasFlag(mmDefFlags(mm), VM_LOCKED)) {
    mmPopulateIgnoringErrors(mm, { start: pageUp(oldBrk), end: pageUp(brk) });
  }
  return brk;
}

type Outcome = 'refused' | 'moved' | 'grown' | 'unlocked';

function moveBrk(mm: MmWrite, oldBrk: number, brk: Ulong): Outcome {
  if (ult(brk, mmStartBrk(mm))) return 'refused';
  const data = brk - mmStartBrk(mm) + (mmEndData(mm) - mmStartData(mm));
  if (ugt(data, rlimit(RLIMIT_DATA)) && rlimit(RLIMIT_DATA) < Infinity) {
    noteLimit(LIMIT_DATA, data, rlimit(RLIMIT_DATA));
    return 'refused';
  }
  const oldEnd = pageUp(oldBrk);
  const end = pageUp(brk);
  if (end === oldEnd) {
    setMmBrk(mm, brk);
    return 'moved';
  }
  if (!ugt(brk, oldBrk)) return shrink(mm, { end, oldEnd, oldBrk, brk });
  return grow(mm, { end, oldEnd, oldBrk, brk });
}

interface Move {
  /** Page aligned. */
  readonly end: number;
  readonly oldEnd: number;
  readonly oldBrk: number;
  readonly brk: number;
}

/** Whatever is mapped in the part that goes, goes. */
function shrink(mm: MmWrite, { end, oldEnd, oldBrk, brk }: Move): Outcome {
  if (findVmaIntersection(mm, end, oldEnd) === NULL) return 'refused';
  setMmBrk(mm, brk);
  if (!isErr(doMunmap(mm, { start: end, end: oldEnd }, 'unlock'))) return 'unlocked';
  setMmBrk(mm, oldBrk);
  return 'refused';
}

function grow(mm: MmWrite, { end, oldEnd, brk }: Move): Outcome {
  const isInvalid = end < oldEnd || end > TASK_SIZE; // the last page of all wraps to 0
  if (isInvalid || (oldEnd < dacMmapMinAddr() && !capable(CAP_SYS_RAWIO))) return 'refused';
  if (!mlockFutureOk(mm, mmDefFlags(mm), end - oldEnd)) return 'refused';
  // One free page stays below whatever comes next, and a guard below a stack.
  const next = findVma(mm, oldEnd);
  if (next !== NULL && end + 4096 > vmStartGap(next)) return 'refused';
  if (isErr(doBrkFlags(mm, { start: oldEnd, end }, brkFlags()))) return 'refused';
  setMmBrk(mm, brk);
  return 'grown';
}
