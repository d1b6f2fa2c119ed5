/**
 * Emptying the page tables below VMAs that an operation has taken aside, or that never came to be.
 *
 * Source: mm/vma.c, vms_clear_ptes(), __mmap_new_file_vma(), v6.18, v7.0.
 */
import * as atomics from '#atomics';
import { NULL } from '../arena/ref.ts';
import type { MmRead, MmWrite, VmaHidden } from '../mm/held.ts';
import { mmPgdAt } from '../mm/mm_struct.ts';
import { findVma, vmaIterator, vmaPrev } from '../mm/vma_iterator.ts';
import { setVmFile, vmEnd, vmStart } from '../mm/vma_struct.ts';
import type { VmaMunmap } from './munmap.ts';
import { vmaPutFile } from './prepare.ts';
import {
  FIRST_USER_ADDRESS,
  type Neighbours,
  unmapState,
  USER_PGTABLES_CEILING,
} from './unmap_desc.ts';
import { unlinkRmap, unmapRegion } from './unmap_region.ts';
import type { ByteRange } from './vma_merge.ts';

/**
 * The fields are set by hand: the walk is of the side list, which counts from 0 and knows no
 * addresses. What was gathered is detached, which is more than a write lock: mmap_lock may have
 * been downgraded since.
 */
export function vmsClearPtes({ mm, start, end, gathered }: VmaMunmap): void {
  const [first] = gathered;
  if (first === undefined) return;
  // Nobody has ever touched this address space: only the reverse map may know of its VMAs.
  if (atomics.readOnce(mmPgdAt(mm)) === NULL) return gathered.forEach(unlinkRmap);
  const { prev, next } = tableNeighbours(mm, { start, end });
  unmapRegion({
    mm,
    mas: { gathered, index: 1 },
    first,
    pgStart: prev === NULL ? FIRST_USER_ADDRESS : vmEnd(prev),
    pgEnd: next === NULL ? USER_PGTABLES_CEILING : vmStart(next),
    vmaStart: start,
    vmaEnd: end,
    treeEnd: gathered.length,
    treeReset: 1,
    mmWrLocked: false,
  });
}

/**
 * What a driver has mapped into a VMA that is in no tree, and never will be. Its file goes first:
 * it was never among that file's mappings, and so must not leave them.
 */
export function unmapNewVma(mm: MmWrite, vma: VmaHidden): void {
  vmaPutFile(vma);
  setVmFile(vma, NULL);
  if (atomics.readOnce(mmPgdAt(mm)) === NULL) return;
  const neighbours = tableNeighbours(mm, { start: vmStart(vma), end: vmEnd(vma) });
  unmapRegion(unmapState(vmaIterator(mm, vmEnd(vma)), vma, neighbours));
}

/** Who may need tables of the range. */
function tableNeighbours(mm: MmRead, { start, end }: ByteRange): Neighbours {
  return { prev: vmaPrev(vmaIterator(mm, start)), next: findVma(mm, end) };
}
