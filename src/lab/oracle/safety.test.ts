import { describe, expect, test } from 'vitest';
import { isSafe } from './safety.ts';
import type { SmapsVma } from './vmas.ts';

const TERABYTE = { start: 0x7effffff0000n, end: 0x7ffff7ff7000n } as SmapsVma;

describe('operations left alone', () => {
  test.each([
    ['munmap 0x400000 0x1000', 'the stub'],
    ['munmap 0x0 0x7ffffffff000', 'everything'],
    ['mmap 0x7ffff7ff6000 0x2000 3 0x32 -1 0x0', 'over vvar'],
    ['mremap 0x200000000000 0x1000 0x1000 3 0x300000', 'onto the work area'],
    ['madvise 0x200000000000 0x1000 100', 'poisoning memory'],
    ['mlock 0x200000000000 0x7ffe00000000', 'filling page tables'],
  ])('%s: %s', (operation) => {
    expect(isSafe(operation, [])).toBe(false);
  });

  test('growing locked memory to a terabyte, which would fill it', () => {
    const grows = 'mremap 0x200000000000 0x1000 0x10000000000 1 0x0';
    const locked = { start: 0x200000000000n, end: 0x200000001000n, vmFlags: 'rd wr lo' };
    expect(isSafe(grows, [locked as SmapsVma])).toBe(false);
    expect(isSafe(grows, [{ ...locked, vmFlags: 'rd wr' } as SmapsVma])).toBe(true);
  });

  test('guards over a terabyte, not flags over it', () => {
    expect(isSafe('madvise 0x7f0000000000 0x1000 102', [TERABYTE])).toBe(false);
    expect(isSafe('madvise 0x7f0000000000 0x1000 10', [TERABYTE])).toBe(true);
  });
});

describe('operations kept', () => {
  test.each([
    'mmap 0x7ffff7ff7000 0x1000 3 0x22 -1 0x0',
    'munmap 0x200000000000 0xffffffffffffffff',
    'mprotect 0x300001 0x1000 0x3',
    'mmap 0x0 0x1000 3 0x32 -1 0x0',
    'brk 4096',
  ])('%s', (operation) => {
    expect(isSafe(operation, [])).toBe(true);
  });
});
