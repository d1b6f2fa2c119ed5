/**
 * Stores to a page that is mapped without the right to write.
 *
 *   shared                  ask the file, then write
 *   private, ours alone     write
 *   private, of others too  copy: the file's page, the zero page, or one shared by a fork
 *
 * Source: mm/memory.c, do_wp_page(), wp_page_copy(), wp_can_reuse_anon_folio(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import { hasFlag, VM_SHARED, VM_MAYSHARE, VM_UFFD_WP, flagsOf } from '../mm/vm_flags.ts';
import { vmFlags } from '../mm/vma_struct.ts';
import {
  allocPage,
  allocZeroedPage,
  copyPage,
  getPage,
  lockPage,
  pageRemoveMap,
  putPage,
  unlockPage,
} from '../page/page_alloc.ts';
import {
  type Page,
  pageHas,
  pageMapcount,
  pageOf,
  pageRefcount,
  PG_ANON,
  PFN_ZERO,
  PG_ANON_EXCLUSIVE,
  setPageFlag,
} from '../page/page_struct.ts';
import {
  isPteSpecial,
  type Pte,
  PTE_DIRTY,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  ptePfn,
} from '../page/pte.ts';
import { addMmCounter, MM_ANONPAGES, mmCounter } from '../page/rss.ts';
import { pteUnlock } from '../page/table_struct.ts';
import { flushTlbMm } from '../page/tlb_flush.ts';
import { VM_FAULT_OOM } from '../page/vm_fault.ts';
import { dropUnmapped } from './anonymous.ts';
import { askForWrite } from './file_fault.ts';
import { handleUserfault, userfaultfdPteWp, userfaultfdWpAsync } from './userfault.ts';
import {
  exclusivePte,
  pageAddNewAnon,
  pteLockSame,
  setPte,
  vmfAnonPrepare,
  type VmFault,
} from './vmf.ts';

const EITHER_SHARED = flagsOf(VM_SHARED, VM_MAYSHARE);

/** @returns VM_FAULT_* */
export function doWpPage(vmf: VmFault): number {
  if (!userfaultfdPteWp(vmf)) return writePage(vmf);
  if (!userfaultfdWpAsync(vmf)) return handleUserfault(vmf, VM_UFFD_WP);
  const orig = forgetUffdWp(vmf);
  return orig === null ? 0 : writePage({ ...vmf, orig });
}

/** That it was written is all that anybody wanted to know. @returns the entry now, null: again. */
function forgetUffdWp(vmf: VmFault): Pte | null {
  if (!pteLockSame(vmf)) return null;
  const pte = vmf.orig & ~PTE_UFFD_WP;
  setPte(vmf.at, pte);
  pteUnlock(vmf.leaf);
  return pte;
}

function writePage(vmf: VmFault): number {
  const isShared = hasFlag(vmFlags(vmf.vma), EITHER_SHARED);
  if (isPteSpecial(vmf.orig)) return isShared ? openEntry(vmf) : copyFrame(vmf);

  if (!pteLockSame(vmf)) return 0;
  const page = pageOf(ptePfn(vmf.orig));
  if (!isShared && isOursAlone(page)) return openLocked(vmf);
  getPage(page); // it cannot go now
  pteUnlock(vmf.leaf);
  const result = isShared ? writeShared(vmf, page) : copyInto(vmf, page);
  putPage(page);
  return result;
}

/** Nobody else has it, or will: its only entry's lock is held. */
function isOursAlone(page: Page): boolean {
  if (!pageHas(page, PG_ANON)) return false;
  if (pageHas(page, PG_ANON_EXCLUSIVE)) return true;
  const isAlone = pageRefcount(page) === 1 && pageMapcount(page) === 1;
  if (isAlone) setPageFlag(page, PG_ANON_EXCLUSIVE);
  return isAlone;
}

function writeShared(vmf: VmFault, page: Page): number {
  lockPage(page);
  const refused = askForWrite(vmf.vma, page);
  const result = refused === 0 ? openEntry(vmf) : refused;
  unlockPage(page);
  return result;
}

const openEntry = (vmf: VmFault): number => (pteLockSame(vmf) ? openLocked(vmf) : 0);

function openLocked(vmf: VmFault): number {
  setPte(vmf.at, vmf.orig | PTE_WRITE | PTE_DIRTY | PTE_YOUNG);
  pteUnlock(vmf.leaf);
  return 0;
}

/** Of the zero page, or of a device's frame: nobody counts either. */
function copyFrame(vmf: VmFault): number {
  const refused = vmfAnonPrepare(vmf);
  if (refused !== 0) return refused;
  const pfn = ptePfn(vmf.orig);
  const fresh = pfn === PFN_ZERO ? allocZeroedPage() : allocPage();
  if (fresh === NULL) return VM_FAULT_OOM;
  if (pfn !== PFN_ZERO) copyPage(fresh, pageOf(pfn));
  pageAddNewAnon(vmf, fresh);
  if (!pteLockSame(vmf)) return dropUnmapped(fresh, 0);
  setPte(vmf.at, exclusivePte(vmf.vma, fresh));
  pteUnlock(vmf.leaf);
  addMmCounter(vmf.mm, MM_ANONPAGES, 1);
  flushTlbMm(vmf.mm); // others may still read the zero page
  return 0;
}

function copyInto(vmf: VmFault, old: Page): number {
  const refused = vmfAnonPrepare(vmf);
  if (refused !== 0) return refused;
  const copy = allocPage();
  if (copy === NULL) return VM_FAULT_OOM;
  copyPage(copy, old);
  pageAddNewAnon(vmf, copy);
  if (!pteLockSame(vmf)) return dropUnmapped(copy, 0);
  setPte(vmf.at, exclusivePte(vmf.vma, copy));
  pageRemoveMap(old);
  pteUnlock(vmf.leaf);

  if (mmCounter(old) !== MM_ANONPAGES) {
    addMmCounter(vmf.mm, mmCounter(old), -1);
    addMmCounter(vmf.mm, MM_ANONPAGES, 1);
  }
  flushTlbMm(vmf.mm); // nobody reads the old page through this entry any more
  putPage(old); // the entry's reference; the caller has its own
  return 0;
}
