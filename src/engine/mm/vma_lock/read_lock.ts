/** What trying to read-lock a VMA comes to, in every generation of the lock. */
import type { Vma } from '../held.ts';

/** Write-locked, or somebody else's by now. */
export const VMA_LOCKED = -1;
/** It left its address space after it was found: look the address up again. */
export const VMA_DETACHED = -2;

/** The VMA, now stable, or why not. */
export type ReadLock = Vma | typeof VMA_LOCKED | typeof VMA_DETACHED;

/** The sequence of a new VMA: odd, so no writer has it for 2^31 operations. */
export const NEVER_LOCKED = -1;
