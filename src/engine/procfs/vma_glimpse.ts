/**
 * A look at an address space that holds nothing and waits for nobody, for a thread that may not
 * sleep: all of it under RCU, and worth something if nobody wrote meanwhile.
 *
 * There are no names and files: their memory may be anybody's once their VMA has let go of them.
 */
import { NULL } from '../arena/ref.ts';
import { type Mas, masFind, masState, MT_MAX } from '../maple/maple.ts';
import type { Mm, VmaRcu } from '../mm/held.ts';
import { mmMt } from '../mm/mm_struct.ts';
import { mmapLockSpeculateRetry, mmapLockSpeculateTryBegin } from '../mm/speculate.ts';
import { isTaskAlive, type Task, taskMm } from '../mm/task_struct.ts';
import { isMarker } from '../mm/vma_iterator.ts';
import type { VmFlags } from '../mm/vm_flags.ts';
import { vmFlagsRcu, vmPgoffRcu, vmRangeRcu } from '../mm/vma_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../rcu/rcu.ts';

export interface VmaGlimpse {
  /** Bytes, inclusive. */
  readonly start: number;
  /** Bytes, exclusive. */
  readonly end: number;
  /** VM_* */
  readonly flags: VmFlags;
  /** Pages. */
  readonly pgoff: number;
}

/** How often writers may come in between. */
const TRIES = 16;

/** @returns the VMAs in address order, all of one moment; null when there was none. */
export function glimpseVmas(task: Task, tid: number): VmaGlimpse[] | null {
  let vmas: VmaGlimpse[] | null = null;
  rcuReadLock();
  // Its memory is an mm's in this section, if the task had it once the section had begun.
  const mm = taskMm(task);
  if (mm !== NULL && isTaskAlive(task, tid)) {
    for (let tries = 0; tries < TRIES && vmas === null; tries++) vmas = glimpseOnce(mm);
  }
  rcuReadUnlock();
  return vmas;
}

function glimpseOnce(mm: Mm): VmaGlimpse[] | null {
  const seq = mmapLockSpeculateTryBegin(mm);
  const vmas: VmaGlimpse[] = [];
  const mas = masState(mmMt(mm), 0, 0);
  // Ends: a writer's step moves the sequence, and else the place only rises.
  while (!mmapLockSpeculateRetry(mm, seq)) {
    const vma = nextEntry(mas);
    if (vma !== NULL) vmas.push(glimpse(vma));
    else return mmapLockSpeculateRetry(mm, seq) ? null : vmas;
  }
  return null;
}

function nextEntry(mas: Mas): VmaRcu | typeof NULL {
  const entry = masFind(mas, MT_MAX);
  return isMarker(entry) ? NULL : (entry as VmaRcu | typeof NULL);
}

function glimpse(vma: VmaRcu): VmaGlimpse {
  const [start, end] = vmRangeRcu(vma);
  return { start, end, flags: vmFlagsRcu(vma), pgoff: vmPgoffRcu(vma) };
}
