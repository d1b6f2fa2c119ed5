/**
 * Emptying the page tables below VMAs that go, in the order that keeps everybody safe:
 *
 *   entries cleared ──> out of the reverse map ──> tables freed ──> flush ──> pages freed
 *
 * Once a VMA is out of the reverse map nobody walks its tables but loads and stores, which
 * hold an RCU section: tables are reused after a grace period.
 *
 * Source: mm/vma.c, vms_clear_ptes(), unmap_region(), mm/memory.c, free_pgtables(), v6.18.
 */
import { word } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { PMD_SIZE } from '../arena/units.ts';
import type { MmRead, VmaWrite } from '../mm/held.ts';
import { mmPgdAt } from '../mm/mm_struct.ts';
import { findVma, vmaIterator, vmaPrev } from '../mm/vma_iterator.ts';
import { vmEnd, vmStart } from '../mm/vma_struct.ts';
import { freePgdRange } from '../page/free_pgtables.ts';
import { boundaryAfter } from '../page/table_struct.ts';
import { tlbFinishMmu, tlbGatherMmu } from '../page/mmu_gather.ts';
import { zapRange } from '../page/zap.ts';
import { unlinkAnonVmas } from '../rmap/anon_vma.ts';
import { vmaUnlinkFile } from './prepare.ts';
import type { ByteRange } from './vma_merge.ts';

/** What lies in the range: detached, in address order. */
export interface ClearedArea extends ByteRange {
  readonly mm: MmRead;
  readonly gathered: readonly VmaWrite[];
}

/** Tables that a neighbour may need stay. */
export function clearPtes(area: ClearedArea): void {
  const { mm, gathered } = area;
  if (word(mmPgdAt(mm)) === NULL) return unlinkRmap(gathered);
  const tlb = tlbGatherMmu(mm);
  for (const vma of gathered) {
    zapRange(tlb, vma, { start: vmStart(vma), end: vmEnd(vma), mode: 'all' });
  }
  unlinkRmap(gathered);
  freeTables(area);
  tlbFinishMmu(tlb);
}

/** What a driver has mapped into a VMA that is in no tree and no reverse map, and never will be. */
export function clearNewPtes(mm: MmRead, vma: VmaWrite): void {
  if (word(mmPgdAt(mm)) === NULL) return;
  const range = { start: vmStart(vma), end: vmEnd(vma) };
  const tlb = tlbGatherMmu(mm);
  zapRange(tlb, vma, { ...range, mode: 'all' });
  freeTables({ mm, ...range, gathered: [] });
  tlbFinishMmu(tlb);
}

function unlinkRmap(gathered: readonly VmaWrite[]): void {
  for (const vma of gathered) {
    unlinkAnonVmas(vma);
    vmaUnlinkFile(vma);
  }
}

function freeTables({ mm, start, end }: ClearedArea): void {
  const next = findVma(mm, end);
  const ceiling = next === NULL ? Infinity : vmStart(next);
  // Most often a neighbour in the same leaf table keeps it, and all tables above it.
  const until = boundaryAfter(start, PMD_SIZE);
  if (end <= until && ceiling < until) return;
  const prev = vmaPrev(vmaIterator(mm, start));
  freePgdRange(mm, { start, end, floor: prev === NULL ? 0 : vmEnd(prev), ceiling });
}
