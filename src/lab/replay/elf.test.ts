import { describe, expect, it } from 'vitest';
import { imageEnd, linesOfElf, parseElf } from './elf.ts';
import { mapsLineText } from './maps_text.ts';

const PT_LOAD = 1;

/**
 * A file with one header and these segments: flags, offset, address, bytes in file and in memory.
 */
function elfOf(type: number, segments: readonly (readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(64 + 56 * segments.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x7f454c46);
  view.setUint16(4, 0x0201);
  view.setUint16(16, type, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  for (const [i, [flags = 0, offset = 0, vaddr = 0, filesz = 0, memsz = 0]] of segments.entries()) {
    const at = 64 + 56 * i;
    view.setUint32(at, PT_LOAD, true);
    view.setUint32(at + 4, flags, true);
    for (const [j, value] of [offset, vaddr, vaddr, filesz, memsz].entries()) {
      view.setBigUint64(at + 8 + 8 * j, BigInt(value), true);
    }
  }
  return bytes;
}

describe('parseElf', () => {
  it('gives what exec maps: whole pages, and zeroed data behind the file', () => {
    const elf = parseElf(
      elfOf(2, [
        [5, 0, 0x400000, 0x1234, 0x1234],
        [6, 0x1ff0, 0x402ff0, 0x20, 0x2000],
      ]),
    );
    expect(elf?.isFixed).toBe(true);
    expect(elf === null ? [] : linesOfElf(elf, '/x', 0).map(mapsLineText)).toEqual([
      '00400000-00402000 r-xp 00000000 00:00 0 /x',
      '00402000-00404000 rw-p 00001000 00:00 0 /x',
      '00404000-00405000 rw-p 00000000 00:00 0',
    ]);
    expect(elf === null ? 0 : imageEnd(elf)).toBe(0x405000);
  });

  it.each([
    ['an empty file', new Uint8Array()],
    ['text', new TextEncoder().encode('#!/bin/sh\n'.repeat(20))],
    ['headers that are cut off', elfOf(3, [[5, 0, 0, 1, 1]]).subarray(0, 80)],
    ['an object file', elfOf(1, [])],
  ])('refuses %s', (_, bytes) => {
    expect(parseElf(bytes)).toBeNull();
  });
});
