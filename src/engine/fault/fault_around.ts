/**
 * Fault-around: a load that finds its file's page in the cache maps the neighbours that are
 * cached too, so that a program which reads on does not fault on each.
 *
 * Source: mm/memory.c, do_fault_around(), mm/filemap.c, filemap_map_pages(), v6.18.
 */
import * as atomics from '#atomics';
import { NULL, type WordAt } from '../arena/ref.ts';
import { fileInode } from '../file/file_struct.ts';
import { inodePages } from '../file/filemap.ts';
import { inodeKind } from '../file/inode.ts';
import type { VmOperations } from '../file/vm_ops.ts';
import { flagsOf, hasFlag, VM_UFFD_MINOR, VM_UFFD_WP } from '../mm/vm_flags.ts';
import { vmEnd, vmFile, vmFlags, vmStart } from '../mm/vma_struct.ts';
import { pageAddMap } from '../page/page_alloc.ts';
import { type Page, pageIndex } from '../page/page_struct.ts';
import { type Pte, PTE_NONE, PTE_YOUNG } from '../page/pte.ts';
import { addMmCounter, MM_FILEPAGES, mmCounter } from '../page/rss.ts';
import {
  boundaryAfter,
  ENTRIES_PER_TABLE,
  entryAt,
  type PageTable,
  pteIndex,
  pteLock,
  pteUnlock,
} from '../page/table_struct.ts';
import { PMD_SIZE } from '../arena/units.ts';
import { fileEntry } from './file_entry.ts';
import { linearPageIndex, setPte, type VmFault } from './vmf.ts';

/** A userfaultfd is asked about each page by itself. */
const ASKS_FIRST = flagsOf(VM_UFFD_WP, VM_UFFD_MINOR);

/** Bytes of a window; it begins at a multiple of this, or with its VMA. */
const WINDOW = 65_536;

/** @returns whether the faulting page itself is mapped now. */
export function faultAround(vmf: VmFault, ops: VmOperations): boolean {
  if (ops.mapPages === undefined || hasFlag(vmFlags(vmf.vma), ASKS_FIRST)) return false;
  const window = windowOf(vmf);
  const first = linearPageIndex(vmf.vma, window.start);
  const span = { first, last: linearPageIndex(vmf.vma, window.end) - 1 };
  // The window is inside the leaf table, so its entries lie side by side.
  const firstAt = entryAt(vmf.leaf, pteIndex(window.start));
  let isMapped = false;
  let counter = MM_FILEPAGES;
  let pages = 0;
  let isHeldBack: boolean | undefined;
  ops.mapPages(vmf.vma, span, (page) => {
    isHeldBack ??= isTailWithoutTable(vmf, page);
    if (isHeldBack) return false;
    const at = firstAt + (pageIndex(page) - first);
    const entry = fileEntry(vmf.vma, page, ops);
    // Only the page that was asked for counts as accessed.
    if (!mapIfEmpty(vmf, page, { at, entry: at === vmf.at ? entry : entry & ~PTE_YOUNG })) {
      return false;
    }
    isMapped ||= at === vmf.at;
    counter = mmCounter(page); // the same for all of a file
    pages++;
    return true;
  });
  addMmCounter(vmf.mm, counter, pages);
  return isMapped;
}

/**
 * Linux 6.18 maps nothing around when the first page it finds is the file's last and there is no
 * page table yet: it keeps from mapping huge pages across the end, and the table comes with those.
 * Here a table is there already, with nothing in it. tmpfs may map across the end.
 */
function isTailWithoutTable({ vma, leaf }: VmFault, page: Page): boolean {
  const file = vmFile(vma);
  if (file === NULL) return false;
  const inode = fileInode(file);
  if (inodeKind(inode) === 'shmem' || pageIndex(page) !== inodePages(inode) - 1) return false;
  return isEmptyTable(leaf);
}

function isEmptyTable(leaf: PageTable): boolean {
  for (let i = 0; i < ENTRIES_PER_TABLE; i++)
    if (atomics.readOnce(entryAt(leaf, i)) !== PTE_NONE) return false;
  return true;
}

function mapIfEmpty(
  { leaf }: VmFault,
  page: Page,
  { at, entry }: { at: WordAt; entry: Pte },
): boolean {
  if (atomics.rcuDereference(at) !== PTE_NONE) return false;
  pteLock(leaf);
  const isEmpty = atomics.readOnce(at) === PTE_NONE;
  if (isEmpty) {
    pageAddMap(page);
    setPte(at, entry);
  }
  pteUnlock(leaf);
  return isEmpty;
}

/** Inside the VMA and inside the leaf table. A VMA that begins in a window has a whole one. */
function windowOf({ vma, addr }: VmFault): { start: number; end: number } {
  const aligned = Math.floor(addr / WINDOW) * WINDOW;
  const tableStart = Math.floor(addr / PMD_SIZE) * PMD_SIZE;
  const start = Math.max(aligned, vmStart(vma), tableStart);
  const end = Math.min(start + WINDOW, vmEnd(vma), boundaryAfter(addr, PMD_SIZE));
  return { start, end };
}
