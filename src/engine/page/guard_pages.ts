/**
 * Guard pages: markers in page tables that make a page inaccessible. They need no VMA of their
 * own, survive a change of protection and MADV_DONTNEED, move with mremap, are copied by
 * fork, and end with the mapping.
 *
 * Source: mm/madvise.c, guard_install_pte_entry(), guard_remove_pte_entry(), v6.18.
 */
import * as atomics from '#atomics';
import { ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import { isPtePresent, PTE_MARKER_GUARD, PTE_NONE } from './pte.ts';
import { leafAlloc, leafEnd, pteLock, pteUnlock } from './table_struct.ts';
import { type LeafPart, type PageRange, leafPart, walkLeaves } from './walk.ts';

/**
 * Marks every page of the range that is not there.
 *
 * @returns how many are there, and have to be zapped first; or ENOMEM.
 */
export function installGuards(mm: Mm, { start, end }: PageRange): number | Errno {
  let populated = 0;
  for (let at = start; at < end; at = leafEnd(at, end)) {
    const leaf = leafAlloc(mm, at);
    if (leaf === NULL) return ENOMEM;
    populated += markLeaf(leafPart(leaf, { start: at, end: leafEnd(at, end) }));
  }
  return populated;
}

function markLeaf({ leaf, first, last }: LeafPart): number {
  let populated = 0;
  pteLock(leaf);
  for (let at = first; at < last; at++) {
    if (isPtePresent(atomics.readOnce(at))) populated++;
    else atomics.writeOnce(at, PTE_MARKER_GUARD); // a walker takes it for an empty entry, as before
  }
  pteUnlock(leaf);
  return populated;
}

/** The pages become accessible again, and empty. */
export function removeGuards(mm: Mm, range: PageRange): 0 {
  walkLeaves(mm, range, unmarkLeaf);
  return OK;
}

function unmarkLeaf({ leaf, first, last }: LeafPart): void {
  pteLock(leaf);
  for (let at = first; at < last; at++) {
    if (atomics.readOnce(at) === PTE_MARKER_GUARD) atomics.writeOnce(at, PTE_NONE);
  }
  pteUnlock(leaf);
}
