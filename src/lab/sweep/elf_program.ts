/** A small ELF program, and the loader that it asks for. */

const HEADER = 64;
const PHDR = 56;
const INTERP_AT = 0x800;
const LOADER = '/lib/loader\0';
const BYTES = 0x3000;

/** A program header; bytes. */
interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
}

/** Code, and data that goes on in memory that is not in the file. */
const LOADS: readonly Segment[] = [
  { type: 1, flags: 5, offset: 0, vaddr: 0, filesz: 0x900, memsz: 0x900 },
  { type: 1, flags: 6, offset: 0x1000, vaddr: 0x2000, filesz: 0x800, memsz: 0x3000 },
];

const length = LOADER.length;
const INTERP = { type: 3, flags: 4, offset: INTERP_AT, vaddr: 0, filesz: length, memsz: length };

export const LOADER_FILE: Uint8Array = elfBytes(LOADS);
export const PROGRAM_FILE: Uint8Array = elfBytes([INTERP, ...LOADS]);

function elfBytes(segments: readonly Segment[]): Uint8Array {
  const bytes = new Uint8Array(BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 3, true); // ET_DYN
  view.setUint16(18, 62, true); // x86-64
  view.setUint32(20, 1, true);
  view.setUint32(24, HEADER, true); // the entry
  view.setUint32(32, HEADER, true); // the program headers
  view.setUint16(52, HEADER, true);
  view.setUint16(54, PHDR, true);
  view.setUint16(56, segments.length, true);
  segments.forEach(({ type, flags, offset, vaddr, filesz, memsz }, i) => {
    const at = HEADER + PHDR * i;
    view.setUint32(at, type, true);
    view.setUint32(at + 4, flags, true);
    // The high halves are 0.
    const words = [offset, vaddr, vaddr, filesz, memsz, 0x1000];
    words.forEach((word, field) => view.setUint32(at + 8 + 8 * field, word, true));
  });
  bytes.set(new TextEncoder().encode(LOADER), INTERP_AT);
  return bytes;
}
