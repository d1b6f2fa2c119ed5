/**
 * One PT_LOAD segment in an address space:
 *
 *   vaddr      + filesz      + memsz
 *     |  file     |..zeroed..|  anonymous zeros   |
 *     ^ page down            ^ page up            ^ page up
 *
 * Source: fs/binfmt_elf.c, elf_load(), elf_map(), mm/mmap.c, vm_brk_flags(), v6.18.
 */
import { EFAULT, EINVAL, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE, TASK_SIZE } from '../arena/units.ts';
import { writeBytes } from '../fault/access.ts';
import type { Mm } from '../mm/held.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { VM_EXEC, withFlags } from '../mm/vm_flags.ts';
import type { File } from '../mm/vma_struct.ts';
import { mmapFileLocked } from '../syscall/mmap.ts';
import { munmapLocked } from '../syscall/munmap.ts';
import { ulongOf } from '../syscall/ulong.ts';
import { brkFlags, doBrkFlags } from '../vma/expand.ts';
import { MAP_FIXED, PROT_EXEC, PROT_READ, PROT_WRITE } from '../vma/map_flags.ts';
import { doMunmap } from '../vma/munmap.ts';
import { getUnmappedArea } from '../vma/unmapped_area.ts';
import { type ElfPhdr, PF_R, PF_W, PF_X } from './elf.ts';

const PAGE = BigInt(PAGE_SIZE);

/** Modulo 2^64, as the kernel's words are. */
export const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
export const inPage = (value: bigint): bigint => value & (PAGE - 1n);
export const pageStart = (value: bigint): bigint => u64(value) - inPage(value);
export const pageAlign = (value: bigint): bigint => pageStart(u64(value) + PAGE - 1n);
/** Neither an address of a program, nor an error. */
export const isBadAddr = (value: bigint): boolean => value >= BigInt(TASK_SIZE);

export interface SegmentPlace {
  readonly mm: Mm;
  readonly file: File;
  /** Where the segment's first byte shall be. */
  readonly addr: bigint;
  /** MAP_* */
  readonly flags: number;
  /** Bytes of all segments together, to find room for them; 0 when there is a place already. */
  readonly total: bigint;
}

/** PROT_* */
const protOf = ({ flags }: ElfPhdr): number =>
  ((flags & PF_R) === 0 ? 0 : PROT_READ) |
  ((flags & PF_W) === 0 ? 0 : PROT_WRITE) |
  ((flags & PF_X) === 0 ? 0 : PROT_EXEC);

/**
 * @returns the page where the segment begins; or as mmap(), or EFAULT. Nobody has looked whether an
 *   empty segment begins at an address at all.
 */
export function elfLoad(segment: ElfPhdr, place: SegmentPlace): bigint | Errno {
  const { vaddr, filesz, memsz } = segment;
  if (filesz === 0n) {
    const start = pageStart(place.addr);
    const mapped = memsz === 0n ? OK : mapZeros(segment, place.mm, start, start + inPage(vaddr));
    return isErr(mapped) ? mapped : start;
  }
  const start = mapFile(segment, place);
  if (typeof start === 'number' || isBadAddr(start) || memsz <= filesz) return start;
  const first = u64(start + inPage(vaddr));
  const zeros = u64(first + filesz);
  // What the program itself cannot write does not have to be zero.
  if (!padZero(place.mm, zeros) && (segment.flags & PF_W) !== 0) return EFAULT;
  const mapped = mapZeros(segment, place.mm, zeros, first);
  return isErr(mapped) ? mapped : start;
}

/** Bytes and pages from words of the file; whatever is too large is refused by mmap(). */
function mapFile(segment: ElfPhdr, { mm, file, addr, flags, total }: SegmentPlace): bigint | Errno {
  const skew = inPage(segment.vaddr);
  const size = pageAlign(segment.filesz + skew);
  const offset = u64(segment.offset - skew);
  if (size === 0n) return pageStart(addr);
  const whole = total === 0n ? size : pageAlign(total);
  if (inPage(offset) !== 0n || u64(offset + pageAlign(whole)) < offset) return EINVAL;

  const locked = mmapWriteLock(mm);
  const at = mmapFileLocked(locked, file, {
    start: ulongOf(pageStart(addr)),
    size: ulongOf(whole),
    prot: protOf(segment),
    flags,
    pgoff: Number(offset / PAGE),
  });
  if (!isErr(at) && total !== 0n) {
    // The rest was only room for the other segments.
    munmapLocked(locked, { addr: at + Number(size), len: ulongOf(u64(whole - size)) }, 'keep');
  }
  mmapWriteUnlock(locked);
  return isErr(at) ? at : BigInt(at);
}

/** Zeroes the rest of a page: what the file has behind the segment. @returns whether it could. */
function padZero(mm: Mm, addr: bigint): boolean {
  const rest = Number(inPage(PAGE - inPage(addr)));
  if (rest === 0) return true;
  if (isBadAddr(addr)) return false;
  return writeBytes(mm, Number(addr), { bytes: new Uint8Array(rest), done: 0 }) === 0;
}

/** Maps whole pages of zeros, in place of whatever is there. */
function mapZeros(segment: ElfPhdr, mm: Mm, from: bigint, first: bigint): 0 | Errno {
  const start = pageAlign(from);
  const request = u64(pageAlign(first + segment.memsz) - start);
  if (request === 0n) return OK;
  if (pageAlign(request) < request || request > BigInt(TASK_SIZE)) return ENOMEM;
  const [addr, len] = [ulongOf(start), Number(request)];
  const locked = mmapWriteLock(mm);
  const fixed = { mm: locked, addr, len, pgoff: 0, flags: MAP_FIXED, file: NULL };
  let result: number | Errno = addr < 0 ? ENOMEM : getUnmappedArea(fixed);
  if (!isErr(result)) result = doMunmap(locked, { start: addr, end: addr + len }, 'keep');
  const isExec = (segment.flags & PF_X) !== 0;
  const flags = isExec ? withFlags(brkFlags(), VM_EXEC) : brkFlags();
  if (!isErr(result)) result = doBrkFlags(locked, { start: addr, end: addr + len }, flags);
  mmapWriteUnlock(locked);
  return isErr(result) ? result : OK;
}
