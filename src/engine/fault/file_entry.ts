/** The entries of pages that a file gives. */
import { type VmOperations, vmaWantsWritenotify } from '../file/vm_ops.ts';
import type { Vma } from '../mm/held.ts';
import { hasFlag, VM_SHARED, VM_WRITE } from '../mm/vm_flags.ts';
import { vmFlags } from '../mm/vma_struct.ts';
import { type Page, pfnOf } from '../page/page_struct.ts';
import { mkPte, type Pte, protBits, PTE_WRITE, PTE_YOUNG } from '../page/pte.ts';

/**
 * The entry of a page that is read: writable at once if shared memory may be written and
 * nobody wants to know when.
 */
export function fileEntry(vma: Vma, page: Page, ops: VmOperations): Pte {
  return mkPte(pfnOf(page), protBits(vmFlags(vma)) | sharedWriteBit(vma, ops) | PTE_YOUNG);
}

const sharedWriteBit = (vma: Vma, ops: VmOperations): number => {
  const flags = vmFlags(vma);
  const isSharedWrite = hasFlag(flags, VM_SHARED) && hasFlag(flags, VM_WRITE);
  return isSharedWrite && !vmaWantsWritenotify(vma, ops) ? PTE_WRITE : 0;
};
