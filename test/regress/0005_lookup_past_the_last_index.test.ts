/**
 * A lookup above 2^53 - 1, the last index of the range tree, never returned once the
 * tree had two levels: remap_file_pages(2^63 - 1, ...) hung the process.
 */
import { describe, expect, it } from 'vitest';
import { EINVAL, ENOMEM, Machine, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ } from '../../src/index.ts';

const HUGE = [2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 4096n];

describe('words past the last index of the tree', () => {
  it('are no mapping, in a tree of several levels', () => {
    const machine = Machine.create();
    const process = machine.spawn();
    for (let i = 0; i < 100; i++) {
      process.mmap(0, 4096, i % 2 === 0 ? PROT_READ : 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    for (const word of HUGE) {
      const page = (word >> 12n) << 12n;
      expect(process.remapFilePages(word, 8192, 0, 0, 0)).toBe(EINVAL);
      expect(process.mprotect(page, 4096, PROT_READ)).toBe(ENOMEM);
      expect(process.munmap(page, 4096)).toBe(EINVAL);
      expect(process.find(Number(word))).toBeNull();
      expect(process.touch(word, 'read')).toBe('SEGV_MAPERR');
    }
    process.verify();
    process.exit();
    machine.tearDown();
  });
});
