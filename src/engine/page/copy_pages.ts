/**
 * A fork's share of the pages: entries are copied, pages are shared, and whoever writes
 * first to private memory gets a copy.
 *
 * What faults can find again is not copied: shared memory, private memory of a file that was
 * never written, the zero pages of memory without an anon_vma.
 *
 * Source: mm/memory.c, copy_page_range(), copy_present_pte(), v6.18.
 */
import * as atomics from '#atomics';
import { ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { setWord } from '../arena/memory.ts';
import { NULL, type WordAt } from '../arena/ref.ts';
import type { Vma } from '../mm/held.ts';
import {
  flagsOf,
  hasFlag,
  VM_MAYBE_GUARD,
  VM_MAYWRITE,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  VM_UFFD_WP,
} from '../mm/vm_flags.ts';
import { vmAnonVma, vmEnd, vmFlags, vmMm, vmStart } from '../mm/vma_struct.ts';
import { getPage, pageAddMap } from './page_alloc.ts';
import { pageHas, pageOf, PG_ANON_EXCLUSIVE, testClearPageFlag } from './page_struct.ts';
import {
  isPtePresent,
  isPteSpecial,
  type Pte,
  PTE_DIRTY,
  PTE_MARKER_UFFD_WP,
  PTE_NONE,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  ptePfn,
} from './pte.ts';
import { addMmCounter, mmCounter } from './rss.ts';
import { leafAlloc, type PageTable, pteLock, pteUnlock } from './table_struct.ts';
import { type LeafPart, walkLeaves } from './walk.ts';

const COPIED_FLAGS = flagsOf(VM_PFNMAP, VM_MIXEDMAP, VM_MAYBE_GUARD);

/** Source: mm/memory.c, vma_needs_copy(), v6.18.44. */
const vmaNeedsCopy = (child: Vma, parent: Vma): boolean =>
  hasFlag(vmFlags(child), VM_UFFD_WP) ||
  hasFlag(vmFlags(parent), COPIED_FLAGS) ||
  vmAnonVma(parent) !== NULL;

interface CopyState {
  readonly child: Vma;
  readonly isCow: boolean;
  readonly keepsUffdWp: boolean;
  /** Pages by their counter. */
  readonly copied: number[];
}

/**
 * Copies the entries of a VMA into that of a child, which nobody runs in yet. The parent's
 * translations are to be flushed before its mmap_lock is dropped.
 *
 * @returns ENOMEM with some of the entries copied.
 */
export function copyPageRange(child: Vma, parent: Vma): 0 | Errno {
  if (!vmaNeedsCopy(child, parent)) return OK;
  const flags = vmFlags(parent);
  const state: CopyState = {
    child,
    isCow: !hasFlag(flags, VM_SHARED) && hasFlag(flags, VM_MAYWRITE),
    keepsUffdWp: hasFlag(vmFlags(child), VM_UFFD_WP),
    copied: [0, 0, 0],
  };
  const result = copyLeaves(state, parent);
  for (const [counter, pages] of state.copied.entries()) addMmCounter(vmMm(child), counter, pages);
  return result;
}

function copyLeaves(state: CopyState, parent: Vma): 0 | Errno {
  let result: 0 | Errno = OK;
  walkLeaves(vmMm(parent), { start: vmStart(parent), end: vmEnd(parent) }, (part) => {
    const to = leafAlloc(vmMm(state.child), part.start);
    if (to === NULL) result = ENOMEM;
    else copyLeaf(state, part, to);
    return to !== NULL;
  });
  return result;
}

function copyLeaf(state: CopyState, { leaf, first, last }: LeafPart, to: PageTable): void {
  pteLock(to);
  pteLock(leaf);
  for (let at = first; at < last; at++) {
    const pte = atomics.readOnce(at);
    if (pte === PTE_NONE) continue;
    const copy = isPtePresent(pte) ? copyPresent(state, at) : copyMarker(state, pte);
    setWord(to + (at - leaf), copy); // nobody walks the child's tables yet
  }
  pteUnlock(leaf);
  pteUnlock(to);
}

const copyMarker = ({ keepsUffdWp }: CopyState, pte: Pte): Pte =>
  keepsUffdWp ? pte : pte & ~PTE_MARKER_UFFD_WP;

/** @returns the child's entry; both lose the right to write to what they now share. */
function copyPresent(state: CopyState, at: WordAt): Pte {
  const isWritable = (atomics.readOnce(at) & PTE_WRITE) !== 0;
  const pte =
    state.isCow && isWritable ? atomics.and(at, ~PTE_WRITE) & ~PTE_WRITE : atomics.readOnce(at);
  if (!isPteSpecial(pte)) {
    const page = getPage(pageOf(ptePfn(pte)));
    pageAddMap(page);
    if (pageHas(page, PG_ANON_EXCLUSIVE)) testClearPageFlag(page, PG_ANON_EXCLUSIVE);
    const counter = mmCounter(page);
    state.copied[counter] = (state.copied[counter] ?? 0) + 1;
  }
  const dropped = PTE_YOUNG | (state.isCow ? 0 : PTE_DIRTY) | (state.keepsUffdWp ? 0 : PTE_UFFD_WP);
  return pte & ~dropped;
}
