/**
 * Giving present entries the protection that their VMA has now.
 *
 * Source: mm/mprotect.c, change_protection(), can_change_pte_writable(), v6.18.
 */
import { keepShape } from '../arena/shape.ts';
import * as atomics from '#atomics';
import { type WordAt } from '../arena/ref.ts';
import type { Vma } from '../mm/held.ts';
import { hasFlag, VM_SHARED, VM_WRITE, type VmFlags } from '../mm/vm_flags.ts';
import { vmFlags, vmMm } from '../mm/vma_struct.ts';
import { type LeafPart, type PageRange, walkLeaves } from './walk.ts';
import type { MmuGather } from './mmu_gather.ts';
import { pageHas, pageOf, PG_ANON_EXCLUSIVE } from './page_struct.ts';
import {
  isPtePresent,
  isPteSpecial,
  type Pte,
  PTE_DIRTY,
  PTE_UFFD_WP,
  PTE_WRITE,
  pteModify,
  ptePfn,
} from './pte.ts';
import { pteLock, pteUnlock } from './table_struct.ts';

/**
 * Which pages of shared memory that may be written are writable at once: all; those that were
 * written before, as their file knows of them; or none, so that a userfaultfd hears of each.
 */
export type WritableAtOnce = 'all' | 'dirty' | 'none';

export interface ProtectRange extends PageRange {
  readonly writable: WritableAtOnce;
}

keepShape({ start: Infinity, end: Infinity, writable: 'all' } satisfies ProtectRange);

/** The VMA has its new flags already, and is write-locked. */
export function changeProtection(tlb: MmuGather, vma: Vma, range: ProtectRange): void {
  walkLeaves(vmMm(vma), range, (part) => {
    changeLeaf(part, vmFlags(vma), range.writable);
    tlb.needsFlush = true;
  });
}

function changeLeaf(
  { leaf, first, last }: LeafPart,
  flags: VmFlags,
  writable: WritableAtOnce,
): void {
  pteLock(leaf);
  for (let at = first; at < last; at++) {
    if (isPtePresent(atomics.readOnce(at))) changeEntry(at, flags, writable);
  }
  pteUnlock(leaf);
}

/** A walker may set a bit meanwhile: then again. */
function changeEntry(at: WordAt, flags: VmFlags, writable: WritableAtOnce): void {
  for (;;) {
    const pte = atomics.readOnce(at);
    const changed = withProtection(pte, flags, writable);
    if (changed === pte || atomics.cas(at, pte, changed)) return;
  }
}

/** A present entry as the flags of its VMA want it. */
export const withProtection = (pte: Pte, flags: VmFlags, writable: WritableAtOnce): Pte =>
  pteModify(pte, flags) | (canWrite(pte, flags, writable) ? PTE_WRITE : 0);

/** Private pages that somebody else has too are copied first; clean ones of a file are told of. */
function canWrite(pte: Pte, flags: VmFlags, writable: WritableAtOnce): boolean {
  if (!hasFlag(flags, VM_WRITE) || (pte & PTE_UFFD_WP) !== 0) return false;
  if (hasFlag(flags, VM_SHARED)) {
    return writable === 'all' || (writable === 'dirty' && (pte & PTE_DIRTY) !== 0);
  }
  return !isPteSpecial(pte) && pageHas(pageOf(ptePfn(pte)), PG_ANON_EXCLUSIVE);
}
