/** Putting a new VMA into its address space. */
import { STORE_BEFORE_MARK } from '#mutants';
import { ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { fput } from '../file/file_struct.ts';
import type { MmWrite, VmaHidden } from '../mm/held.ts';
import { mmMapCount, setMmMapCount } from '../mm/mm_struct.ts';
import { vmAreaFree } from '../mm/vma_alloc.ts';
import {
  vmaIterator,
  vmaIterConfig,
  vmaIterPrealloc,
  type VmaIterator,
  vmaIterStore,
} from '../mm/vma_iterator.ts';
import { vmaMarkAttached, vmaStartWrite } from '../mm/vma_lock.ts';
import { vmEnd, vmFile, vmStart } from '../mm/vma_struct.ts';
import { unlinkAnonVmas } from '../rmap/anon_vma.ts';
import { vmaLinkFile } from './prepare.ts';

/**
 * Links a complete, detached VMA over a range that is free or has been gathered.
 * Accounting is the caller's.
 *
 * @returns ENOMEM; then the VMA has been freed, with all it held.
 *
 * Source: mm/vma.c, vma_link(), __mmap_new_vma(), v6.18.
 */
export function insertVma(mm: MmWrite, vma: VmaHidden): 0 | Errno {
  const place = reservePlace(mm, vma);
  if (place === null) {
    discardVma(vma);
    return ENOMEM;
  }
  linkVma(mm, place, vma);
  return OK;
}

/** @returns what linkVma() needs so that it cannot fail, or null. */
export function reservePlace(mm: MmWrite, vma: VmaHidden): VmaIterator | null {
  const place = vmaIterator(mm, vmStart(vma));
  vmaIterConfig(place, vmStart(vma), vmEnd(vma));
  return vmaIterPrealloc(place, vma) === OK ? place : null;
}

/** Links a VMA whose place is reserved; the tree has not changed since. Nothing can fail. */
export function linkVma(mm: MmWrite, place: VmaIterator, vma: VmaHidden): void {
  if (!STORE_BEFORE_MARK) vmaStartWrite(mm, vma); // before any reader can find it
  vmaMarkAttached(vma);
  vmaIterStore(place, vma);
  if (STORE_BEFORE_MARK) vmaStartWrite(mm, vma);
  setMmMapCount(mm, mmMapCount(mm) + 1);
  vmaLinkFile(vma);
}

/** Frees a VMA that was never linked, with all it holds. */
export function discardVma(vma: VmaHidden): void {
  const file = vmFile(vma);
  if (file !== NULL) fput(file);
  unlinkAnonVmas(vma);
  vmAreaFree(vma);
}
