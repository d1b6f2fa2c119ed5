/** What an exec maps, read from the ELF headers of a program and of its loader (x86-64). */
import type { MapsLine } from './maps_text.ts';

const PAGE = 4096;
const HEADER_BYTES = 64;
const PT_LOAD = 1;
const PT_INTERP = 3;
const ET_EXEC = 2;
const ET_DYN = 3;
const [PF_X, PF_W, PF_R] = [1, 2, 4];
const ELF_MAGIC = 0x7f454c46;
const CLASS_64_LSB = 0x0201;

export interface Elf {
  readonly isFixed: boolean;
  readonly segments: readonly Segment[];
  /** Path of the loader, or null for a static program. */
  readonly loader: string | null;
}

/** Bytes, as in the program header. */
interface Segment {
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
}

/**
 * @param bytes the beginning of the file, with its program headers. @returns null when it is no
 * program.
 */
export function parseElf(bytes: Uint8Array): Elf | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES || view.getUint32(0) !== ELF_MAGIC) return null;
  const type = view.getUint16(16, true);
  if (view.getUint16(4) !== CLASS_64_LSB || (type !== ET_EXEC && type !== ET_DYN)) return null;
  const at = Number(view.getBigUint64(32, true));
  const [size, count] = [view.getUint16(54, true), view.getUint16(56, true)];
  if (size < 56 || at + size * count > bytes.length) return null;

  const headers = Array.from({ length: count }, (_, i) => at + i * size);
  const loader = headers.find((header) => view.getUint32(header, true) === PT_INTERP);
  return {
    isFixed: type === ET_EXEC,
    segments: headers
      .filter((header) => view.getUint32(header, true) === PT_LOAD)
      .map((h) => segment(view, h)),
    loader: loader === undefined ? null : loaderPath(bytes, segment(view, loader)),
  };
}

function segment(view: DataView, at: number): Segment {
  const word = (offset: number): number => Number(view.getBigUint64(at + offset, true));
  const flags = view.getUint32(at + 4, true);
  return { flags, offset: word(8), vaddr: word(16), filesz: word(32), memsz: word(40) };
}

function loaderPath(bytes: Uint8Array, { offset, filesz }: Segment): string | null {
  const text = new TextDecoder().decode(bytes.subarray(offset, offset + filesz));
  return text.endsWith('\0') ? text.slice(0, -1) : null;
}

const pageDown = (addr: number): number => addr - (addr % PAGE);
const pageUp = (addr: number): number => Math.ceil(addr / PAGE) * PAGE;

/** Where the last segment ends, from the base. */
export const imageEnd = ({ segments }: Elf): number =>
  Math.max(0, ...segments.map(({ vaddr, memsz }) => pageUp(vaddr + memsz)));

/** @returns the mappings of a program or loader at a base. */
export function linesOfElf(elf: Elf, name: string, base: number): MapsLine[] {
  return elf.segments.flatMap(({ flags, offset, vaddr, filesz, memsz }) => {
    const [start, end] = [base + pageDown(vaddr), base + pageUp(vaddr + filesz)];
    const perms = permsOf(flags);
    const lines = [{ ...ANONYMOUS, start, end, perms, offset: pageDown(offset), name }];
    const zeroEnd = base + pageUp(vaddr + memsz);
    if (zeroEnd > end) lines.push({ ...ANONYMOUS, start: end, end: zeroEnd, perms, name: '' });
    return lines;
  });
}

const ANONYMOUS = {
  offset: 0,
  devMajor: 0,
  devMinor: 0,
  ino: 0,
  name: '',
  vmFlags: null,
  rss: null,
  anonymous: null,
  line: 0,
};

const permsOf = (flags: number): string =>
  `${flags & PF_R ? 'r' : '-'}${flags & PF_W ? 'w' : '-'}${flags & PF_X ? 'x' : '-'}p`;

/** Pages of what the kernel maps below a loader. Source: arch/x86/entry/vdso, v6.18. */
const BELOW_LOADER = [
  { name: '[vvar]', perms: 'r--p', pages: 4 },
  { name: '[vvar_vclock]', perms: 'r--p', pages: 2 },
  { name: '[vdso]', perms: 'r-xp', pages: 2 },
];

/** @returns the special mappings from `start` on, and where they end. */
export function specialLines(start: number): { lines: MapsLine[]; end: number } {
  const lines: MapsLine[] = [];
  let at = start;
  for (const { name, perms, pages } of BELOW_LOADER) {
    lines.push({ ...ANONYMOUS, start: at, end: at + pages * PAGE, perms, name });
    at += pages * PAGE;
  }
  return { lines, end: at };
}
