import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { load, makeElf } from '../../../test/exec/elf_maker.ts';
import { elfImages } from './elf_files.ts';
import { mapsLineText } from './maps_text.ts';

const TOP = 0x7f1234567000;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmaspace-elf-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes, { mode: 0o755 });
  return join(folder, name);
}

const segments = (vaddr: bigint) => [
  load({ vaddr, filesz: 0x900n }),
  load({ vaddr: vaddr + 0x2ff0n, offset: 0xff0n, flags: 6, filesz: 0x20n, memsz: 0x2000n }),
];

/** What was mapped, as maps shows it; the folder is left out. */
const told = (path: string, brk: number): string[] | undefined =>
  elfImages(path, { brk, top: TOP })?.map((line) => mapsLineText(line).replace(`${folder}/`, ''));

const SPECIAL = [
  '7f1234567000-7f123456b000 r--p 00000000 00:00 0 [vvar]',
  '7f123456b000-7f123456d000 r--p 00000000 00:00 0 [vvar_vclock]',
  '7f123456d000-7f123456f000 r-xp 00000000 00:00 0 [vdso]',
];

describe('elfImages', () => {
  it('gives what exec maps: whole pages, and zeroed data behind the file', () => {
    const phdrs = segments(0x400000n);
    const path = put('program', makeElf({ type: 2, entry: 0n, size: 0x3000, phdrs }));
    expect(told(path, 0)).toEqual([
      '00400000-00401000 r-xp 00000000 00:00 0 program',
      '00402000-00404000 rw-p 00000000 00:00 0 program',
      '00404000-00405000 rw-p 00000000 00:00 0',
      ...SPECIAL,
    ]);
  });

  it('gives a program that may go anywhere only where its heap shows that it lies', () => {
    const loader = put(
      'loader',
      makeElf({ type: 3, entry: 0n, size: 0x3000, phdrs: [load({ vaddr: 0n })] }),
    );
    const name = load({ type: 3, offset: 0x800n, vaddr: 0n, filesz: BigInt(loader.length + 1) });
    const made = makeElf({
      type: 3,
      entry: 0n,
      size: 0x3000,
      phdrs: [name, ...segments(0n)],
      strings: [{ at: 0x800, text: `${loader}\0` }],
    });
    const above = [...SPECIAL, '7f123456f000-7f1234570000 r-xp 00000000 00:00 0 loader'];
    const path = put('program', made);
    expect(told(path, 0x555555559000)).toEqual([
      '555555554000-555555555000 r-xp 00000000 00:00 0 program',
      '555555556000-555555558000 rw-p 00000000 00:00 0 program',
      '555555558000-555555559000 rw-p 00000000 00:00 0',
      ...above,
    ]);
    expect(told(path, 0x56789abcd000)).toEqual(above);
  });

  it('gives nothing for what cannot be executed', () => {
    expect(told(put('text', Buffer.from('text')), 0)).toBeUndefined();
    expect(told(join(folder, 'absent'), 0)).toBeUndefined();
  });
});
