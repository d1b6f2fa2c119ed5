/**
 * A legacy mmap(MAP_FIXED) that found no memory to prepare for a hole gave its own, new VMA back
 * with all pages of the range: those of the mapping that stayed. The sweep found it.
 */
import { describe, expect, it } from 'vitest';
import {
  ENOMEM,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const AT = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;

describe('a legacy mmap over something', () => {
  it('loses no page of what stays', () => {
    const machine = Machine.create({ bytes: 4 * 2 ** 20, protocol: { mmapHook: 'legacy' } });
    const process = machine.spawn();
    const fd = machine.open({ kind: 'regular', path: '/f', size: 8 * 4096 });
    process.mmap(AT, 8 * 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (let i = 0; i < 8; i++) process.store(AT + i * 4096, i + 1);
    process.mprotect(AT + 3 * 4096, 4096, PROT_READ);
    const before = machine.save();
    let kept = 0;
    for (let after = 0; ; after++) {
      machine.restore(before);
      machine.failAllocations({ after });
      const result = process.mmap(AT + 8192, 3 * 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
      machine.failAllocations({ count: 0 });
      if (result > 0) break;
      expect(result).toBe(ENOMEM);
      if (process.find(AT + 8192) === null) continue; // a hole, as decision 8 says
      const words = Array.from({ length: 8 }, (_, i) => process.load(AT + i * 4096));
      expect(words, `after ${after} allocations`).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      kept++;
    }
    expect(kept).toBeGreaterThan(3);
    process.exit();
    machine.tearDown();
  });
});
