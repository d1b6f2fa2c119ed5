/**
 * The headers of an ELF file: what an exec reads of it, and what it refuses.
 *
 * Words are bigints, as all 64 bits count: a loader adds them modulo 2^64, like the kernel.
 *
 * Source: include/uapi/linux/elf.h, fs/binfmt_elf.c, load_elf_phdrs(), v6.18.
 */
import { EIO, type Errno, isErr, OK } from '../arena/errno.ts';
import { fileRead } from '../file/read_write.ts';
import type { File } from '../mm/vma_struct.ts';

export const ET_EXEC = 2;
export const ET_DYN = 3;
const EM_X86_64 = 62;

export const PT_LOAD = 1;
export const PT_INTERP = 3;
export const PT_GNU_STACK = 0x6474e551;

export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

export const ELF_HEADER_BYTES = 64;
export const PROGRAM_HEADER_BYTES = 56;
/** All program headers of a file together, at most. */
const PROGRAM_HEADERS_MAX = 65536;

const MAGIC = 0x7f454c46;

export interface ElfHeader {
  readonly type: number;
  readonly entry: bigint;
  readonly phoff: bigint;
  readonly phentsize: number;
  readonly phnum: number;
}

/** A program header: what to do with one part of the file. Bytes. */
export interface ElfPhdr {
  /** PT_* */
  readonly type: number;
  /** PF_* */
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  readonly align: bigint;
}

/**
 * @param head the first 64 bytes of a file, or more.
 * @returns the header; null without the magic number, or for another machine than x86-64. Neither
 *   the class nor the byte order is looked at, as the kernel does not.
 */
export function parseElfHeader(head: Uint8Array): ElfHeader | null {
  if (head.length < ELF_HEADER_BYTES) return null;
  const view = viewOf(head);
  if (view.getUint32(0) !== MAGIC || view.getUint16(18, true) !== EM_X86_64) return null;
  return {
    type: view.getUint16(16, true),
    entry: view.getBigUint64(24, true),
    phoff: view.getBigUint64(32, true),
    phentsize: view.getUint16(54, true),
    phnum: view.getUint16(56, true),
  };
}

export const isLoadable = ({ type }: ElfHeader): boolean => type === ET_EXEC || type === ET_DYN;

/** @returns how long the table of program headers is, or 0 for one that no exec takes. */
function elfPhdrBytes({ phentsize, phnum }: ElfHeader): number {
  if (phentsize !== PROGRAM_HEADER_BYTES) return 0;
  const bytes = phentsize * phnum;
  return bytes > PROGRAM_HEADERS_MAX ? 0 : bytes;
}

/** @returns the program headers of a whole table. */
function parseElfPhdrs(table: Uint8Array): ElfPhdr[] {
  const view = viewOf(table);
  const count = Math.floor(table.length / PROGRAM_HEADER_BYTES);
  return Array.from({ length: count }, (_, i) => phdrAt(view, i * PROGRAM_HEADER_BYTES));
}

const phdrAt = (view: DataView, at: number): ElfPhdr => ({
  type: view.getUint32(at, true),
  flags: view.getUint32(at + 4, true),
  offset: view.getBigUint64(at + 8, true),
  vaddr: view.getBigUint64(at + 16, true),
  filesz: view.getBigUint64(at + 32, true),
  memsz: view.getBigUint64(at + 40, true),
  align: view.getBigUint64(at + 48, true),
});

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** @returns the program headers; null when there are none, too many, odd ones, or not all. */
export function readElfPhdrs(file: File, header: ElfHeader): ElfPhdr[] | null {
  const table = new Uint8Array(elfPhdrBytes(header));
  if (table.length === 0 || elfRead(file, table, header.phoff) !== OK) return null;
  return parseElfPhdrs(table);
}

/** Fills `bytes` from a place in a file. @returns EIO when the file ends before; EINVAL, ENOMEM. */
export function elfRead(file: File, bytes: Uint8Array, offset: bigint): 0 | Errno {
  const count = fileRead(file, Number(BigInt.asIntN(64, offset)), bytes);
  if (isErr(count)) return count;
  return count === bytes.length ? OK : EIO;
}
