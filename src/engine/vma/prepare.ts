/**
 * Hiding a VMA from the reverse map while its range changes, and linking it with
 * its file.
 *
 * Until page tables exist nobody walks the reverse map, so a write-locked VMA is
 * hidden as it stands; what is counted already are a file's writable mappings.
 *
 * Source: mm/vma.c, vma_prepare(), vma_link_file(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import { fileInode, fput } from '../file/file_struct.ts';
import { mappingMapWritable, mappingUnmapWritable } from '../file/inode.ts';
import type { Vma, VmaHidden, VmaWrite } from '../mm/held.ts';
import { commonFlags, flagsOf, VM_MAYWRITE, VM_SHARED, type VmFlags } from '../mm/vm_flags.ts';
import { vmFile, vmFlags } from '../mm/vma_struct.ts';
import { assert } from '../arena/assert.ts';

export const vmaPrepare = (vma: VmaWrite): VmaHidden => vma as VmaHidden;

const SHARED_MAYWRITE = flagsOf(VM_SHARED, VM_MAYWRITE);

export const isSharedMaywrite = (flags: VmFlags): boolean =>
  commonFlags(flags, SHARED_MAYWRITE) === SHARED_MAYWRITE;

/** A VMA joins its file's mappings. Its writable count cannot be refused: mmap made sure. */
export function vmaLinkFile(vma: Vma): void {
  const file = vmFile(vma);
  if (file === NULL || !isSharedMaywrite(vmFlags(vma))) return;
  assert(mappingMapWritable(fileInode(file)), 'mmap() already holds the file writable');
}

/** A VMA leaves its file's mappings and drops its reference. */
export function vmaPutFile(vma: Vma): void {
  const file = vmFile(vma);
  if (file === NULL) return;
  if (isSharedMaywrite(vmFlags(vma))) mappingUnmapWritable(fileInode(file));
  fput(file);
}
