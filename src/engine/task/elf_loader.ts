/**
 * Mapping the segments of a program, and of the loader that it names.
 *
 * Addresses are bigints modulo 2^64 until they are known to be some.
 *
 * Source: fs/binfmt_elf.c, load_elf_binary(), load_elf_interp(), v6.18.
 */
import { EINVAL, ENOMEM, EPERM, type Errno, isErr } from '../arena/errno.ts';
import { PAGE_SIZE, TASK_SIZE } from '../arena/units.ts';
import type { Mm } from '../mm/held.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import type { File } from '../mm/vma_struct.ts';
import { munmapLocked } from '../syscall/munmap.ts';
import { ulongOf } from '../syscall/ulong.ts';
import { MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE } from '../vma/map_flags.ts';
import { type ElfHeader, type ElfPhdr, ET_DYN, ET_EXEC, isLoadable, PF_X, PT_LOAD } from './elf.ts';
import { elfLoad, isBadAddr, pageAlign, pageStart, u64 } from './elf_map.ts';
import { DYN_BASE, mmapRandom } from './exec_layout.ts';

/** A file that has passed all that is checked before the old address space goes. */
export interface ElfFile {
  readonly file: File;
  readonly header: ElfHeader;
  readonly phdrs: readonly ElfPhdr[];
}

/** Where the parts of a program have come to lie. Bytes. */
export interface ElfMarks {
  /** How far from where the program asked to be. */
  readonly bias: bigint;
  readonly entry: bigint;
  readonly phdr: bigint;
  readonly startCode: bigint;
  readonly endCode: bigint;
  readonly startData: bigint;
  readonly endData: bigint;
  /** Where the last segment ends. */
  readonly brk: bigint;
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const loadsOf = ({ phdrs }: ElfFile): ElfPhdr[] => phdrs.filter(({ type }) => type === PT_LOAD);

/** From the lowest page to the last byte; 0 without segments. */
function totalMappingSize(loads: readonly ElfPhdr[]): bigint {
  const starts = loads.map(({ vaddr }) => pageStart(vaddr));
  const ends = loads.map(({ vaddr, memsz }) => u64(vaddr + memsz));
  return loads.length === 0 ? 0n : u64(ends.reduce(max) - starts.reduce(min));
}

/** Only powers of two count. */
function maximumAlignment(loads: readonly ElfPhdr[]): bigint {
  const aligns = loads.map(({ align }) => align).filter((a) => a !== 0n && (a & (a - 1n)) === 0n);
  return pageAlign(aligns.reduce(max, 0n));
}

/** What a segment may not claim; told only after it has been mapped. */
const isAbsurd = ({ filesz, memsz }: ElfPhdr, start: bigint): boolean =>
  isBadAddr(start) ||
  filesz > memsz ||
  memsz > BigInt(TASK_SIZE) ||
  BigInt(TASK_SIZE) - memsz < start;

export interface ProgramPlace {
  readonly mm: Mm;
  /** A program that may go anywhere goes far below its loader; without one, among the mappings. */
  readonly hasLoader: boolean;
}

/** Maps a program. @returns where its parts lie, or an errno. */
export function loadProgram(program: ElfFile, place: ProgramPlace): ElfMarks | Errno {
  const loads = loadsOf(program);
  let bias = 0n;
  for (const [i, segment] of loads.entries()) {
    const how = i === 0 ? firstPlace(program, place, loads) : LATER_SEGMENT;
    if (typeof how === 'number') return how;
    if (i === 0) bias = how.bias;
    const { flags, total } = how;
    const addr = u64(bias + segment.vaddr);
    const at = elfLoad(segment, { mm: place.mm, file: program.file, addr, flags, total });
    if (typeof at === 'number') return at;
    if (isBadAddr(at)) return EINVAL;
    if (i === 0 && program.header.type === ET_DYN) bias = u64(bias + at - pageStart(addr));
    if (isAbsurd(segment, segment.vaddr)) return EINVAL;
  }
  return marksOf(program, loads, bias);
}

interface Placement {
  readonly bias: bigint;
  readonly flags: number;
  readonly total: bigint;
}

const LATER_SEGMENT: Placement = { bias: 0n, flags: MAP_PRIVATE | MAP_FIXED, total: 0n };

/** The first segment decides about all others. */
function firstPlace(
  program: ElfFile,
  place: ProgramPlace,
  loads: readonly ElfPhdr[],
): Placement | Errno {
  const flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE;
  if (program.header.type === ET_EXEC) return { bias: 0n, flags, total: 0n };
  const total = totalMappingSize(loads);
  const vaddr = loads[0]?.vaddr ?? 0n;
  if (total === 0n) return EINVAL;
  const alignment = maximumAlignment(loads);
  if (place.hasLoader) {
    const base = alignDown(BigInt(DYN_BASE + mmapRandom()), alignment);
    return { bias: pageStart(base - vaddr), flags, total };
  }
  if (alignment <= BigInt(PAGE_SIZE)) return { bias: pageStart(-vaddr), flags: MAP_PRIVATE, total };
  const found = findRoom(program, place, total);
  if (typeof found === 'number') return found;
  return { bias: pageStart(alignDown(found, alignment) - vaddr), flags, total };
}

const alignDown = (addr: bigint, alignment: bigint): bigint =>
  alignment === 0n ? addr : addr - (addr % alignment);

/** Maps the first segment anywhere, to learn where there is room, and takes it away again. */
function findRoom(program: ElfFile, { mm }: ProgramPlace, total: bigint): bigint | Errno {
  const [segment] = loadsOf(program);
  if (segment === undefined) return EINVAL;
  const { file } = program;
  const at = elfLoad(segment, { mm, file, addr: 0n, flags: MAP_PRIVATE, total });
  if (typeof at === 'number') return at;
  const locked = mmapWriteLock(mm);
  const result = munmapLocked(locked, { addr: ulongOf(at), len: ulongOf(total) }, 'keep');
  mmapWriteUnlock(locked);
  return isErr(result) ? result : at;
}

function marksOf({ header }: ElfFile, loads: readonly ElfPhdr[], bias: bigint): ElfMarks {
  const code = loads.filter(({ flags }) => (flags & PF_X) !== 0);
  const holder = loads.findLast(
    ({ offset, filesz }) => offset <= header.phoff && header.phoff < u64(offset + filesz),
  );
  const phdr = holder === undefined ? 0n : header.phoff - holder.offset + holder.vaddr;
  return {
    bias,
    entry: u64(header.entry + bias),
    phdr: u64(phdr + bias),
    startCode: u64(code.map(({ vaddr }) => vaddr).reduce(min, NOWHERE) + bias),
    endCode: u64(code.map(endOf).reduce(max, 0n) + bias),
    startData: u64(loads.map(({ vaddr }) => vaddr).reduce(max, 0n) + bias),
    endData: u64(loads.map(endOf).reduce(max, 0n) + bias),
    brk: u64(loads.map(({ vaddr, memsz }) => u64(vaddr + memsz)).reduce(max, 0n) + bias),
  };
}

const endOf = ({ vaddr, filesz }: ElfPhdr): bigint => u64(vaddr + filesz);

const NOWHERE = 2n ** 64n - 1n;

/**
 * Maps a loader. One that may go anywhere gets the place that it asks for only beside a program
 * that has its own.
 *
 * @returns how far from where it asked to be it lies; or an errno.
 */
export function loadInterp(loader: ElfFile, mm: Mm, programBias: bigint): bigint | Errno {
  const loads = loadsOf(loader);
  const isAnywhere = loader.header.type === ET_DYN;
  if (!isLoadable(loader.header)) return EPERM;
  let total = totalMappingSize(loads);
  if (total === 0n) return EINVAL;
  let bias = 0n;
  for (const [i, segment] of loads.entries()) {
    const isFree = isAnywhere && i === 0;
    if (isFree && programBias !== 0n) bias = u64(-segment.vaddr);
    const flags = isFree ? MAP_PRIVATE : MAP_PRIVATE | MAP_FIXED;
    const addr = u64(bias + segment.vaddr);
    const at = elfLoad(segment, { mm, file: loader.file, addr, flags, total });
    if (typeof at === 'number') return at;
    // As the kernel, which takes it for the bias: only an errno would stop the exec.
    if (isBadAddr(at)) return at;
    total = 0n;
    if (isFree) bias = u64(at - pageStart(segment.vaddr));
    if (isAbsurd(segment, u64(bias + segment.vaddr))) return ENOMEM;
  }
  return bias;
}
