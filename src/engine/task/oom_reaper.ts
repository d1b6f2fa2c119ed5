/**
 * The OOM reaper: takes the private memory of a condemned process while it may still be running.
 *
 *   MMF_UNSTABLE    first: who faults from now on gets a signal, and never a zero in place of data
 *   pages           of private VMAs, from the last VMA to the first; VMAs and tables stay
 *   MMF_OOM_SKIP    nothing more is to be had here
 *
 * Exit sets MMF_OOM_SKIP before it takes mmap_lock for write and frees tables: under the lock for
 * read, its absence means that they are there.
 *
 * Source: mm/oom_kill.c, oom_reap_task(), oom_reap_task_mm(), __oom_reap_task_mm(), v6.18.
 */
import * as atomics from '#atomics';
import { NULL } from '../arena/ref.ts';
import { TASK_SIZE } from '../arena/units.ts';
import type { Mm, MmRead, Vma } from '../mm/held.ts';
import { MMF_OOM_SKIP, MMF_UNSTABLE, mmHasFlag, mmMmapLockAt, setMmFlag } from '../mm/mm_struct.ts';
import { mmapReadTrylock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { flagsOf, hasFlag, VM_HUGETLB, VM_PFNMAP, VM_SHARED } from '../mm/vm_flags.ts';
import { vmaIterator, vmaPrev } from '../mm/vma_iterator.ts';
import { vmaIsAnonymous, vmEnd, vmFlags, vmStart } from '../mm/vma_struct.ts';
import { tlbFinishMmu, tlbGatherMmu } from '../page/mmu_gather.ts';
import { zapRange } from '../page/zap.ts';

/** Attempts to get mmap_lock for read, which the victim may hold for write. */
const MAX_OOM_REAP_RETRIES = 10;
/** Plain loads between two of them. */
const PAUSE = 20_000;

/** Reaps, or gives up: either way nobody is to hope for more. The caller has a reference. */
export function oomReapTask(mm: Mm): void {
  for (let attempt = 0; attempt < MAX_OOM_REAP_RETRIES; attempt++) {
    if (oomReapTaskMm(mm)) break;
    for (let i = 0; i < PAUSE && atomics.readOnce(mmMmapLockAt(mm)) !== 0; i++);
  }
  setMmFlag(mm, MMF_OOM_SKIP);
}

/** @returns false when the lock was not to be had. */
function oomReapTaskMm(mm: Mm): boolean {
  const reader = mmapReadTrylock(mm);
  if (reader === null) return false;
  oomReapLocked(reader);
  mmapReadUnlock(reader);
  return true;
}

/** Takes what there still is to take. */
export function oomReapLocked(mm: MmRead): void {
  if (mmHasFlag(mm, MMF_OOM_SKIP)) return;
  setMmFlag(mm, MMF_UNSTABLE);
  const vmi = vmaIterator(mm, TASK_SIZE);
  for (let vma = vmaPrev(vmi); vma !== NULL; vma = vmaPrev(vmi)) {
    if (!isReapable(vma)) continue;
    const tlb = tlbGatherMmu(mm);
    zapRange(tlb, vma, { start: vmStart(vma), end: vmEnd(vma), mode: 'all' });
    tlbFinishMmu(tlb);
  }
}

const NOT_OURS = flagsOf(VM_HUGETLB, VM_PFNMAP);

/** What others may still need stays: shared memory, and what is no memory of ours. */
function isReapable(vma: Vma): boolean {
  if (hasFlag(vmFlags(vma), NOT_OURS)) return false;
  return vmaIsAnonymous(vma) || !hasFlag(vmFlags(vma), VM_SHARED);
}
