/**
 * Taking an address space apart.
 *
 * The pages go under mmap_lock for read, so that the OOM reaper may help; what it then finds marked
 * has nothing left for it. Tables, VMAs and the tree go under mmap_lock for write.
 *
 * Source: mm/mmap.c, exit_mmap(), tear_down_vmas(), kernel/fork.c, mmput(), v6.18, v7.0.
 */
import { NO_MARK_EXIT } from '#mutants';
import { assert } from '../arena/assert.ts';
import { word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { mtDestroy } from '../maple/maple.ts';
import { unchargeMemory } from '../mm/accounting.ts';
import type { Mm, MmRead, MmWrite, Vma } from '../mm/held.ts';
import {
  MMF_OOM_SKIP,
  mmMapCount,
  mmMt,
  mmPgtablesAt,
  setMmFlag,
  setMmLayout,
  setMmMapCount,
} from '../mm/mm_struct.ts';
import { mmapReadLock, mmapReadUnlock, mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { onMmExit } from '../mm/mm_refs.ts';
import { isMarker, vmaIterator, type VmaIterator, vmaNext } from '../mm/vma_iterator.ts';
import { vmaMarkDetached, vmaStartWrite, vmaUnmarked } from '../mm/vma_lock.ts';
import { hasFlag, VM_ACCOUNT } from '../mm/vm_flags.ts';
import { vmaPages, vmEnd, vmFlags } from '../mm/vma_struct.ts';
import { freePgd } from '../page/free_pgtables.ts';
import { tlbFinishMmu, tlbGatherMmu } from '../page/mmu_gather.ts';
import { mmRss } from '../page/rss.ts';
import { EXIT_MMAP, trace } from '../trace/events.ts';
import { WARN_MAP_COUNT, warnOnce } from '../trace/warn.ts';
import { removeUnreachableVma } from '../vma/munmap.ts';
import { TREE_MAX, unmapAll, unmapPgtables } from '../vma/unmap_desc.ts';
import { freePgtables, unmapVmas } from '../vma/unmap_region.ts';

onMmExit(exitMmap);

function exitMmap(mm: Mm): void {
  trace(EXIT_MMAP, mm, mmMapCount(mm));
  const reader = mmapReadLock(mm);
  const first = firstVma(reader);
  const tlb = tlbGatherMmu(mm);
  if (first !== NULL) unmapVmas(tlb, unmapAll(iteratorBehind(reader, first), first));
  mmapReadUnlock(reader);

  setMmFlag(mm, MMF_OOM_SKIP);
  const writer = mmapWriteLock(mm);
  if (first !== NULL) freePgtables(unmapPgtables(iteratorBehind(writer, first), first));
  tlbFinishMmu(tlb);
  const charged = first === NULL ? 0 : tearDownVmas(iteratorBehind(writer, first), first, TREE_MAX);
  destroyTree(writer);
  mmapWriteUnlock(writer);
  unchargeMemory(charged);

  assert(mmRss(mm) === 0, 'an address space without pages counts none');
  assert(word(mmPgtablesAt(mm)) === 0, 'an address space without VMAs has no tables');
  freePgd(mm);
}

/** @returns the first VMA that is this mm's own, or NULL: a failed fork may have left none. */
export function firstVma(mm: MmRead): Vma | Null {
  const first = vmaNext(vmaIterator(mm, 0));
  return isMarker(first) ? NULL : first;
}

export const iteratorBehind = <Held extends MmRead>(mm: Held, vma: Vma): VmaIterator<Held> =>
  vmaIterator(mm, vmEnd(vma));

/** The whole tree at once: its entries are gone, or somebody else's. Nothing is counted. */
export function destroyTree(mm: MmWrite): void {
  mtDestroy(mmMt(mm));
  setMmMapCount(mm, 0);
  setMmLayout(mm, { totalVm: 0, execVm: 0, stackVm: 0, dataVm: 0 });
}

/**
 * Frees `first` and all VMAs behind it, where `vmi` stands, that end at `max` (bytes) or before.
 * Their pages and tables are gone, and the tree keeps its entries: destroyTree() follows.
 *
 * @returns the pages that were charged for them.
 */
export function tearDownVmas(vmi: VmaIterator<MmWrite>, first: Vma, max: number): number {
  const { mm } = vmi;
  let count = 0;
  let accounted = 0;
  for (let vma: Vma | Null = first; vma !== NULL && !isMarker(vma) && vmEnd(vma) <= max;) {
    if (hasFlag(vmFlags(vma), VM_ACCOUNT)) accounted += vmaPages(vma);
    const next = vmaNext(vmi);
    const victim = NO_MARK_EXIT ? vmaUnmarked(vma) : vmaStartWrite(mm, vma);
    vmaMarkDetached(mm, victim);
    removeUnreachableVma(victim);
    count++;
    vma = next;
  }
  warnOnce(WARN_MAP_COUNT, count !== mmMapCount(mm));
  return accounted;
}
