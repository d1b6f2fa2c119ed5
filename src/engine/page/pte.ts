/**
 * Entries of the last level of page tables: 32 bits.
 *
 *   31 ........... 8 | 7    6       5     4     3    2     1    0
 *   page number      | uffd special young dirty exec write user present
 *                      wp
 *
 * Without the present bit an entry is empty (0) or a marker: something to remember about a
 * page that is not there. A present entry without the user bit is memory that may not be
 * accessed now, PROT_NONE: the page stays.
 *
 * Special entries have no counted page: the zero page, and what drivers map by number.
 *
 * Source: arch/x86/include/asm/pgtable.h, include/linux/swapops.h (markers), v6.18; the layout
 * is ours.
 */
import { VM_ACCESS_FLAGS, VM_EXEC, type VmFlags } from '../mm/vm_flags.ts';

export type Pte = number;

export const PTE_NONE = 0;
export const PTE_PRESENT = 1 << 0;
export const PTE_USER = 1 << 1;
export const PTE_WRITE = 1 << 2;
export const PTE_EXEC = 1 << 3;
export const PTE_DIRTY = 1 << 4;
export const PTE_YOUNG = 1 << 5;
export const PTE_SPECIAL = 1 << 6;
export const PTE_UFFD_WP = 1 << 7;
const PFN_SHIFT = 8;

/** The most frames that 24 bits can number: 64 GiB. */
export const PFN_LIMIT = 1 << 24;

/** Markers: not present, and not empty. */
export const PTE_MARKER_GUARD = 1 << 8;
export const PTE_MARKER_POISON = 1 << 9;
export const PTE_MARKER_UFFD_WP = 1 << 10;

const PROT_BITS = PTE_USER | PTE_EXEC;

export const ptePfn = (pte: Pte): number => pte >>> PFN_SHIFT;
export const isPtePresent = (pte: Pte): boolean => (pte & PTE_PRESENT) !== 0;
export const isPteMarker = (pte: Pte): boolean => pte !== 0 && (pte & PTE_PRESENT) === 0;
export const isPteSpecial = (pte: Pte): boolean => (pte & PTE_SPECIAL) !== 0;

/** A present entry for a page. `bits` are PTE_* */
export const mkPte = (pfn: number, bits: number): Pte => (pfn << PFN_SHIFT) | PTE_PRESENT | bits;

/**
 * What a VMA's protection allows without asking further: never a write. On x86 whatever may
 * be accessed at all may be read.
 */
export function protBits(flags: VmFlags): number {
  if ((flags & VM_ACCESS_FLAGS) === 0) return 0;
  return (flags & VM_EXEC) === 0 ? PTE_USER : PROT_BITS;
}

/** The entry with another protection, and without the right to write. */
export const pteModify = (pte: Pte, flags: VmFlags): Pte =>
  (pte & ~(PROT_BITS | PTE_WRITE)) | protBits(flags);
