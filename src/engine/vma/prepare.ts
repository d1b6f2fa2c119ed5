/**
 * Hiding VMAs from the reverse map while their ranges change, and linking a VMA
 * with its file.
 *
 *   vmaPrepare()    lock i_mmap, then the anon_vmas' family; take the VMAs out
 *   (new ranges)
 *   (one store in the tree)
 *   vmaComplete()   put them back by their new ranges, unlock; drop what was merged
 *
 * A walk of the reverse map sees all of it or nothing: it waits for the locks.
 *
 * Source: mm/vma.c, vma_prepare(), vma_complete(), vma_link_file(), v6.18.
 */
import { assert } from '../arena/assert.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import { fileInode, fput } from '../file/file_struct.ts';
import { type Inode, mappingMapWritable, mappingUnmapWritable } from '../file/inode.ts';
import type { MmWrite, Vma, VmaHidden, VmaWrite } from '../mm/held.ts';
import { mmMapCount, setMmMapCount } from '../mm/mm_struct.ts';
import { vmAreaFree } from '../mm/vma_alloc.ts';
import { vmaMarkDetached } from '../mm/vma_lock.ts';
import { commonFlags, flagsOf, VM_MAYWRITE, VM_SHARED, type VmFlags } from '../mm/vm_flags.ts';
import { type AnonVma, vmAnonVma, vmFile, vmFlags } from '../mm/vma_struct.ts';
import { unlinkAnonVmas } from '../rmap/anon_vma.ts';
import { anonVmaPostUpdateVma, anonVmaPreUpdateVma } from '../rmap/anon_vma_chain.ts';
import { anonVmaLockWrite, anonVmaUnlockWrite } from '../rmap/anon_vma_struct.ts';
import {
  iMmapInsert,
  iMmapInsertAfter,
  iMmapLockWrite,
  iMmapRemove,
  iMmapUnlockWrite,
} from '../rmap/i_mmap.ts';

/** Describes a change of ranges. Source: mm/vma.h, struct vma_prepare, v6.18. */
export interface VmaPrepare {
  // Given by the caller.
  readonly mm: MmWrite;
  readonly vma: VmaWrite;
  /** Gives pages to `vma`, and keeps the rest. */
  readonly adjust: VmaWrite | Null;
  /** Split off `vma`: has its range and its links with anon_vmas already, but not with the file. */
  readonly insert: VmaHidden | Null;
  /** Covered by `vma` from the store on, and freed at the end. */
  readonly removedMiddle: VmaWrite | Null;
  readonly removedNext: VmaWrite | Null;

  // Found by vmaPrepare(): what it has locked.
  inode: Inode | Null;
  family: AnonVma | Null;
}

/** The same once it is locked: the two ranges may be written. */
export interface VmaPrepared extends VmaPrepare {
  readonly vma: VmaHidden;
  readonly adjust: VmaHidden | Null;
}

keepShape({
  mm: 0,
  vma: 0,
  adjust: 0,
  insert: 0,
  removedMiddle: 0,
  removedNext: 0,
  inode: 0,
  family: 0,
});

/** Only `vma` itself changes. Source: mm/vma.c, init_vma_prep(), v6.18. */
export const initVmaPrep = (mm: MmWrite, vma: VmaWrite): VmaPrepare => ({
  mm,
  vma,
  adjust: NULL,
  insert: NULL,
  removedMiddle: NULL,
  removedNext: NULL,
  inode: NULL,
  family: NULL,
});

/** Memory that has no file and was never written is in no tree: for it this is four loads. */
export function vmaPrepare(vp: VmaPrepare): VmaPrepared {
  const { vma, adjust } = vp;
  const file = vmFile(vma);
  if (file !== NULL) hideFromFile(vp, fileInode(file));
  const anonVma = vmAnonVma(vma);
  if (anonVma !== NULL) hideFromFamily(vp, anonVma);
  else assert(adjust === NULL || vmAnonVma(adjust) === NULL, 'a merge shares anon_vmas first');
  return vp as VmaPrepared;
}

function hideFromFile(vp: VmaPrepare, inode: Inode): void {
  vp.inode = inode;
  iMmapLockWrite(inode);
  if (vp.insert !== NULL) linkLocked(inode, vp.insert);
  iMmapRemove(inode, vp.vma);
  if (vp.adjust !== NULL) iMmapRemove(inode, vp.adjust);
}

function hideFromFamily(vp: VmaPrepare, anonVma: AnonVma): void {
  vp.family = anonVma;
  anonVmaLockWrite(anonVma);
  anonVmaPreUpdateVma(vp.vma);
  if (vp.adjust === NULL) return;
  const other = vmAnonVma(vp.adjust);
  assert(other === NULL || other === anonVma, 'two VMAs that merge have one anon_vma');
  anonVmaPreUpdateVma(vp.adjust);
}

/** The ranges are as they shall be, and the tree has been told. */
export function vmaComplete(vp: VmaPrepared): void {
  if (vp.family !== NULL) showFamily(vp, vp.family);
  if (vp.inode !== NULL) showFile(vp, vp.inode);
  if (vp.removedMiddle !== NULL) freeMerged(vp.mm, vp.removedMiddle);
  if (vp.removedNext !== NULL) freeMerged(vp.mm, vp.removedNext);
}

function showFamily({ vma, adjust }: VmaPrepared, family: AnonVma): void {
  anonVmaPostUpdateVma(vma);
  if (adjust !== NULL) anonVmaPostUpdateVma(adjust);
  anonVmaUnlockWrite(family);
}

function showFile(vp: VmaPrepared, inode: Inode): void {
  iMmapInsert(inode, vp.vma);
  if (vp.adjust !== NULL) iMmapInsert(inode, vp.adjust);
  if (vp.removedMiddle !== NULL) unlinkLocked(inode, vp.removedMiddle);
  if (vp.removedNext !== NULL) unlinkLocked(inode, vp.removedNext);
  iMmapUnlockWrite(inode);
}

/** Its links with anon_vmas go only here: until then the pages are found through both VMAs. */
function freeMerged(mm: MmWrite, vma: VmaWrite): void {
  vmaMarkDetached(mm, vma);
  vmaPutFile(vma);
  unlinkAnonVmas(vma);
  setMmMapCount(mm, mmMapCount(mm) - 1);
  vmAreaFree(vma);
}

const SHARED_MAYWRITE = flagsOf(VM_SHARED, VM_MAYWRITE);

export const isSharedMaywrite = (flags: VmFlags): boolean =>
  commonFlags(flags, SHARED_MAYWRITE) === SHARED_MAYWRITE;

/** A VMA joins its file's mappings. Its writable count cannot be refused: mmap made sure. */
export function vmaLinkFile(vma: Vma): void {
  const file = vmFile(vma);
  if (file === NULL) return;
  const inode = fileInode(file);
  iMmapLockWrite(inode);
  linkLocked(inode, vma);
  iMmapUnlockWrite(inode);
}

/** The same for the copy of a VMA, which stands next to it. */
export function vmaLinkFileAfter(vma: Vma, orig: Vma): void {
  const file = vmFile(vma);
  if (file === NULL) return;
  const inode = fileInode(file);
  iMmapLockWrite(inode);
  countWritable(inode, vma);
  iMmapInsertAfter(inode, vma, orig);
  iMmapUnlockWrite(inode);
}

/**
 * A VMA leaves its file's mappings, before its page tables may go. Its reference stays.
 *
 * Source: mm/vma.c, unlink_file_vma_batch_final(), v6.18.
 */
export function vmaUnlinkFile(vma: Vma): void {
  const file = vmFile(vma);
  if (file === NULL) return;
  const inode = fileInode(file);
  iMmapLockWrite(inode);
  unlinkLocked(inode, vma);
  iMmapUnlockWrite(inode);
}

function linkLocked(inode: Inode, vma: Vma): void {
  countWritable(inode, vma);
  iMmapInsert(inode, vma);
}

function unlinkLocked(inode: Inode, vma: Vma): void {
  iMmapRemove(inode, vma);
  if (isSharedMaywrite(vmFlags(vma))) mappingUnmapWritable(inode);
}

function countWritable(inode: Inode, vma: Vma): void {
  if (!isSharedMaywrite(vmFlags(vma))) return;
  assert(mappingMapWritable(inode), 'mmap() already holds the file writable');
}

/** A VMA that has left its file's mappings drops its reference. */
export function vmaPutFile(vma: Vma): void {
  const file = vmFile(vma);
  if (file !== NULL) fput(file);
}
