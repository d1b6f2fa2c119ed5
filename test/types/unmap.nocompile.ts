/**
 * S3-17: who still calls with a list of arguments is told by the compiler, the tests too. `tsc`
 * reads this file with all others; nothing here is ever run.
 */
import type { MmRead, Vma } from '../../src/engine/mm/held.ts';
import type { MmuGather } from '../../src/engine/page/mmu_gather.ts';
import type { UnmapDesc } from '../../src/engine/vma/unmap_desc.ts';
import { freePgtables, unmapRegion, unmapVmas } from '../../src/engine/vma/unmap_region.ts';

declare const mm: MmRead;
declare const vma: Vma;
declare const tlb: MmuGather;
declare const desc: UnmapDesc;

export function refused(): void {
  // @ts-expect-error: the VMA and its neighbours, as it was
  unmapRegion(mm, vma, vma, vma);
  // @ts-expect-error: the range that is zapped, as it was
  unmapVmas(tlb, mm, vma, 0, 4096);
  // @ts-expect-error: floor and ceiling, as it was
  freePgtables(tlb, mm, vma, 0, 4096);
  // @ts-expect-error: floor and ceiling behind the description
  freePgtables(desc, 0, 4096);
  const { treeEnd: _, ...incomplete } = desc;
  // @ts-expect-error: a limit that was left out is not 0, nor none
  unmapRegion(incomplete);
  // @ts-expect-error: it is not changed while it is worked on
  desc.treeEnd = 0;
}

export function allowed(): void {
  unmapRegion(desc);
  unmapVmas(tlb, { ...desc, vmaEnd: 4096 });
  freePgtables(desc);
}
