/**
 * Filling memory that a userfaultfd watches, page by page: with bytes, or with zeroes.
 *
 *   private   a page of the mapping's own, or the zero page
 *   shared    a page of the file, which must not have one there, mapped at once
 *
 * The bytes are read before any lock is taken: that may fault, and even ask another
 * userfaultfd. The destination is looked at again for each page, under the lock of its VMA.
 *
 * Source: mm/userfaultfd.c, mfill_atomic(), mfill_atomic_install_pte(), mm/shmem.c,
 * shmem_mfill_atomic_pte(), v6.18.
 */
import {
  EAGAIN,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOSPC,
  type Errno,
  isErr,
  OK,
} from '../arena/errno.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import { fileInode } from '../file/file_struct.ts';
import { invalidateSemAt } from '../file/address_space.ts';
import { inodePages } from '../file/filemap.ts';
import type { Inode } from '../file/inode.ts';
import { addToPageCache, removeFromPageCache } from '../file/page_cache.ts';
import { isUserfaultfdChanging } from '../file/userfaultfd_ctx.ts';
import { SHMEM_VM_OPS } from '../file/vm_ops.ts';
import type { Mm, Vma } from '../mm/held.ts';
import { hasFlag, VM_SHARED, VM_UFFD_WP, VM_WRITE } from '../mm/vm_flags.ts';
import {
  type UserfaultfdCtx,
  vmaIsAnonymous,
  vmEnd,
  vmFile,
  vmFlags,
  vmOps,
  vmUserfaultfdCtx,
} from '../mm/vma_struct.ts';
import {
  allocPage,
  clearPage,
  lockPage,
  pageAddMap,
  pageBytes,
  putPage,
  unlockPage,
} from '../page/page_alloc.ts';
import {
  type Page,
  PFN_ZERO,
  PG_DIRTY,
  PG_SWAPBACKED,
  PG_UPTODATE,
  pageMapcountAt,
  pfnOf,
  setPageIdentity,
} from '../page/page_struct.ts';
import {
  isPtePresent,
  mkPte,
  type Pte,
  protBits,
  PTE_DIRTY,
  PTE_NONE,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
} from '../page/pte.ts';
import { addMmCounter, MM_ANONPAGES, MM_SHMEMPAGES } from '../page/rss.ts';
import {
  entryAt,
  leafAlloc,
  type PageTable,
  pteIndex,
  pteLock,
  pteUnlock,
} from '../page/table_struct.ts';
import { INVALIDATE_LOCK } from '../sync/lock_class.ts';
import { downRead, upRead } from '../sync/rwsem.ts';
import { readBytes } from './access.ts';
import { uffdLockVma, uffdUnlockVma } from './uffd_lock_vma.ts';
import { exclusivePte, linearPageIndex, pageAddNewAnon, setPte } from './vmf.ts';

/** What is filled, and with what. */
export interface Mfill {
  readonly ctx: UserfaultfdCtx;
  readonly mm: Mm;
  /** Bytes, page aligned. */
  readonly start: number;
  readonly len: number;
  /** Where the bytes are read from; null: zeroes. */
  readonly source: { readonly mm: Mm; readonly addr: number } | null;
  /** The pages are write-protected at once. */
  readonly isWp: boolean;
}

/**
 * Fills the range, until a page cannot be.
 *
 * @returns the bytes filled, if any were; else EEXIST for a page that is there, ENOENT for
 *   memory that is not one watched VMA's, EINVAL for memory of another kind or protection
 *   that was not registered for, EFAULT for bytes that cannot be read or a place beyond the
 *   file, EAGAIN while events wait to be read, ENOMEM.
 */
export function mfillAtomic(fill: Mfill): number | Errno {
  for (let done = 0; done < fill.len; done += PAGE_SIZE) {
    const result = fillPage(fill, done);
    if (isErr(result)) return done > 0 ? done : result;
  }
  return fill.len;
}

function fillPage(fill: Mfill, done: number): 0 | Errno {
  // The destination is at fault before the source is.
  const shared = withDestination(fill, done, ({ vma }) => isShared(vma));
  if (isErr(shared)) return shared;
  const page = sourcePage(fill, done, shared);
  if (isErr(page)) return page;
  const result = withDestination(fill, done, (place) => installInto(fill, place, page));
  if (isErr(result) && page !== NULL) dropPage(page);
  return result;
}

/** 1 or 0. */
const isShared = (vma: Vma): number => (hasFlag(vmFlags(vma), VM_SHARED) ? 1 : 0);

/** A page of the destination. */
interface Place {
  readonly mm: Mm;
  readonly vma: Vma;
  /** Bytes. */
  readonly addr: number;
}

/** Under the lock of the VMA alone, if it has one: whoever calls is a user of the mm. */
function withDestination<R extends number>(
  fill: Mfill,
  done: number,
  act: (place: Place) => R | Errno,
): R | Errno {
  const vma = uffdLockVma(fill.mm, fill.start);
  if (isErr(vma)) return vma;
  const refused = refuse(fill, vma);
  const result = isErr(refused) ? refused : act({ mm: fill.mm, vma, addr: fill.start + done });
  uffdUnlockVma(fill.mm, vma);
  return result;
}

function refuse({ ctx, start, len, isWp }: Mfill, vma: Vma): 0 | Errno {
  if (vmUserfaultfdCtx(vma) === NULL || start + len > vmEnd(vma)) return ENOENT;
  if (isUserfaultfdChanging(ctx)) return EAGAIN;
  if (isWp && !hasFlag(vmFlags(vma), VM_UFFD_WP)) return EINVAL;
  return vmaIsAnonymous(vma) || vmOps(vma) === SHMEM_VM_OPS ? OK : EINVAL;
}

/** @returns a page with the bytes; NULL: the zero page will do; EFAULT, ENOMEM. */
function sourcePage({ source }: Mfill, done: number, shared: number): Page | Null | Errno {
  if (source === null && shared === 0) return NULL;
  const page = allocPage();
  if (page === NULL) return ENOMEM;
  setPageIdentity(page, { mapping: NULL, index: 0, flags: 0 });
  if (source === null) clearPage(page);
  else if (readBytes(source.mm, source.addr + done, { bytes: pageBytes(page), done: 0 }) !== 0) {
    putPage(page);
    return EFAULT;
  }
  return page;
}

function dropPage(page: Page): void {
  setWord(pageMapcountAt(page), 0);
  putPage(page);
}

function installInto(fill: Mfill, place: Place, page: Page | Null): 0 | Errno {
  const leaf = leafAlloc(place.mm, place.addr);
  if (leaf === NULL) return ENOMEM;
  if (isBeyondFile(place)) return EFAULT;
  const slot = { ...place, leaf, at: entryAt(leaf, pteIndex(place.addr)), isWp: fill.isWp };
  if (page === NULL) return hasFlag(vmFlags(place.vma), VM_SHARED) ? EAGAIN : installZero(slot);
  return hasFlag(vmFlags(place.vma), VM_SHARED)
    ? installShared(slot, page)
    : installPrivate(slot, page);
}

/** Asked of private mappings too: of /dev/zero, too, which has no size. */
function isBeyondFile({ vma, addr }: Place): boolean {
  const file = vmFile(vma);
  return file !== NULL && linearPageIndex(vma, addr) >= inodePages(fileInode(file));
}

interface Slot extends Place {
  readonly leaf: PageTable;
  readonly at: WordAt;
  readonly isWp: boolean;
}

/** Any marker counts as something there. */
function installZero({ vma, leaf, at }: Slot): 0 | Errno {
  pteLock(leaf);
  const isEmpty = word(at) === PTE_NONE;
  const bits = protBits(vmFlags(vma)) | PTE_SPECIAL | PTE_YOUNG;
  if (isEmpty) setPte(at, mkPte(PFN_ZERO, bits));
  pteUnlock(leaf);
  return isEmpty ? OK : EEXIST;
}

/** A marker gives way. */
function installEntry({ leaf, at, isWp }: Slot, pte: Pte): 0 | Errno {
  pteLock(leaf);
  const isThere = isPtePresent(word(at));
  if (!isThere) setPte(at, isWp ? (pte | PTE_UFFD_WP) & ~PTE_WRITE : pte);
  pteUnlock(leaf);
  return isThere ? EEXIST : OK;
}

function installPrivate(slot: Slot, page: Page): 0 | Errno {
  pageAddNewAnon(slot, page);
  const result = installEntry(slot, exclusivePte(slot.vma, page));
  if (result === OK) addMmCounter(slot.mm, MM_ANONPAGES, 1);
  return result;
}

/** The page belongs to the file first: nobody may have been faster there either. */
function installShared(slot: Slot, page: Page): 0 | Errno {
  const { vma, addr } = slot;
  const file = vmFile(vma);
  if (file === NULL) return EINVAL;
  const inode: Inode = fileInode(file);
  const flags = PG_UPTODATE | PG_SWAPBACKED | PG_DIRTY;
  setPageIdentity(page, { mapping: inode, index: linearPageIndex(vma, addr), flags });
  // Against who cuts the file: it has set the size already, or finds the page.
  downRead(invalidateSemAt(inode), INVALIDATE_LOCK);
  lockPage(page);
  const result = isBeyondFile(slot) ? EFAULT : addAndMap(slot, inode, page);
  unlockPage(page);
  upRead(invalidateSemAt(inode));
  return result;
}

function addAndMap(slot: Slot, inode: Inode, page: Page): 0 | Errno {
  const added = addToPageCache(inode, page);
  if (isErr(added)) return added === ENOSPC ? ENOMEM : added;
  const mapped = mapShared(slot, page);
  if (isErr(mapped)) removeFromPageCache(inode, page);
  return mapped;
}

/** Its one reference goes to the entry. */
function mapShared(slot: Slot, page: Page): 0 | Errno {
  const flags = vmFlags(slot.vma);
  const write = hasFlag(flags, VM_WRITE) ? PTE_WRITE : 0;
  pageAddMap(page);
  const bits = protBits(flags) | PTE_YOUNG | PTE_DIRTY | write;
  const result = installEntry(slot, mkPte(pfnOf(page), bits));
  if (result === OK) addMmCounter(slot.mm, MM_SHMEMPAGES, 1);
  else setWord(pageMapcountAt(page), 0); // nobody else could map it: its lock is held
  return result;
}
