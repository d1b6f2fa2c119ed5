/**
 * Emptying the page tables below VMAs that go, in the order that keeps everybody safe:
 *
 *   entries cleared ──> out of the reverse map ──> tables freed ──> flush ──> pages freed
 *
 * Once a VMA is out of the reverse map nobody walks its tables but loads and stores, which
 * hold an RCU section: tables are reused after a grace period.
 *
 * Source: mm/vma.c, unmap_region(), mm/memory.c, unmap_vmas(), free_pgtables(), v7.0.
 */
import * as atomics from '#atomics';
import { NO_MARK_EXIT, TABLES_OF_NEIGHBOURS } from '#mutants';
import { NULL, type Null } from '../arena/ref.ts';
import { PMD_SIZE } from '../arena/units.ts';
import type { MmRead, Vma, VmaWrite } from '../mm/held.ts';
import { mmPgdAt } from '../mm/mm_struct.ts';
import { mmapAssertWriteLocked } from '../mm/mmap_lock.ts';
import { vmaAssertDetached, vmaStartWrite, vmaUnmarked } from '../mm/vma_lock.ts';
import { vmEnd, vmStart } from '../mm/vma_struct.ts';
import { freePgdRange, type FreeRange } from '../page/free_pgtables.ts';
import { type MmuGather, tlbFinishMmu, tlbGatherMmu } from '../page/mmu_gather.ts';
import { boundaryAfter } from '../page/table_struct.ts';
import { zapRange } from '../page/zap.ts';
import { unlinkAnonVmas } from '../rmap/anon_vma.ts';
import { WARN_CEILING, warnOnce } from '../trace/warn.ts';
import { vmaUnlinkFile } from './prepare.ts';
import { clipped, lastBelow, nextToUnmap, resetWalk, type UnmapDesc } from './unmap_desc.ts';

/** Takes pages, reverse map and tables apart. The VMAs stay, and stay in the tree. */
export function unmapRegion(desc: UnmapDesc): void {
  const tlb = tlbGatherMmu(desc.mm);
  unmapVmas(tlb, desc);
  resetWalk(desc);
  freePgtables(desc);
  tlbFinishMmu(tlb);
}

/** Clears the entries of every VMA that is described, as far as its range goes. */
export function unmapVmas(tlb: MmuGather, desc: UnmapDesc): void {
  if (!hasTables(desc.mm)) return;
  for (let vma: Vma | Null = desc.first; vma !== NULL; vma = nextToUnmap(desc)) {
    const range = clipped(desc, vma);
    if (range !== null) {
      zapRange(tlb, vma, { start: range.start, end: range.end, mode: 'all' });
    }
  }
}

/**
 * Takes the VMAs out of the reverse map, and frees the tables that none of their neighbours needs.
 * The walk stands behind the first.
 *
 *   floor     | vma | vma |  hole > 2 MiB  | vma |        ceiling
 *             └── one group, ceiling: ─────┘└─ the next group, ceiling: pgEnd
 *
 * VMAs that are near share tables, so a group of them goes at once. A group's ceiling is the next
 * VMA, even when that goes too: it takes with it what it shared with the group before.
 */
export function freePgtables(desc: UnmapDesc): void {
  // A limit of VMAs beyond that of tables would free the tables of whoever lies between.
  warnOnce(WARN_CEILING, lastBelow(desc.vmaEnd) > lastBelow(desc.pgEnd));
  for (let vma: Vma | Null = desc.first; vma !== NULL;) {
    const start = vmStart(vma);
    unlinkRmap(victimOf(desc, vma));
    let end: number = vmEnd(vma);
    let next = nextToUnmap(desc);
    while (next !== NULL && vmStart(next) <= end + PMD_SIZE) {
      unlinkRmap(victimOf(desc, next));
      end = vmEnd(next);
      next = nextToUnmap(desc);
    }
    const ceiling = next === NULL ? desc.pgEnd : vmStart(next);
    freeTables(
      desc.mm,
      TABLES_OF_NEIGHBOURS
        ? { start, end, floor: 0, ceiling: 0 }
        : { start, end, floor: desc.pgStart, ceiling },
    );
    vma = next;
  }
}

/** Whoever comes by a page no longer finds the VMA. */
export function unlinkRmap(victim: VmaWrite): void {
  unlinkAnonVmas(victim);
  vmaUnlinkFile(victim);
}

function victimOf({ mm, mmWrLocked }: UnmapDesc, vma: Vma): VmaWrite {
  if (mmWrLocked) {
    mmapAssertWriteLocked(mm);
    return NO_MARK_EXIT ? vmaUnmarked(vma) : vmaStartWrite(mm, vma);
  }
  vmaAssertDetached(vma);
  return vma;
}

function freeTables(mm: MmRead, range: FreeRange): void {
  if (!hasTables(mm)) return;
  // Most often a neighbour in the same leaf table keeps it, and all tables above it.
  const until = boundaryAfter(range.start, PMD_SIZE);
  if (range.end <= until && range.ceiling !== 0 && range.ceiling < until) return;
  freePgdRange(mm, range);
}

const hasTables = (mm: MmRead): boolean => atomics.readOnce(mmPgdAt(mm)) !== NULL;
