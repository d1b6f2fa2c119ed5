/**
 * What a program finds on its stack, lowest address first:
 *
 *   sp -> argc | argv ... 0 | envp ... 0 | auxv ... AT_NULL | random | platform | strings ...
 *
 * Source: fs/binfmt_elf.c, create_elf_tables(), v6.18.
 */
import { EFAULT, EINVAL, type Errno, isErr, OK } from '../arena/errno.ts';
import { randomWord } from '../arena/random.ts';
import { PAGE_SIZE, pageDown } from '../arena/units.ts';
import { readBytes, writeBytes } from '../fault/access.ts';
import { NULL } from '../arena/ref.ts';
import type { Mm, MmWrite } from '../mm/held.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { findVma } from '../mm/vma_iterator.ts';
import { vmStart } from '../mm/vma_struct.ts';
import { setMmLayout } from '../mm/mm_struct.ts';
import { expandDownwards } from '../vma/expand.ts';
import {
  AT_NULL,
  AT_PHDR,
  AT_PHENT,
  AT_PHNUM,
  AT_PAGESZ,
  AT_BASE,
  AT_FLAGS,
  AT_ENTRY,
  AT_UID,
  AT_EUID,
  AT_GID,
  AT_EGID,
  AT_PLATFORM,
  AT_HWCAP,
  AT_CLKTCK,
  AT_SECURE,
  AT_RANDOM,
  AT_HWCAP2,
  AT_RSEQ_FEATURE_SIZE,
  AT_RSEQ_ALIGN,
  AT_EXECFN,
  AT_SYSINFO_EHDR,
  AT_MINSIGSTKSZ,
} from './auxv.ts';
import type { Bprm } from './bprm.ts';
import { MAX_ARG_STRLEN } from './exec_args.ts';
import { alignStack } from './exec_layout.ts';
import { PROGRAM_HEADER_BYTES } from './elf.ts';

/** Of a plain x86-64 CPU with AVX-512; no address depends on them. */
const MIN_SIGNAL_STACK = 3632n;
const HWCAP = 0x178bfbffn;
const HWCAP2 = 2n;
const CLOCK_TICKS = 100n;
const RSEQ_FEATURE_BYTES = 28n;
const RSEQ_ALIGN_BYTES = 32n;

const PLATFORM = new TextEncoder().encode('x86_64\0');
const RANDOM_BYTES = 16;

/** What a loader has found out. */
export interface Placements {
  /** Where the program headers lie in memory. */
  readonly phdr: bigint;
  readonly phnum: number;
  /** Where the program's loader lies; 0 without one. */
  readonly base: bigint;
  /** The program's own first instruction, not its loader's. */
  readonly entry: bigint;
  readonly vdso: number;
}

/** Writes the tables. `bprm.p` becomes the stack pointer. @returns EFAULT, EINVAL. */
export function createElfTables(bprm: Bprm, found: Placements): 0 | Errno {
  const platform = alignStack(bprm.p) - PLATFORM.length;
  const random = platform - RANDOM_BYTES;
  if (!put(bprm, platform, PLATFORM) || !put(bprm, random, randomBytes())) return EFAULT;

  const pointers = stringPointers(bprm);
  if (typeof pointers === 'number') return pointers;
  const auxv = auxiliaryVector(bprm, found, { platform, random });
  const auxvAt = alignDown(random, 8) - 8 * auxv.length;
  bprm.p = alignDown(auxvAt - 8 * pointers.length, 16);
  if (isErr(growTo(bprm))) return EFAULT;
  return put(bprm, bprm.p, wordsOf([...pointers, ...auxv])) ? OK : EFAULT;
}

const alignDown = (addr: number, to: number): number => addr - (addr % to);

/** In the kernel's order. */
function auxiliaryVector(
  bprm: Bprm,
  found: Placements,
  { platform, random }: { platform: number; random: number },
): bigint[] {
  const entries: readonly (readonly [number, bigint])[] = [
    [AT_SYSINFO_EHDR, BigInt(found.vdso)],
    [AT_MINSIGSTKSZ, MIN_SIGNAL_STACK],
    [AT_HWCAP, HWCAP],
    [AT_PAGESZ, BigInt(PAGE_SIZE)],
    [AT_CLKTCK, CLOCK_TICKS],
    [AT_PHDR, found.phdr],
    [AT_PHENT, BigInt(PROGRAM_HEADER_BYTES)],
    [AT_PHNUM, BigInt(found.phnum)],
    [AT_BASE, found.base],
    [AT_FLAGS, 0n],
    [AT_ENTRY, found.entry],
    [AT_UID, 0n],
    [AT_EUID, 0n],
    [AT_GID, 0n],
    [AT_EGID, 0n],
    [AT_SECURE, 0n],
    [AT_RANDOM, BigInt(random)],
    [AT_HWCAP2, HWCAP2],
    [AT_EXECFN, BigInt(bprm.exec)],
    [AT_PLATFORM, BigInt(platform)],
    [AT_RSEQ_FEATURE_SIZE, RSEQ_FEATURE_BYTES],
    [AT_RSEQ_ALIGN, RSEQ_ALIGN_BYTES],
    [AT_NULL, 0n],
  ];
  return entries.flatMap(([type, value]) => [BigInt(type), value]);
}

/**
 * argc, then where each string lies; and the marks of the address space that say the same. The
 * strings are measured where they lie: a segment may have been mapped over them.
 */
function stringPointers({ mm, p, args, envc }: Bprm): bigint[] | Errno {
  const words = [BigInt(args.length)];
  let at = p;
  let argEnd = p;
  for (const [list, count] of [args.length, envc].entries()) {
    for (let i = 0; i < count; i++) {
      const length = stringLength(mm, at);
      if (isErr(length)) return length;
      words.push(BigInt(at));
      at += length;
    }
    words.push(0n);
    if (list === 0) argEnd = at;
  }
  const locked = mmapWriteLock(mm);
  setMmLayout(locked, { argEnd, envStart: argEnd, envEnd: at });
  mmapWriteUnlock(locked);
  return words;
}

/** @returns the bytes of a string, with its NUL; EINVAL for none, or one without end. */
function stringLength(mm: Mm, addr: number): number | Errno {
  for (let length = 0; length <= MAX_ARG_STRLEN;) {
    const at = addr + length;
    const bytes = new Uint8Array(PAGE_SIZE - (at % PAGE_SIZE));
    if (readBytes(mm, at, { bytes, done: 0 }) !== 0) return EINVAL;
    const end = bytes.indexOf(0);
    length += end < 0 ? bytes.length : end + 1;
    if (end >= 0) return length > MAX_ARG_STRLEN ? EINVAL : length;
  }
  return EINVAL;
}

/** The tables may be longer than what the stack was lengthened by. */
function growTo({ mm, p }: Bprm): 0 | Errno {
  const locked = mmapWriteLock(mm);
  const result = growLocked(locked, p);
  mmapWriteUnlock(locked);
  return result;
}

function growLocked(mm: MmWrite, addr: number): 0 | Errno {
  const stack = findVma(mm, addr);
  if (stack === NULL) return EFAULT;
  return vmStart(stack) <= addr ? OK : expandDownwards(mm, stack, pageDown(addr));
}

function randomBytes(): Uint8Array {
  const bytes = new Uint8Array(RANDOM_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < RANDOM_BYTES; at += 4) view.setUint32(at, randomWord());
  return bytes;
}

function wordsOf(words: readonly bigint[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * words.length));
  for (const [i, word] of words.entries()) view.setBigUint64(8 * i, word, true);
  return new Uint8Array(view.buffer);
}

const put = ({ mm }: Bprm, addr: number, bytes: Uint8Array): boolean =>
  writeBytes(mm, addr, { bytes, done: 0 }) === 0;
