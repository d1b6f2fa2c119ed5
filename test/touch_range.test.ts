/** touchRange(): what a load or a store meets on each page, and what it leaves on the VMA. */
import { expect, it } from 'vitest';
import {
  MADV_GUARD_INSTALL,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
} from '../src/index.ts';

const P = 4096;
const START = 0x200000000000;
const FLAGS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

it('says page by page what an access meets, and a first write gives the VMA its anon_vma', () => {
  const machine = Machine.create();
  const process = machine.spawn();
  process.mmap(START, 2 * P, PROT_READ | PROT_WRITE, FLAGS, -1, 0);
  process.mmap(START + 2 * P, P, PROT_READ, FLAGS, -1, 0);
  process.madvise(START + P, P, MADV_GUARD_INSTALL);

  expect(process.touchRange(START + 100, 3 * P, 'read')).toEqual([
    'done',
    'SEGV_MAPERR',
    'done',
    'SEGV_MAPERR',
  ]);
  expect(process.find(START + 2 * P)?.anonVma).toBe(0);
  expect(process.touchRange(START, 3 * P, 'write')).toEqual(['done', 'SEGV_MAPERR', 'SEGV_ACCERR']);
  expect(process.find(START)?.anonVma).not.toBe(0);
  expect(process.touchRange(START, 0, 'write')).toEqual([]);
  expect(() => process.touchRange(START, 2 ** 40, 'read')).toThrow(RangeError);
  process.exit();
  machine.tearDown();
});
