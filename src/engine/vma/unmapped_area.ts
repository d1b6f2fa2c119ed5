/**
 * Where a mapping goes.
 *
 *   top-down    ............[ found ][ stack guard ][ stack ]     highest gap below mmap_base
 *   bottom-up   [ found ]....................................     lowest gap above the legacy base
 *
 * A gap's upper end keeps clear of the guard of a VMA that grows down.
 *
 * Source: mm/mmap.c, mm/vma.c (unmapped_area), arch/x86/kernel/sys_x86_64.c,
 * mm/huge_memory.c (thp_get_unmapped_area), v6.18.
 */
import { EINVAL, ENOMEM, EPERM, type Errno, isErr } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import { isPageAligned, PAGE_SIZE, pageDown, pageUp, PMD_SIZE, TASK_SIZE } from '../arena/units.ts';
import { fileInode } from '../file/file_struct.ts';
import { I_HUGE_ALIGN, type Inode, inodeHas, inodeKind } from '../file/inode.ts';
import { mtEmptyArea, mtEmptyAreaRev } from '../maple/maple.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import {
  MMF_TOPDOWN,
  mmHasFlag,
  mmMmapBase,
  mmMmapLegacyBase,
  mmMt,
  mmTaskSize,
} from '../mm/mm_struct.ts';
import {
  dacMmapMinAddr,
  mmapMinAddr,
  stackGuardGap,
  sysctlTransparentHugepage,
} from '../mm/sysctl.ts';
import { CAP_SYS_RAWIO, capable } from '../mm/task_struct.ts';
import { findVma } from '../mm/vma_iterator.ts';
import { hasFlag, VM_GROWSDOWN } from '../mm/vm_flags.ts';
import { type File, vmEnd, vmFlags, vmStart } from '../mm/vma_struct.ts';
import { LIMIT_MIN_ADDR, LIMIT_TASK_SIZE, noteLimit } from '../trace/verdict.ts';
import { MAP_32BIT, MAP_ABOVE4G, MAP_FIXED, MAP_SHARED } from './map_flags.ts';

export interface AreaRequest {
  readonly mm: MmRead;
  /** The hint, or with MAP_FIXED the place. */
  readonly addr: number;
  /** Bytes, page aligned. */
  readonly len: number;
  /** Pages, in the file. */
  readonly pgoff: number;
  /** MAP_* */
  readonly flags: number;
  readonly file: File | typeof NULL;
}

keepShape({ mm: 0, addr: Infinity, len: Infinity, pgoff: Infinity, flags: Infinity, file: 0 });

/**
 * @returns a page-aligned address with room for `len`; ENOMEM when there is none or
 *   it ends beyond the address space, EINVAL when it is not aligned, EPERM below
 *   vm.mmap_min_addr without CAP_SYS_RAWIO.
 *
 * Source: mm/mmap.c, __get_unmapped_area(), v6.18.
 */
export function getUnmappedArea(request: AreaRequest): number | Errno {
  if (request.len > TASK_SIZE) return tooLarge(request.len);
  const addr = place(request);
  if (isErr(addr)) return addr;
  if (addr > TASK_SIZE - request.len) return tooLarge(addr + request.len);
  if (!isPageAligned(addr)) return EINVAL;
  if (addr < dacMmapMinAddr() && !capable(CAP_SYS_RAWIO)) {
    noteLimit(LIMIT_MIN_ADDR, addr, dacMmapMinAddr());
    return EPERM;
  }
  return addr;
}

function tooLarge(end: number): Errno {
  noteLimit(LIMIT_TASK_SIZE, end, TASK_SIZE);
  return ENOMEM;
}

function place(request: AreaRequest): number | Errno {
  if ((request.flags & MAP_FIXED) !== 0) return request.addr;
  return wantsHugeAlignment(request) ? hugeAlignedArea(request) : plainArea(request);
}

/** Private anonymous memory asks for it in whole huge pages; some file systems always do. */
function wantsHugeAlignment({ file, flags, addr, len }: AreaRequest): boolean {
  if (!sysctlTransparentHugepage()) return false;
  if (file !== NULL) return isHugeAlignedFile(fileInode(file), flags);
  return (flags & MAP_SHARED) === 0 && addr === 0 && (len & (PMD_SIZE - 1)) === 0;
}

/** Some file systems always ask for it; /dev/zero, where there is no object beneath it. */
function isHugeAlignedFile(inode: Inode, flags: number): boolean {
  if (inodeKind(inode) === 'zero') return (flags & MAP_SHARED) === 0;
  return inodeHas(inode, I_HUGE_ALIGN);
}

/**
 * Looks for a huge page more, and takes the part where address and file offset
 * agree on where huge pages begin.
 */
function hugeAlignedArea(request: AreaRequest): number | Errno {
  const offset = request.file === NULL ? 0 : request.pgoff * PAGE_SIZE;
  const lastHugePage = Math.floor((offset + request.len) / PMD_SIZE) * PMD_SIZE;
  const firstHugePage = Math.ceil(offset / PMD_SIZE) * PMD_SIZE;
  // Linux counts in signed bytes: what would begin at 2^63 begins far below, and has room.
  const hasHugePage = firstHugePage === 2 ** 63 || lastHugePage - firstHugePage >= PMD_SIZE;
  if (!hasHugePage) return plainArea(request);

  const { mm, addr, pgoff, flags, file } = request;
  const area = plainArea({ mm, addr, len: request.len + PMD_SIZE, pgoff, flags, file });
  if (isErr(area)) return plainArea(request);
  if (area === request.addr) return area; // the hint was free
  const shift = (((offset - area) % PMD_SIZE) + PMD_SIZE) % PMD_SIZE;
  if (shift === 0 && mmHasFlag(request.mm, MMF_TOPDOWN)) return area + PMD_SIZE;
  return area + shift;
}

function plainArea(request: AreaRequest): number | Errno {
  const { mm, len, flags } = request;
  if (len > mmTaskSize(mm)) return ENOMEM;
  if ((flags & MAP_32BIT) !== 0) return bottomUp(request, IN_LOW_2GB);
  const above = { low: mmMmapLegacyBase(mm), high: mmTaskSize(mm) };
  if (!mmHasFlag(mm, MMF_TOPDOWN)) return bottomUp(request, above);

  const hint = pageDown(request.addr);
  if (hint !== 0 && isHintFree(request, hint)) return hint;
  const low = (flags & MAP_ABOVE4G) === 0 ? PAGE_SIZE : 2 ** 32;
  const found = highestGap(mm, len, { low, high: mmMmapBase(mm) });
  return isErr(found) ? bottomUp(request, above) : found;
}

/** Where MAP_32BIT maps to: the second gigabyte. */
const IN_LOW_2GB = { low: 0x40000000, high: 0x80000000 };

/** Bytes: where a gap may begin and end. */
interface Window {
  readonly low: number;
  readonly high: number;
}

keepShape({ low: Infinity, high: Infinity } satisfies Window);

function bottomUp(request: AreaRequest, window: Window): number | Errno {
  const hint = pageUp(request.addr);
  if (hint !== 0 && hint + request.len <= window.high && isHintFree(request, hint)) return hint;
  return lowestGap(request.mm, request.len, window);
}

/** A hint is taken unless it reaches into the next VMA or its guard. */
function isHintFree({ mm, len }: AreaRequest, hint: number): boolean {
  if (hint > mmTaskSize(mm) - len) return false;
  const next = findVma(mm, hint);
  return next === NULL || hint + len <= vmStartGap(next);
}

/**
 * Source: mm/vma.c, unmapped_area_topdown(), v6.18.
 */
function highestGap(mm: MmRead, len: number, window: Window): number | Errno {
  const low = Math.max(window.low, mmapMinAddr());
  let { high } = window;
  // Ends: each round lowers the upper limit to another VMA's guard.
  for (;;) {
    if (high <= low) return ENOMEM;
    const gap = mtEmptyAreaRev(mmMt(mm), { min: low, max: high - 1, size: len });
    if (gap < 0) return ENOMEM;
    const next = findVma(mm, gap + len);
    if (next === NULL || vmStartGap(next) >= gap + len) return gap;
    high = vmStartGap(next);
  }
}

/**
 * Source: mm/vma.c, unmapped_area(), v6.18.
 */
function lowestGap(mm: MmRead, len: number, window: Window): number | Errno {
  let low = Math.max(window.low, mmapMinAddr());
  // Ends: each round raises the lower limit over another VMA.
  for (;;) {
    if (window.high <= low) return ENOMEM;
    const gap = mtEmptyArea(mmMt(mm), { min: low, max: window.high - 1, size: len });
    if (gap < 0) return ENOMEM;
    const next = findVma(mm, gap + len);
    if (next === NULL || vmStartGap(next) >= gap + len) return gap;
    low = vmEnd(next);
  }
}

/** Where a VMA begins with its guard: nothing is placed above it without MAP_FIXED. */
export function vmStartGap(vma: Vma): number {
  if (!hasFlag(vmFlags(vma), VM_GROWSDOWN)) return vmStart(vma);
  return Math.max(0, vmStart(vma) - stackGuardGap());
}
