/**
 * Faults of private memory that was never touched: a load finds the zero page, a store gets
 * a page of zeroes.
 *
 * Source: mm/memory.c, do_anonymous_page(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import { MMF_UNSTABLE, mmHasFlag } from '../mm/mm_struct.ts';
import { hasFlag, VM_SHARED, VM_UFFD_MISSING } from '../mm/vm_flags.ts';
import { vmFlags } from '../mm/vma_struct.ts';
import { allocZeroedPage, putPage } from '../page/page_alloc.ts';
import { type Page, pageMapcountAt, PFN_ZERO } from '../page/page_struct.ts';
import { mkPte, protBits, PTE_SPECIAL, PTE_YOUNG } from '../page/pte.ts';
import { addMmCounter, MM_ANONPAGES } from '../page/rss.ts';
import { pteUnlock } from '../page/table_struct.ts';
import { VM_FAULT_OOM, VM_FAULT_SIGBUS } from '../page/vm_fault.ts';
import { setWord } from '../arena/memory.ts';
import { handleUserfault, keepUffdWp, userfaultfdMissing } from './userfault.ts';
import {
  exclusivePte,
  isWriteFault,
  pageAddNewAnon,
  pteLockSame,
  setPte,
  vmfAnonPrepare,
  type VmFault,
} from './vmf.ts';

/** @returns VM_FAULT_*; 0 also when somebody else was faster. */
export function doAnonymousPage(vmf: VmFault): number {
  if (hasFlag(vmFlags(vmf.vma), VM_SHARED)) return VM_FAULT_SIGBUS;
  return isWriteFault(vmf) ? writeAnonymous(vmf) : mapZeroPage(vmf);
}

/** Not counted, and no anon_vma: nothing of the process's own is there yet. */
function mapZeroPage(vmf: VmFault): number {
  const bits = protBits(vmFlags(vmf.vma)) | PTE_SPECIAL | PTE_YOUNG;
  if (!pteLockSame(vmf)) return 0;
  const isStable = !mmHasFlag(vmf.mm, MMF_UNSTABLE);
  const isWatched = isStable && userfaultfdMissing(vmf);
  if (isStable && !isWatched) setPte(vmf.at, keepUffdWp(vmf, mkPte(PFN_ZERO, bits)));
  pteUnlock(vmf.leaf);
  if (isWatched) return handleUserfault(vmf, VM_UFFD_MISSING);
  return isStable ? 0 : VM_FAULT_SIGBUS;
}

function writeAnonymous(vmf: VmFault): number {
  const refused = vmfAnonPrepare(vmf);
  if (refused !== 0) return refused;
  if (userfaultfdMissing(vmf)) return handleUserfault(vmf, VM_UFFD_MISSING);
  const page = allocZeroedPage();
  if (page === NULL) return VM_FAULT_OOM;
  pageAddNewAnon(vmf, page);
  return mapPrivatePage(vmf, page);
}

/**
 * Makes a page of the process's own present, or frees it when somebody else was faster.
 *
 * @returns VM_FAULT_SIGBUS when nothing private may be made present any more.
 */
export function mapPrivatePage(vmf: VmFault, page: Page): number {
  if (!pteLockSame(vmf)) return dropUnmapped(page, 0);
  if (mmHasFlag(vmf.mm, MMF_UNSTABLE)) {
    pteUnlock(vmf.leaf);
    return dropUnmapped(page, VM_FAULT_SIGBUS);
  }
  setPte(vmf.at, keepUffdWp(vmf, exclusivePte(vmf.vma, page)));
  pteUnlock(vmf.leaf);
  addMmCounter(vmf.mm, MM_ANONPAGES, 1);
  return 0;
}

/** Frees a page that was made for an entry and did not get there. */
export function dropUnmapped(page: Page, result: number): number {
  setWord(pageMapcountAt(page), 0);
  putPage(page);
  return result;
}
