/** ELF files made by hand: every field as it is wished. */

/** Bytes, where nothing else is said. */
export interface MadePhdr {
  readonly type: number;
  readonly flags: number;
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  readonly align: bigint;
}

export interface MadeElf {
  readonly type: number;
  readonly entry: bigint;
  readonly phdrs: readonly MadePhdr[];
  /** Of the whole file; its pages are filled with their numbers. */
  readonly size: number;
  readonly machine?: number;
  readonly elfClass?: number;
  readonly magic?: number;
  readonly phoff?: bigint;
  readonly phentsize?: number;
  readonly phnum?: number;
  /** Put into the file last. */
  readonly strings?: readonly { readonly at: number; readonly text: string }[];
}

const HEADER = 64;
const PHDR = 56;

export const load = (wish: Partial<MadePhdr>): MadePhdr => ({
  type: 1,
  flags: 5,
  offset: 0n,
  vaddr: 0x400000n,
  filesz: 0x1000n,
  memsz: wish.filesz ?? 0x1000n,
  align: 0x1000n,
  ...wish,
});

export function makeElf(elf: MadeElf): Buffer {
  const table = HEADER + PHDR * elf.phdrs.length;
  const bytes = Buffer.alloc(Math.max(elf.size, table, 0x2000));
  for (let at = 0; at < bytes.length; at += 64) bytes.writeUInt32LE(at + 1, at);
  bytes.writeUInt32BE(elf.magic ?? 0x7f454c46, 0);
  bytes.writeUInt8(elf.elfClass ?? 2, 4);
  bytes.writeUInt8(1, 5);
  bytes.writeUInt8(1, 6);
  bytes.writeUInt16LE(elf.type, 16);
  bytes.writeUInt16LE(elf.machine ?? 62, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(elf.entry, 24);
  bytes.writeBigUInt64LE(elf.phoff ?? BigInt(HEADER), 32);
  bytes.writeUInt16LE(HEADER, 52);
  bytes.writeUInt16LE(elf.phentsize ?? PHDR, 54);
  bytes.writeUInt16LE(elf.phnum ?? elf.phdrs.length, 56);
  for (const [i, phdr] of elf.phdrs.entries()) writePhdr(bytes, HEADER + PHDR * i, phdr);
  for (const { at, text } of elf.strings ?? []) bytes.write(text, at, 'latin1');
  return bytes.subarray(0, elf.size);
}

function writePhdr(bytes: Buffer, at: number, phdr: MadePhdr): void {
  bytes.writeUInt32LE(phdr.type, at);
  bytes.writeUInt32LE(phdr.flags, at + 4);
  const words = [phdr.offset, phdr.vaddr, phdr.vaddr, phdr.filesz, phdr.memsz, phdr.align];
  for (const [i, word] of words.entries()) {
    bytes.writeBigUInt64LE(BigInt.asUintN(64, word), at + 8 + 8 * i);
  }
}
