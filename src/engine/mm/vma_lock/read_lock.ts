/** What trying to read-lock a VMA comes to, in every generation of the lock. */
import { rcuDereference } from '#atomics';
import type { Mm, Vma, VmaRcu } from '../held.ts';
import { mmLockSeqAt } from '../mm_struct.ts';
import { vmLockSeqAt } from '../vma_struct.ts';

/** Write-locked, or somebody else's by now. */
export const VMA_LOCKED = -1;
/** It left its address space after it was found: look the address up again. */
export const VMA_DETACHED = -2;

/** The VMA, now stable, or why not. */
export type ReadLock = Vma | typeof VMA_LOCKED | typeof VMA_DETACHED;

/** The sequence of a new VMA: odd, so no writer has it for 2^31 operations. */
export const NEVER_LOCKED = -1;

/**
 * Whether the sequences are equal, at a glance: a mark may just begin or end. Only who holds
 * mmap_lock for write knows; a reader asks again once it is inside.
 */
export const isMarkedBySeq = (mm: Mm, vma: VmaRcu): boolean =>
  rcuDereference(vmLockSeqAt(vma)) === rcuDereference(mmLockSeqAt(mm));
