/**
 * Mapping frames by number: what a device shows of itself. The entries count nothing and own
 * nothing; whoever maps them sees to it that the frames outlive the mapping.
 *
 * Source: mm/memory.c, remap_pfn_range(), v6.18.
 */
import { EEXIST, EINVAL, ENOMEM, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { isPageAligned, PAGE_SIZE } from '../arena/units.ts';
import { setWord, word } from '../arena/memory.ts';
import type { VmaHidden } from '../mm/held.ts';
import {
  commonFlags,
  flagsOf,
  hasFlag,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_IO,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_SHARED,
  VM_WRITE,
  withFlags,
} from '../mm/vm_flags.ts';
import { setVmFlags, setVmPgoff, vmEnd, vmFlags, vmMm, vmStart } from '../mm/vma_struct.ts';
import { framesUsed, pageHas, pageMapping, pageOf, PG_RESERVED } from './page_struct.ts';
import { mkPte, protBits, PTE_DIRTY, PTE_NONE, PTE_SPECIAL, PTE_WRITE, PTE_YOUNG } from './pte.ts';
import { entryAt, leafAlloc, pteIndex, pteLock, pteUnlock } from './table_struct.ts';

export interface PfnRange {
  /** Bytes, page aligned. */
  readonly addr: number;
  /** Bytes. */
  readonly size: number;
  /** The first frame; the others follow. */
  readonly pfn: number;
}

const PFN_FLAGS = flagsOf(VM_IO, VM_PFNMAP, VM_DONTEXPAND, VM_DONTDUMP);
const COW = flagsOf(VM_SHARED, VM_MAYWRITE);

/**
 * Maps frames that belong to `owner` into a VMA that is being made.
 *
 * @returns EINVAL outside the VMA, or for a part of a private writable one, whose offset has to
 *   tell its frames; EPERM for frames that are not the owner's; ENOMEM, or EEXIST where something
 *   is mapped: what was mapped so far stays for the caller to clear.
 */
export function remapPfnRange(vma: VmaHidden, range: PfnRange, owner: number): 0 | Errno {
  const { addr, size, pfn } = range;
  const end = addr + size;
  if (!isPageAligned(addr) || !isPageAligned(size) || !(size > 0)) return EINVAL;
  if (addr < vmStart(vma) || end > vmEnd(vma)) return EINVAL;
  const isCow = commonFlags(vmFlags(vma), COW) === VM_MAYWRITE;
  const isWhole = addr === vmStart(vma) && end === vmEnd(vma);
  if (isCow && !isWhole) return EINVAL;
  if (!areOwn(range, owner)) return EPERM;
  if (isCow) setVmPgoff(vma, pfn);
  setVmFlags(vma, withFlags(vmFlags(vma), PFN_FLAGS));
  for (let at = addr; at < end; at += PAGE_SIZE) {
    const refused = mapFrame(vma, at, pfn + (at - addr) / PAGE_SIZE);
    if (isErr(refused)) return refused;
  }
  return OK;
}

/** A device's frames are reserved, and say whose they are. */
function areOwn({ pfn, size }: PfnRange, owner: number): boolean {
  if (!Number.isInteger(pfn) || pfn < 0 || pfn + size / PAGE_SIZE > framesUsed()) return false;
  for (let at = pfn; at < pfn + size / PAGE_SIZE; at++) {
    const page = pageOf(at);
    if (!pageHas(page, PG_RESERVED) || pageMapping(page) !== owner) return false;
  }
  return true;
}

/** @returns ENOMEM; EEXIST when something is mapped there already. */
function mapFrame(vma: VmaHidden, addr: number, pfn: number): 0 | Errno {
  const leaf = leafAlloc(vmMm(vma), addr);
  if (leaf === NULL) return ENOMEM;
  const flags = vmFlags(vma);
  const isWritable = hasFlag(flags, VM_SHARED) && hasFlag(flags, VM_WRITE);
  const write = isWritable ? PTE_WRITE | PTE_DIRTY : 0;
  const at = entryAt(leaf, pteIndex(addr));
  pteLock(leaf);
  const wasEmpty = word(at) === PTE_NONE;
  if (wasEmpty) setWord(at, mkPte(pfn, protBits(flags) | PTE_SPECIAL | PTE_YOUNG | write));
  pteUnlock(leaf);
  return wasEmpty ? OK : EEXIST;
}
