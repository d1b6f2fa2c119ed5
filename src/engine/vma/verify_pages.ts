/**
 * What must hold of the page tables of an address space between operations.
 *
 * The caller keeps writers out, and faults too: it is for moments of rest.
 */
import { assert } from '../arena/assert.ts';
import { word } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { TASK_SIZE } from '../arena/units.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import { vmaLookup } from '../mm/vma_iterator.ts';
import {
  flagsOf,
  hasFlag,
  VM_ACCESS_FLAGS,
  VM_MAYSHARE,
  VM_SHARED,
  VM_WRITE,
} from '../mm/vm_flags.ts';
import { vmaIsAnonymous, vmAnonVma, vmFlags } from '../mm/vma_struct.ts';
import {
  type Page,
  pageHas,
  pageMapcount,
  pageOf,
  pageRefcount,
  PG_ANON,
  PG_ANON_EXCLUSIVE,
} from '../page/page_struct.ts';
import {
  isPtePresent,
  isPteSpecial,
  type Pte,
  PTE_NONE,
  PTE_USER,
  PTE_WRITE,
  ptePfn,
} from '../page/pte.ts';
import { MM_FILEPAGES, MM_SHMEMPAGES, mmCounter, mmRssOf } from '../page/rss.ts';
import { walkLeaves } from '../page/walk.ts';

/** Asserts every invariant of entries, pages and counters. */
export function verifyPages(mm: MmRead): void {
  const counted = [0, 0, 0];
  walkLeaves(mm, { start: 0, end: TASK_SIZE }, ({ start, first, last }) => {
    for (let at = first; at < last; at++) {
      const pte = word(at);
      if (pte !== PTE_NONE) verifyEntry(mm, start + (at - first) * 4096, { pte, counted });
    }
  });
  for (let counter = MM_FILEPAGES; counter <= MM_SHMEMPAGES; counter++) {
    assert(counted[counter] === mmRssOf(mm, counter), 'RSS counts the pages that are mapped');
  }
}

function verifyEntry(
  mm: MmRead,
  addr: number,
  { pte, counted }: { pte: Pte; counted: number[] },
): void {
  const vma = vmaLookup(mm, addr);
  assert(vma !== NULL, 'only a VMA has pages and markers');
  if (!isPtePresent(pte)) return;
  const isAccessible = hasFlag(vmFlags(vma), VM_ACCESS_FLAGS);
  assert(((pte & PTE_USER) !== 0) === isAccessible, 'a page is accessible if its VMA is');
  if ((pte & PTE_WRITE) !== 0) {
    assert(hasFlag(vmFlags(vma), VM_WRITE), 'a page is writable only if its VMA is');
  }
  if (isPteSpecial(pte)) return;
  const page = pageOf(ptePfn(pte));
  const counter = mmCounter(page);
  counted[counter] = (counted[counter] ?? 0) + 1;
  verifyPage(vma, pte, page);
}

const EITHER_SHARED = flagsOf(VM_SHARED, VM_MAYSHARE);

function verifyPage(vma: Vma, pte: Pte, page: Page): void {
  assert(pageMapcount(page) >= 1, 'an entry that maps a page is counted');
  assert(pageRefcount(page) >= pageMapcount(page), 'an entry holds a reference to its page');
  if (pageHas(page, PG_ANON)) {
    assert(vmAnonVma(vma) !== NULL, 'private pages are in VMAs with an anon_vma');
    const isAlone = pageHas(page, PG_ANON_EXCLUSIVE);
    assert(!isAlone || pageMapcount(page) === 1, 'a page that one owns alone is mapped once');
    assert(isAlone || (pte & PTE_WRITE) === 0, 'a page that several own is copied before a store');
    return;
  }
  assert(!vmaIsAnonymous(vma), 'anonymous memory has private pages only');
  const isShared = hasFlag(vmFlags(vma), EITHER_SHARED);
  assert(isShared || (pte & PTE_WRITE) === 0, 'a private store never reaches the file');
}
