/**
 * One fault of one page, in a VMA that allows the access.
 *
 * Source: mm/memory.c, handle_mm_fault(), handle_pte_fault(), v6.18.
 */
import * as atomics from '#atomics';
import { NULL } from '../arena/ref.ts';
import { pageDown } from '../arena/units.ts';
import type { Vma } from '../mm/held.ts';
import { hasFlag, VM_UFFD_WP } from '../mm/vm_flags.ts';
import { vmaIsAnonymous, vmFlags, vmMm } from '../mm/vma_struct.ts';
import {
  isPtePresent,
  PTE_DIRTY,
  PTE_MARKER_GUARD,
  PTE_MARKER_POISON,
  PTE_NONE,
  PTE_WRITE,
  PTE_YOUNG,
} from '../page/pte.ts';
import { entryAt, leafAlloc, pteIndex, pteUnlock } from '../page/table_struct.ts';
import { VM_FAULT_HWPOISON, VM_FAULT_OOM, VM_FAULT_SIGSEGV } from '../page/vm_fault.ts';
import { doAnonymousPage } from './anonymous.ts';
import { doFault } from './file_fault.ts';
import { isWriteFault, pteLockSame, setPte, type VmFault } from './vmf.ts';
import { doWpPage } from './write_protect.ts';

/** @returns VM_FAULT_*; 0 means: try the access again. */
export function handleMmFault(vma: Vma, addr: number, flags: number): number {
  const mm = vmMm(vma);
  const leaf = leafAlloc(mm, addr);
  if (leaf === NULL) return VM_FAULT_OOM;
  const at = entryAt(leaf, pteIndex(addr));
  const page = pageDown(addr);
  return handlePteFault({
    mm,
    vma,
    addr: page,
    realAddr: addr,
    flags,
    leaf,
    at,
    orig: atomics.readOnce(at),
  });
}

function handlePteFault(vmf: VmFault): number {
  if (vmf.orig === PTE_NONE) return doMissing(vmf);
  if (!isPtePresent(vmf.orig)) return doMarker(vmf);
  if (isWriteFault(vmf) && (vmf.orig & PTE_WRITE) === 0) return doWpPage(vmf);
  return markAccessed(vmf);
}

const doMissing = (vmf: VmFault): number =>
  vmaIsAnonymous(vmf.vma) ? doAnonymousPage(vmf) : doFault(vmf);

/** Source: mm/memory.c, handle_pte_marker(), v6.18. */
function doMarker(vmf: VmFault): number {
  if ((vmf.orig & PTE_MARKER_POISON) !== 0) return VM_FAULT_HWPOISON;
  if ((vmf.orig & PTE_MARKER_GUARD) !== 0) return VM_FAULT_SIGSEGV;
  return hasFlag(vmFlags(vmf.vma), VM_UFFD_WP) ? doMissing(vmf) : clearMarker(vmf);
}

/** Nobody wants to know of stores any more: what is left of that goes, and the fault comes again. */
function clearMarker(vmf: VmFault): number {
  if (!pteLockSame(vmf)) return 0;
  setPte(vmf.at, PTE_NONE);
  pteUnlock(vmf.leaf);
  return 0;
}

/** Somebody else has handled it, or the translation was an old one. */
function markAccessed(vmf: VmFault): number {
  if (!pteLockSame(vmf)) return 0;
  setPte(vmf.at, vmf.orig | PTE_YOUNG | (isWriteFault(vmf) ? PTE_DIRTY : 0));
  pteUnlock(vmf.leaf);
  return 0;
}
