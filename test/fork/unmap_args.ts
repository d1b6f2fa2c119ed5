/**
 * Taking VMAs apart as it was before there was a description: each function with a list of
 * arguments, of which each caller knew the right ones. To be compared with.
 */
import { NULL, type Null } from '../../src/engine/arena/ref.ts';
import { PMD_SIZE } from '../../src/engine/arena/units.ts';
import type { MmWrite, Vma } from '../../src/engine/mm/held.ts';
import { vmaStartWrite } from '../../src/engine/mm/vma_lock.ts';
import { vmEnd, vmStart } from '../../src/engine/mm/vma_struct.ts';
import { freePgdRange } from '../../src/engine/page/free_pgtables.ts';
import { type MmuGather, tlbFinishMmu, tlbGatherMmu } from '../../src/engine/page/mmu_gather.ts';
import { zapRange } from '../../src/engine/page/zap.ts';
import { unlinkAnonVmas } from '../../src/engine/rmap/anon_vma.ts';
import { vmaUnlinkFile } from '../../src/engine/vma/prepare.ts';

export interface Limits {
  readonly start: number;
  readonly end: number;
}

/** `vmas`: the first, and those that its walk comes to. */
export function unmapVmasArgs(tlb: MmuGather, vmas: readonly Vma[], { start, end }: Limits): void {
  for (const vma of vmas) {
    const from = Math.max(vmStart(vma), start);
    const to = Math.min(vmEnd(vma), end);
    if (from < to) zapRange(tlb, vma, { start: from, end: to, mode: 'all' });
  }
}

/** Limits: floor and ceiling of the tables. */
export function freePgtablesArgs(mm: MmWrite, vmas: readonly Vma[], limits: Limits): void {
  for (let i = 0; i < vmas.length;) {
    const group = groupFrom(vmas.slice(i));
    for (const vma of group) {
      const victim = vmaStartWrite(mm, vma);
      unlinkAnonVmas(victim);
      vmaUnlinkFile(victim);
    }
    i += group.length;
    const [first, last, next] = [group[0], group.at(-1), vmas[i]];
    if (first === undefined || last === undefined) return;
    const ceiling = next === undefined ? limits.end : vmStart(next);
    const range = { start: vmStart(first), end: vmEnd(last), floor: limits.start, ceiling };
    if (!isKeptByNext(range)) freePgdRange(mm, range);
  }
}

/** Then there is nothing to free, and the engine does not look. */
const isKeptByNext = ({ start, end, ceiling }: Limits & { ceiling: number }): boolean => {
  const until = (Math.floor(start / PMD_SIZE) + 1) * PMD_SIZE;
  return end <= until && ceiling !== 0 && ceiling < until;
};

/** Neighbours that are less than a table apart. */
function groupFrom(vmas: readonly Vma[]): Vma[] {
  const last = vmas.findIndex((vma, i) => {
    const next = vmas[i + 1];
    return next === undefined || vmStart(next) > vmEnd(vma) + PMD_SIZE;
  });
  return vmas.slice(0, last + 1);
}

/** One VMA between its neighbours. */
export function unmapRegionArgs(mm: MmWrite, vma: Vma, prev: Vma | Null, next: Vma | Null): void {
  const tlb = tlbGatherMmu(mm);
  unmapVmasArgs(tlb, [vma], { start: vmStart(vma), end: vmEnd(vma) });
  const floor = prev === NULL ? 0 : vmEnd(prev);
  freePgtablesArgs(mm, [vma], { start: floor, end: next === NULL ? 0 : vmStart(next) });
  tlbFinishMmu(tlb);
}
