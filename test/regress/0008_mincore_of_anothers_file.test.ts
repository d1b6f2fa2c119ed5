/**
 * mincore(2) tells a process that may not write a file, and does not own it, that all of it is in
 * memory. The fuzzer found it, as a user without rights, with root's file.
 */
import { expect, it } from 'vitest';
import { I_OWNED, Machine, MAP_SHARED, PROT_READ } from '../../src/index.ts';

it("another user's file is in memory as a whole, for who lacks CAP_FOWNER", () => {
  const machine = Machine.create({ bytes: 4 * 2 ** 20 });
  const process = machine.spawn();
  const file = { kind: 'regular', path: '/f', size: 4096 * 2 } as const;
  const present = (fd: number): number[] => {
    const vec = new Uint8Array(2);
    const addr = process.mmap(0, 8192, PROT_READ, MAP_SHARED, fd, 0);
    expect(process.mincore(addr, 8192, vec)).toBe(0);
    return [...vec];
  };
  const owned = machine.open({ ...file, flags: I_OWNED });
  const open = machine.open(file);
  expect(present(owned)).toEqual([0, 0]);
  process.setCapabilities(0);
  expect(present(owned)).toEqual([1, 1]);
  expect(present(open)).toEqual([0, 0]);
  process.exit();
  machine.close(owned);
  machine.close(open);
  machine.tearDown();
});
