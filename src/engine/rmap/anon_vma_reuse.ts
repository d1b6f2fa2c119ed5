/**
 * Sharing an anon_vma without merging: what is about to be written for the first
 * time takes a neighbour's, when the two could be one VMA but for their
 * protection. A later mprotect() can then merge them.
 *
 * Source: mm/vma.c, find_mergeable_anon_vma(), v6.18.
 */
import { NULL, type Null } from '../arena/ref.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import { flagsOf, VM_EXEC, VM_READ, VM_STICKY, VM_WRITE, withoutFlags } from '../mm/vm_flags.ts';
import { vmaIterator, vmaNext, vmaPrev } from '../mm/vma_iterator.ts';
import {
  type AnonVma,
  vmaPages,
  vmAnonVma,
  vmEnd,
  vmFile,
  vmFlags,
  vmPgoff,
  vmPolicy,
  vmStart,
} from '../mm/vma_struct.ts';
import { isAnonVmaChainSingular } from './anon_vma_chain.ts';

/** Under the page_table_lock, since a neighbour may be getting its first link. */
export function findMergeableAnonVma(mm: MmRead, vma: Vma): AnonVma | Null {
  const vmi = vmaIterator(mm, vmEnd(vma));
  const next = vmaNext(vmi);
  if (next !== NULL && vmStart(next) === vmEnd(vma)) {
    const reusable = reusableAnonVma(next, { left: vma, right: next });
    if (reusable !== NULL) return reusable;
  }
  const prev = vmaPrev(vmaIterator(mm, vmStart(vma)));
  if (prev === NULL || vmEnd(prev) !== vmStart(vma)) return NULL;
  return reusableAnonVma(prev, { left: prev, right: vma });
}

const IGNORED = flagsOf(VM_READ, VM_WRITE, VM_EXEC, VM_STICKY);

function reusableAnonVma(
  neighbour: Vma,
  { left, right }: { left: Vma; right: Vma },
): AnonVma | Null {
  const anonVma = vmAnonVma(neighbour);
  if (anonVma === NULL || !isAnonVmaChainSingular(neighbour)) return NULL;
  if (vmPolicy(left) !== vmPolicy(right) || vmFile(left) !== vmFile(right)) return NULL;
  if (withoutFlags(vmFlags(left), IGNORED) !== withoutFlags(vmFlags(right), IGNORED)) return NULL;
  return vmPgoff(left) + vmaPages(left) === vmPgoff(right) ? anonVma : NULL;
}
