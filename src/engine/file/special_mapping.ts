/**
 * What the kernel itself maps for every program: its text, [vdso], and its data, [vvar].
 *
 * Source: arch/x86/entry/vdso/vma.c, vdso_fault(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import type { Vma } from '../mm/held.ts';
import { hasFlag, VM_PFNMAP } from '../mm/vm_flags.ts';
import { vmFlags } from '../mm/vma_struct.ts';
import { allocZeroedPage, lockPage } from '../page/page_alloc.ts';
import { type Page, PG_UPTODATE, setPageIdentity } from '../page/page_struct.ts';
import { FAULT_OOM, FAULT_SIGBUS, type FaultError } from '../page/vm_fault.ts';

/**
 * A page of text, locked and with one reference. Each process has pages of its own here, where the
 * kernel has one image for all; of the data, which no page describes, there is nothing.
 */
export function specialMappingFault(vma: Vma): Page | FaultError {
  if (hasFlag(vmFlags(vma), VM_PFNMAP)) return FAULT_SIGBUS;
  const page = allocZeroedPage();
  if (page === NULL) return FAULT_OOM;
  setPageIdentity(page, { mapping: NULL, index: 0, flags: PG_UPTODATE });
  lockPage(page);
  return page;
}
