/**
 * Faults of memory that a file is behind.
 *
 *   load            the file's page, and its cached neighbours with it
 *   private store   a copy of it, at once
 *   shared store    the page itself, once the file has agreed to be written
 *
 * The page is locked from the moment it is found until it is mapped, so that truncation
 * cannot take it away in between.
 *
 * Source: mm/memory.c, do_fault(), do_read_fault(), do_cow_fault(), do_shared_fault(),
 * finish_fault(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import { forgetMajorFault, wasMajorFault } from '../file/filemap.ts';
import { syncMmapReadahead } from '../file/readahead.ts';
import { type VmOperations, vmOperations } from '../file/vm_ops.ts';
import type { Vma } from '../mm/held.ts';
import { MMF_UNSTABLE, mmHasFlag } from '../mm/mm_struct.ts';
import { hasFlag, VM_SHARED } from '../mm/vm_flags.ts';
import { vmFlags, vmOps } from '../mm/vma_struct.ts';
import { allocPage, copyPage, pageAddMap, putPage, unlockPage } from '../page/page_alloc.ts';
import { type Page, PG_DIRTY, pfnOf, setPageFlag } from '../page/page_struct.ts';
import { mkPte, type Pte, protBits, PTE_DIRTY, PTE_WRITE, PTE_YOUNG } from '../page/pte.ts';
import { addMmCounter, mmCounter } from '../page/rss.ts';
import { pteUnlock } from '../page/table_struct.ts';
import {
  FAULT_SIGBUS,
  type FaultError,
  isFault,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  vmFaultOf,
} from '../page/vm_fault.ts';
import { mapPrivatePage } from './anonymous.ts';
import { faultAround } from './fault_around.ts';
import { fileEntry } from './file_entry.ts';
import { shmemUserfault } from './shmem_userfault.ts';
import { keepUffdWp } from './userfault.ts';
import {
  isWriteFault,
  linearPageIndex,
  pageAddNewAnon,
  pteLockSame,
  setPte,
  vmfAnonPrepare,
  type VmFault,
} from './vmf.ts';

/** @returns VM_FAULT_*; 0 also when somebody else was faster. */
export function doFault(vmf: VmFault): number {
  const ops = vmOperations(vmOps(vmf.vma));
  if (ops.fault === undefined) return VM_FAULT_SIGBUS;
  if (!isWriteFault(vmf)) return doReadFault(vmf, ops);
  return hasFlag(vmFlags(vmf.vma), VM_SHARED) ? doSharedFault(vmf, ops) : doCowFault(vmf, ops);
}

const readAround = ({ vma, addr }: VmFault): boolean =>
  syncMmapReadahead(vma, linearPageIndex(vma, addr));

/** Calls the file's handler. @returns its page, locked, with a reference. */
function callFault(vmf: VmFault, ops: VmOperations): Page | FaultError {
  forgetMajorFault();
  const pgoff = linearPageIndex(vmf.vma, vmf.addr);
  const answer = shmemUserfault(vmf, pgoff);
  if (answer !== 0) return -answer as FaultError;
  return ops.fault?.(vmf.vma, pgoff, vmf.flags) ?? FAULT_SIGBUS;
}

/** What a fault that found its file's page came to. */
const handled = (): number => (wasMajorFault() ? VM_FAULT_MAJOR : 0);

function doReadFault(vmf: VmFault, ops: VmOperations): number {
  if (faultAround(vmf, ops)) return 0;
  // What is there is found at once; only what is not is worth the look.
  if (readAround(vmf) && faultAround(vmf, ops)) return 0;
  const page = callFault(vmf, ops);
  if (isFault(page)) return vmFaultOf(page);
  const result = handled();
  const refused = finishFault(vmf, page, fileEntry(vmf.vma, page, ops));
  unlockPage(page);
  return refused === 0 ? result : refused;
}

/** A private store copies at once: the file's page itself is never mapped. */
function doCowFault(vmf: VmFault, ops: VmOperations): number {
  const refused = vmfAnonPrepare(vmf);
  if (refused !== 0) return refused;
  const copy = allocPage();
  if (copy === NULL) return VM_FAULT_OOM;
  readAround(vmf);
  const page = callFault(vmf, ops);
  if (isFault(page)) {
    putPage(copy);
    return vmFaultOf(page);
  }
  const result = handled();
  copyPage(copy, page);
  pageAddNewAnon(vmf, copy);
  const failed = mapPrivatePage(vmf, copy);
  unlockPage(page);
  putPage(page);
  return failed === 0 ? result : failed;
}

function doSharedFault(vmf: VmFault, ops: VmOperations): number {
  readAround(vmf);
  const page = callFault(vmf, ops);
  if (isFault(page)) return vmFaultOf(page);
  const result = handled();
  const refused = ops.pageMkwrite?.(vmf.vma, page) ?? 0;
  if (isFault(refused)) {
    unlockPage(page);
    putPage(page);
    return vmFaultOf(refused);
  }
  const bits = protBits(vmFlags(vmf.vma)) | PTE_YOUNG | PTE_DIRTY | PTE_WRITE;
  setPageFlag(page, PG_DIRTY);
  finishFault(vmf, page, mkPte(pfnOf(page), bits));
  unlockPage(page);
  return result;
}

/**
 * Maps a locked page; its reference goes to the entry, or back.
 *
 * @returns VM_FAULT_SIGBUS for private memory of an address space that was reaped.
 */
function finishFault(vmf: VmFault, page: Page, pte: Pte): number {
  if (!pteLockSame(vmf)) {
    putPage(page);
    return 0;
  }
  if (mmHasFlag(vmf.mm, MMF_UNSTABLE) && !hasFlag(vmFlags(vmf.vma), VM_SHARED)) {
    pteUnlock(vmf.leaf);
    putPage(page);
    return VM_FAULT_SIGBUS;
  }
  pageAddMap(page);
  setPte(vmf.at, keepUffdWp(vmf, pte));
  pteUnlock(vmf.leaf);
  addMmCounter(vmf.mm, mmCounter(page), 1);
  return 0;
}

/**
 * A store to a page of a shared mapping that is mapped without the right to write: the file
 * is asked, then the entry is opened. The page is locked until then: written back in between,
 * it would be clean.
 *
 * @returns VM_FAULT_*
 *
 * Source: mm/memory.c, wp_page_shared(), wp_pfn_shared(), v6.18.
 */
export function askForWrite(vma: Vma, page: Page): number {
  const ops = vmOperations(vmOps(vma));
  const refused = ops.pageMkwrite?.(vma, page) ?? 0;
  if (!isFault(refused)) setPageFlag(page, PG_DIRTY);
  return vmFaultOf(refused);
}
