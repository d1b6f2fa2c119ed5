/**
 * Moving the one mapping of a new address space down, in place: the stack of an exec.
 *
 *   before            [  stack  ]        the two may overlap
 *   covers   [        stack     ]        pages move, lowest first
 *   after    [  stack  ]
 *
 * Source: mm/vma_exec.c, relocate_vma_down(), v6.18.
 */
import { ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import { unchargeMemory, vmStatAccount } from '../mm/accounting.ts';
import type { MmWrite, Vma } from '../mm/held.ts';
import {
  vmaIterator,
  vmaIterConfig,
  vmaIterPrealloc,
  vmaIterPreallocHole,
  vmaIterStore,
  vmaIterStoreHole,
} from '../mm/vma_iterator.ts';
import { vmaStartWrite } from '../mm/vma_lock.ts';
import { hasFlag, VM_ACCOUNT } from '../mm/vm_flags.ts';
import { setVmRange, vmEnd, vmFlags, vmStart } from '../mm/vma_struct.ts';
import { freePgdRange } from '../page/free_pgtables.ts';
import { movePageTables } from '../page/move_pages.ts';
import { initVmaPrep, vmaComplete, vmaPrepare, type VmaPrepared } from './prepare.ts';
import { USER_PGTABLES_CEILING } from './unmap_desc.ts';

/**
 * Moves a VMA and its pages down by `shift` bytes. Its page offset stays, as its pages know it.
 *
 * @returns ENOMEM; then the VMA may cover both places, and be charged for it; its pages may be in
 *   either.
 */
export function relocateVmaDown(mm: MmWrite, vma: Vma, shift: number): 0 | Errno {
  const [start, end] = [vmStart(vma), vmEnd(vma)];
  const [newStart, newEnd] = [start - shift, end - shift];
  const cover = vmaIterator(mm, newStart);
  vmaIterConfig(cover, newStart, end);
  if (vmaIterPrealloc(cover, vma) !== OK) return ENOMEM;
  const grown = hide(mm, vma);
  setVmRange(grown.vma, newStart, end);
  vmaIterStore(cover, grown.vma);
  vmaComplete(grown);

  const len = end - start;
  const moved = movePageTables(mm, { from: start, to: newStart, len, dropsUffdWp: false });
  if (moved < len) return stayLong(mm, vma, shift);
  const emptied = Math.max(newEnd, start);
  freePgdRange(mm, { start: emptied, end, floor: newEnd, ceiling: USER_PGTABLES_CEILING });

  const hole = vmaIterator(mm, newEnd);
  vmaIterConfig(hole, newEnd, end);
  if (vmaIterPreallocHole(hole) !== OK) return stayLong(mm, vma, shift);
  const shrunk = hide(mm, vma);
  setVmRange(shrunk.vma, newStart, newEnd);
  vmaIterStoreHole(hole);
  vmaComplete(shrunk);
  return OK;
}

/** Whoever takes it apart counts what it covers. No limit is asked: it is about to go. */
function stayLong(mm: MmWrite, vma: Vma, shift: number): Errno {
  const pages = shift / PAGE_SIZE;
  vmStatAccount(mm, vmFlags(vma), pages);
  if (hasFlag(vmFlags(vma), VM_ACCOUNT)) unchargeMemory(-pages);
  return ENOMEM;
}

const hide = (mm: MmWrite, vma: Vma): VmaPrepared =>
  vmaPrepare(initVmaPrep(mm, vmaStartWrite(mm, vma)));
