/**
 * What a userfaultfd is asked of shared memory before its file makes or gives a page.
 *
 * Source: mm/shmem.c, shmem_get_folio_gfp(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import { fileInode } from '../file/file_struct.ts';
import { inodePages } from '../file/filemap.ts';
import type { Inode } from '../file/inode.ts';
import { findGetPage } from '../file/page_cache.ts';
import { SHMEM_VM_OPS } from '../file/vm_ops.ts';
import { flagsOf, hasFlag, VM_UFFD_MINOR, VM_UFFD_MISSING } from '../mm/vm_flags.ts';
import { vmFile, vmFlags, vmOps } from '../mm/vma_struct.ts';
import { putPage } from '../page/page_alloc.ts';
import { handleUserfault } from './userfault.ts';
import type { VmFault } from './vmf.ts';

const ASKED = flagsOf(VM_UFFD_MISSING, VM_UFFD_MINOR);

/**
 * Missing is what the file does not have; what it has and this mapping has not is minor. Between
 * this look and the file's own only truncation can take a page away, or somebody put one there.
 *
 * @returns 0, or VM_FAULT_*
 */
export function shmemUserfault(vmf: VmFault, pgoff: number): number {
  const flags = vmFlags(vmf.vma);
  const file = vmFile(vmf.vma);
  if (!hasFlag(flags, ASKED) || file === NULL || vmOps(vmf.vma) !== SHMEM_VM_OPS) return 0;
  const inode = fileInode(file);
  if (pgoff >= inodePages(inode)) return 0; // beyond the end: the file says so itself
  const reason = hasPage(inode, pgoff) ? VM_UFFD_MINOR : VM_UFFD_MISSING;
  return hasFlag(flags, reason) ? handleUserfault(vmf, reason) : 0;
}

function hasPage(inode: Inode, pgoff: number): boolean {
  const page = findGetPage(inode, pgoff);
  if (page === NULL) return false;
  putPage(page);
  return true;
}
