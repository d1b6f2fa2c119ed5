/**
 * Taking an address space apart.
 *
 * Source: mm/mmap.c, exit_mmap(), tear_down_vmas(), kernel/fork.c, mmput(), v6.18.
 */
import { assert } from '../arena/assert.ts';
import { word } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { TASK_SIZE } from '../arena/units.ts';
import { mtDestroy } from '../maple/maple.ts';
import { unchargeMemory } from '../mm/accounting.ts';
import type { Mm, MmWrite, Vma } from '../mm/held.ts';
import { mmMapCount, mmMt, mmPgdAt, setMmMapCount } from '../mm/mm_struct.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { mmdrop, mmputTestZero } from '../mm/mm_refs.ts';
import { vmaFind, vmaIterator } from '../mm/vma_iterator.ts';
import { vmaMarkDetached, vmaStartWrite } from '../mm/vma_lock.ts';
import { hasFlag, VM_ACCOUNT } from '../mm/vm_flags.ts';
import { vmaPages, vmEnd, vmFlags, vmStart } from '../mm/vma_struct.ts';
import { freePgd, freePgdRange } from '../page/free_pgtables.ts';
import { tlbFinishMmu, tlbGatherMmu } from '../page/mmu_gather.ts';
import { mmRss } from '../page/rss.ts';
import { zapRange } from '../page/zap.ts';
import { unlinkAnonVmas } from '../rmap/anon_vma.ts';
import { EXIT_MMAP, trace } from '../trace/events.ts';
import { removeVma } from '../vma/munmap.ts';
import { vmaUnlinkFile } from '../vma/prepare.ts';
import { unmapAll, type UnmapDesc } from '../vma/unmap_desc.ts';

/** Drops a user of an mm; the last one empties it. */
export function mmput(mm: Mm): void {
  if (!mmputTestZero(mm)) return;
  exitMmap(mm);
  mmdrop(mm);
}

function exitMmap(mm: Mm): void {
  trace(EXIT_MMAP, mm, mmMapCount(mm));
  const locked = mmapWriteLock(mm);
  emptyMm(unmapAll(locked));
  mmapWriteUnlock(locked);
}

/** Removes every VMA that is described, and then the tree as a whole: the rest is only forgotten. */
export function emptyMm(desc: UnmapDesc): void {
  const { mm } = desc;
  zapVmas(desc);
  if (desc.treeEnd > 0) unchargeMemory(tearDownVmas(desc));
  freeTables(mm);
  mtDestroy(mmMt(mm));
  setMmMapCount(mm, 0);
}

function zapVmas({ mm, treeEnd }: UnmapDesc): void {
  if (word(mmPgdAt(mm)) === NULL) return;
  const tlb = tlbGatherMmu(mm);
  const vmi = vmaIterator(mm, 0);
  for (let vma = vmaFind(vmi, treeEnd); vma !== NULL; vma = vmaFind(vmi, treeEnd)) {
    zapRange(tlb, vma, { start: vmStart(vma), end: vmEnd(vma), mode: 'all' });
  }
  tlbFinishMmu(tlb);
  assert(mmRss(mm) === 0, 'an address space without pages counts none');
}

/** Nothing of this address space is left that a table could be kept for. */
function freeTables(mm: MmWrite): void {
  if (word(mmPgdAt(mm)) === NULL) return;
  freePgdRange(mm, { start: 0, end: TASK_SIZE, floor: 0, ceiling: Infinity });
  freePgd(mm);
}

/** @returns the pages that were charged. */
function tearDownVmas({ mm, treeEnd }: UnmapDesc): number {
  let count = 0;
  let accounted = 0;
  const vmi = vmaIterator(mm, 0);
  for (let vma = vmaFind(vmi, treeEnd); vma !== NULL; vma = vmaFind(vmi, treeEnd)) {
    if (hasFlag(vmFlags(vma), VM_ACCOUNT)) accounted += vmaPages(vma);
    tearDown(mm, vma);
    count++;
  }
  assert(count === mmMapCount(mm), 'the tree holds as many VMAs as were counted');
  return accounted;
}

function tearDown(mm: MmWrite, vma: Vma): void {
  const victim = vmaStartWrite(mm, vma);
  unlinkAnonVmas(victim);
  vmaUnlinkFile(victim);
  vmaMarkDetached(mm, victim);
  removeVma(victim);
}
