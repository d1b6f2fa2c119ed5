/**
 * Everything that must hold of an address space between operations.
 *
 * Source: mm/vma.c, validate_mm(), v6.18; requirement X-8.
 */
import { assert } from '../arena/assert.ts';
import { NULL } from '../arena/ref.ts';
import { isPageAligned } from '../arena/units.ts';
import { masFind, masState, MT_MAX, verifyTree } from '../maple/maple.ts';
import { isDataMapping, isExecMapping, isStackMapping } from '../mm/accounting.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import {
  mmDataVm,
  mmExecVm,
  mmLockedVm,
  mmMapCount,
  mmMt,
  mmStackVm,
  mmTotalVm,
} from '../mm/mm_struct.ts';
import { hasFlag, VM_LOCKED } from '../mm/vm_flags.ts';
import { vmaAssertAttached } from '../mm/vma_lock.ts';
import {
  vmaPages,
  vmAnonVma,
  vmAnonVmaChain,
  vmEnd,
  vmFlags,
  vmMm,
  vmStart,
} from '../mm/vma_struct.ts';
import { verifyPages } from './verify_pages.ts';
import { verifyRmap } from './verify_rmap.ts';

/** Asserts every invariant; the caller keeps writers out. */
export function verifyMm(mm: MmRead): void {
  verifyTree(mmMt(mm));
  const sums = { count: 0, total: 0, exec: 0, stack: 0, data: 0, locked: 0 };
  const mas = masState(mmMt(mm), 0, 0);
  for (let entry = masFind(mas, MT_MAX); entry !== NULL; entry = masFind(mas, MT_MAX)) {
    const vma = entry as Vma;
    assert(vmStart(vma) === mas.index, 'a VMA starts where its range in the tree does');
    assert(vmEnd(vma) - 1 === mas.last, 'a VMA ends where its range in the tree does');
    verifyVma(mm, vma);
    addUp(sums, vma);
  }
  assert(sums.count === mmMapCount(mm), 'map_count counts the VMAs of the tree');
  assert(sums.total === mmTotalVm(mm), 'total_vm adds up');
  assert(sums.exec === mmExecVm(mm), 'exec_vm adds up');
  assert(sums.stack === mmStackVm(mm), 'stack_vm adds up');
  assert(sums.data === mmDataVm(mm), 'data_vm adds up');
  // MREMAP_DONTUNMAP of locked memory counts it twice, as in Linux.
  assert(sums.locked <= mmLockedVm(mm), 'locked_vm counts at least what is locked');
  verifyRmap(mm);
  verifyPages(mm);
}

function verifyVma(mm: MmRead, vma: Vma): void {
  assert(isPageAligned(vmStart(vma)), 'a VMA starts on a page');
  assert(isPageAligned(vmEnd(vma)), 'a VMA ends on a page');
  assert(vmEnd(vma) > vmStart(vma), 'a VMA has pages');
  assert(vmMm(vma) === mm, 'a VMA belongs to the mm whose tree it is in');
  vmaAssertAttached(vma);
  const hasChain = vmAnonVmaChain(vma) !== NULL;
  assert((vmAnonVma(vma) !== NULL) === hasChain, 'a VMA is on a chain if it has an anon_vma');
}

interface Sums {
  count: number;
  total: number;
  exec: number;
  stack: number;
  data: number;
  locked: number;
}

function addUp(sums: Sums, vma: Vma): void {
  const pages = vmaPages(vma);
  const flags = vmFlags(vma);
  sums.count += 1;
  sums.total += pages;
  if (isExecMapping(flags)) sums.exec += pages;
  else if (isStackMapping(flags)) sums.stack += pages;
  else if (isDataMapping(flags)) sums.data += pages;
  if (hasFlag(flags, VM_LOCKED)) sums.locked += pages;
}
