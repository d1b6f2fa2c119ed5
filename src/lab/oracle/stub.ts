import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stubCode } from './stub_code.ts';
import { makeTempFolder } from './temp_folder.ts';

/**
 * The stub as an executable file: an ELF header, one program header, the code.
 *
 *   0        64       120                      841
 *   ELF      PT_LOAD  code                       |     mapped r-x at 0x400000, nothing else
 */
const LOAD_ADDRESS = 0x400000;
const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
const READ_AND_EXECUTE = 5;

/** The stub's mapping of its own file: one page. */
export const STUB_START = LOAD_ADDRESS;
export const STUB_END = LOAD_ADDRESS + 0x1000;

/** The whole file, ready to be written. */
export function stubElf(): Buffer {
  const code = stubCode();
  const entry = LOAD_ADDRESS + ELF_HEADER + PROGRAM_HEADER;
  return Buffer.concat([elfHeader(entry), programHeader(code.length), code]);
}

function elfHeader(entry: number): Buffer {
  const header = Buffer.alloc(ELF_HEADER);
  header.write('\x7fELF\x02\x01\x01', 'latin1'); // 64 bits, little-endian, version 1
  header.writeUInt16LE(2, 16); // an executable at fixed addresses
  header.writeUInt16LE(62, 18); // x86-64
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(entry), 24);
  header.writeBigUInt64LE(BigInt(ELF_HEADER), 32); // where the program headers are
  header.writeUInt16LE(ELF_HEADER, 52);
  header.writeUInt16LE(PROGRAM_HEADER, 54);
  header.writeUInt16LE(1, 56); // how many
  return header;
}

function programHeader(codeBytes: number): Buffer {
  const header = Buffer.alloc(PROGRAM_HEADER);
  const bytes = BigInt(ELF_HEADER + PROGRAM_HEADER + codeBytes);
  header.writeUInt32LE(1, 0); // PT_LOAD
  header.writeUInt32LE(READ_AND_EXECUTE, 4);
  header.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 16);
  header.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 24);
  header.writeBigUInt64LE(bytes, 32);
  header.writeBigUInt64LE(bytes, 40);
  header.writeBigUInt64LE(0x1000n, 48);
  return header;
}

/** A stub on disk, for as long as it takes to start it. */
export interface StubFile {
  readonly path: string;
  remove(): void;
}

/** Writes the stub into a fresh temporary folder. */
export function writeStub(): StubFile {
  const folder = makeTempFolder();
  const path = join(folder, 'oracle');
  writeFileSync(path, stubElf(), { mode: 0o755 });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
