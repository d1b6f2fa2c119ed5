import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  EINVAL,
  ENOMEM,
  hasFlag,
  MADV_RANDOM,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  type Process,
  VM_LOCKED,
  VM_RAND_READ,
} from '../../src/index.ts';

const BASE = 0x200000000000;
let machine: Machine;
let process: Process;

beforeEach(() => {
  machine = Machine.create({ bytes: 4 * 2 ** 20 });
  process = machine.spawn();
  process.setLayout({ startBrk: BASE + 2 ** 30, brk: BASE + 2 ** 30 });
  process.mmap(BASE, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
});

afterEach(() => {
  process.verify();
  process.exit();
  machine.tearDown();
});

// The end wrapped to 0, and the tree was told to store a range that ends before it begins.
it('brk to the last byte of all is refused', () => {
  expect(process.brk(2n ** 64n - 1n)).toBe(BASE + 2 ** 30);
});

// The end was negative, so nothing was looked at and the result was OK.
it('mlock of 2^63 bytes locks what is there, and says ENOMEM', () => {
  expect(process.mlock(BASE, 2n ** 63n)).toBe(ENOMEM);
  expect(process.vmas().every(({ flags }) => hasFlag(flags, VM_LOCKED))).toBe(true);
});

// Of a large bigint only its size and alignment were kept, though an int is its low bits.
it('an int is the low 32 bits of its word', () => {
  expect(process.madvise(BASE, 8192, 2n ** 63n + BigInt(MADV_RANDOM))).toBe(0);
  expect(process.vmas().every(({ flags }) => hasFlag(flags, VM_RAND_READ))).toBe(true);
});

// The flags of mremap are an unsigned long: what is above them is unknown too.
it('mremap knows no flag above bit 31', () => {
  expect(process.mremap(BASE, 8192, 4096, 2 ** 32)).toBe(EINVAL);
});

// These reached the tree, which threw: inside a read section, which then never ended.
it('no look-up finds what is no address, and the next one works', () => {
  for (const addr of [Number.NaN, -4096, 2 ** 60, 0.5 - 1]) expect(process.find(addr)).toBe(null);
  expect(process.find(BASE)?.start).toBe(BASE);
});

// NaN is neither below nor above anything, and 0.5 has the low bits of 0.
it('a program is not started with VMAs at what is no address', () => {
  for (const start of [Number.NaN, 0.5]) {
    const vma = { start, end: 4096, flags: VM_LOCKED };
    expect(process.exec({ vmas: [vma], layout: {} })).toBe(EINVAL);
  }
});
