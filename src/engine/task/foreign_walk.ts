/**
 * Walks of address spaces by those who come from elsewhere: by the list of all of them, as swapoff
 * does, or by the reverse map of a page. They hold a user's reference and mmap_lock for read, and
 * that is all they know: the fork that made this mm may have failed.
 *
 *   forkRecovery   what they find of such a child
 *   tree-limit     no VMA
 *   xa-zero        its own VMAs, a mark, VMAs of the parent whose lock nobody holds
 *
 * In the kernel a walk that meets the mark uses it as a VMA, and one that passes it over uses the
 * parent's. Here it stops, and says so.
 *
 * Source: mm/swapfile.c, unuse_mm(), mm/rmap.c, for who walks so, v6.18.
 */
import { NULL, type Null } from '../arena/ref.ts';
import { fileInode } from '../file/file_struct.ts';
import type { Mm, MmRead, Vma } from '../mm/held.ts';
import { MMF_UNSTABLE, mmHasFlag } from '../mm/mm_struct.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { mmgetNotZero, mmput } from '../mm/mm_refs.ts';
import { mmlistNext } from '../mm/mmlist.ts';
import { isMarker, vmaIterator, vmaLookup, vmaNext } from '../mm/vma_iterator.ts';
import { vmAnonVma, vmEnd, vmFile, vmMm, vmPgoff, vmStart } from '../mm/vma_struct.ts';
import { anonVmaWalk, iMmapWalk, type RmapVisit } from '../rmap/rmap_walk.ts';

/** How a walker treats an address space that may be the child of a fork that failed. */
export type Manner =
  /** Asks for MMF_UNSTABLE first, and leaves it alone. */
  | 'careful'
  /** Takes each entry of the tree for a VMA. */
  | 'careless'
  /** Passes a mark over, and goes on with what comes behind it. */
  | 'skips-marks';

export interface MmVisit {
  readonly mm: number;
  /** VMAs of its own that were seen. */
  readonly vmas: number;
  /** What ended the walk: its end, MMF_UNSTABLE, the mark, or a VMA of another mm. */
  readonly met: 'end' | 'unstable' | 'mark' | 'foreign VMA';
  /** Bytes: where. */
  readonly at: number;
}

/** Visits every address space of the machine that has users. */
export function walkMmlist(manner: Manner): MmVisit[] {
  const visits: MmVisit[] = [];
  for (let mm = mmlistNext(NULL); mm !== NULL;) {
    visits.push(visitMm(mm, manner));
    const next = mmlistNext(mm);
    mmput(mm);
    mm = next;
  }
  return visits;
}

/** Visits every address space whose VMAs may map the page at `addr` (bytes) of this one. */
export function walkRmap(mm: Mm, addr: number, manner: Manner): MmVisit[] {
  const found = new Set<Mm>();
  const reader = mmapReadLock(mm);
  const vma = vmaLookup(reader, addr);
  if (vma !== NULL) collect(vma, addr, found);
  mmapReadUnlock(reader);
  return Array.from(found, (each) => {
    const visit = visitMm(each, manner);
    mmput(each);
    return visit;
  });
}

/** With a user's reference to each: under the locks of the reverse map nobody waits for mmap_lock. */
function collect(vma: Vma, addr: number, found: Set<Mm>): void {
  const index = vmPgoff(vma) + Math.floor((addr - vmStart(vma)) / 4096);
  const pages = { first: index, last: index };
  const add: RmapVisit = (each) => {
    const mm = vmMm(each);
    if (!found.has(mm) && mmgetNotZero(mm)) found.add(mm);
    return true;
  };
  const file = vmFile(vma);
  const anonVma = vmAnonVma(vma);
  if (file !== NULL) iMmapWalk(fileInode(file), pages, add);
  if (anonVma !== NULL) anonVmaWalk(anonVma, pages, add);
}

/** Visits one, to which the caller has a user's reference. */
export function visitMm(mm: Mm, manner: Manner): MmVisit {
  const reader = mmapReadLock(mm);
  const isLeftAlone = manner === 'careful' && mmHasFlag(mm, MMF_UNSTABLE);
  const visit = isLeftAlone ? { vmas: 0, met: 'unstable' as const, at: 0 } : walk(reader, manner);
  mmapReadUnlock(reader);
  return { mm, ...visit };
}

function walk(mm: MmRead, manner: Manner): Omit<MmVisit, 'mm'> {
  const vmi = vmaIterator(mm, 0);
  let vmas = 0;
  let at = 0;
  for (let vma: Vma | Null = vmaNext(vmi); vma !== NULL; vma = vmaNext(vmi)) {
    if (isMarker(vma)) {
      if (manner !== 'skips-marks') return { vmas, met: 'mark', at: vmi.mas.index };
      continue;
    }
    if (vmMm(vma) !== mm) return { vmas, met: 'foreign VMA', at: vmi.mas.index };
    vmas++;
    at = vmEnd(vma);
  }
  return { vmas, met: 'end', at };
}
