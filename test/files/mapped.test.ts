/** Files that are mapped: stores and calls see the same bytes, and truncation takes pages away. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  EPERM,
  F_SEAL_FUTURE_WRITE,
  FAULT_BUS_ADRERR,
  type FileSpec,
  MADV_REMOVE,
  Machine,
  MAP_PRIVATE,
  MAP_SHARED,
  MS_SYNC,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { made } from '../made.ts';

const P = 4096;
const RW = PROT_READ | PROT_WRITE;

let machine: Machine;
let process: Process;
beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20, ramBytes: 2 ** 21 });
  process = machine.spawn();
});
afterEach(() => {
  process.verify();
  process.exit();
  machine.tearDown();
});

/** A file of so many bytes of `x`, and its mapping. */
function mapped(
  kind: FileSpec['kind'],
  size: number,
  flags = MAP_SHARED,
): { fd: number; at: number } {
  const fd = machine.open({ kind, path: '/f', writable: true });
  if (kind === 'secretmem') machine.truncate(fd, size);
  else machine.pwrite(fd, new Uint8Array(size).fill(120), 0);
  const at = process.mmap(0, Math.ceil(size / P) * P, RW, flags, fd, 0);
  return { fd, at };
}

function byte(fd: number, position: number): number {
  const one = new Uint8Array(1);
  return machine.pread(fd, one, position) === 1 ? (one[0] ?? -1) : -1;
}

const rss = (): unknown => process.rss();

describe.each(['regular', 'shmem'] as const)('a shared mapping of a %s file', (kind) => {
  it('and calls see the same bytes', () => {
    const { fd, at } = mapped(kind, 2 * P);
    expect(process.load(at + P, 1)).toBe(120);
    process.store(at + P + 1, 65, 1);
    expect(byte(fd, P + 1)).toBe(65);
    machine.pwrite(fd, Uint8Array.of(66), P + 2);
    expect(process.load(at + P + 2, 1)).toBe(66);
  });

  it('loses what lies beyond the end, and finds zeroes when the file grows again', () => {
    const { fd, at } = mapped(kind, 3 * P);
    for (let page = 0; page < 3; page++) process.store(at + page * P, 7, 1);
    machine.truncate(fd, P + 1);
    expect([0, 1, 2].map((page) => process.load(at + page * P, 1))).toEqual([
      7,
      7,
      FAULT_BUS_ADRERR,
    ]);
    expect(process.store(at + 2 * P, 1, 1)).toBe(FAULT_BUS_ADRERR);
    machine.truncate(fd, 3 * P);
    expect(process.load(at + 2 * P, 1)).toBe(0);
  });

  it('shows zeroes behind the end in the last page, which may be stored to', () => {
    const { fd, at } = mapped(kind, 5000);
    expect(process.load(at + 5000, 1)).toBe(0);
    process.store(at + 5001, 84, 1);
    expect([process.load(at + 5001, 1), byte(fd, 5001)]).toEqual([84, -1]);
    machine.truncate(fd, 5000);
    expect(process.load(at + 5001, 1)).toBe(0);
  });

  it('is met again by a hole, and private copies stay', () => {
    const { fd, at } = mapped(kind, 3 * P);
    const copy = process.mmap(0, 3 * P, RW, MAP_PRIVATE, fd, 0);
    process.store(copy + P, 112, 1);
    process.load(copy, 1);
    for (let page = 0; page < 3; page++) process.store(at + page * P, 7, 1);
    machine.punchHole(fd, 0, 2 * P);
    expect([0, 1, 2].map((page) => process.load(at + page * P, 1))).toEqual([0, 0, 7]);
    expect([process.load(copy, 1), process.load(copy + P, 1)]).toEqual([0, 112]);
  });

  it('takes private copies along when it is cut', () => {
    const { fd } = mapped(kind, 2 * P);
    const copy = process.mmap(0, 2 * P, RW, MAP_PRIVATE, fd, 0);
    process.store(copy, 1, 1);
    process.store(copy + P, 2, 1);
    process.store(copy + P - 1, 3, 1);
    machine.truncate(fd, 100);
    expect(process.load(copy + P, 1)).toBe(FAULT_BUS_ADRERR);
    expect([process.load(copy, 1), process.load(copy + P - 1, 1)]).toEqual([1, 3]);
    machine.truncate(fd, 2 * P);
    expect(process.load(copy + P, 1)).toBe(0);
  });

  it('is punched by MADV_REMOVE', () => {
    const { fd, at } = mapped(kind, 4 * P);
    const part = process.mmap(0, 2 * P, RW, MAP_SHARED, fd, 2 * P);
    process.store(part, 9, 1);
    expect(process.madvise(part, P, MADV_REMOVE)).toBe(0);
    expect([0, 1, 2, 3].map((page) => process.load(at + page * P, 1))).toEqual([120, 120, 0, 120]);
  });

  it('of a child and a parent is one', () => {
    const { fd, at } = mapped(kind, P);
    process.store(at, 5, 1);
    const child = made(process.fork());
    expect(child.load(at, 1)).toBe(5);
    child.store(at, 6, 1);
    expect([process.load(at, 1), byte(fd, 0)]).toEqual([6, 6]);
    machine.truncate(fd, 0);
    expect([process.load(at, 1), child.load(at, 1)]).toEqual([FAULT_BUS_ADRERR, FAULT_BUS_ADRERR]);
    child.exit();
  });
});

describe('what was stored behind the end', () => {
  /** Stores at 5001 in a file of 5000 bytes, lets it grow, and looks. */
  function tail(kind: FileSpec['kind'], grow: (fd: number) => void): number {
    const { fd, at } = mapped(kind, 5000);
    process.store(at + 5001, 84, 1);
    grow(fd);
    return byte(fd, 5001);
  }

  it.each([
    ['truncation', (fd: number): unknown => machine.truncate(fd, 8192)],
    ['a write far away', (fd: number): unknown => machine.pwrite(fd, Uint8Array.of(1), 20_000)],
    ['a write near by', (fd: number): unknown => machine.pwrite(fd, Uint8Array.of(1), 5005)],
  ])('stays in a memfd that grows by %s, and goes on a disk', (_name, grow) => {
    expect(tail('shmem', grow)).toBe(84);
    expect(tail('regular', grow)).toBe(0);
  });

  it('goes with msync() on a disk', () => {
    for (const [kind, left] of [
      ['regular', 0],
      ['shmem', 84],
    ] as const) {
      const { at } = mapped(kind, 5000);
      process.store(at + 5001, 84, 1);
      expect(process.msync(at, 2 * P, MS_SYNC)).toBe(0);
      expect(process.load(at + 5001, 1)).toBe(left);
    }
  });
});

describe('secret memory', () => {
  it('is seen through mappings only, and counts as file pages', () => {
    const { fd, at } = mapped('secretmem', 2 * P);
    process.store(at, 5, 1);
    const again = process.mmap(0, P, PROT_READ, MAP_SHARED, fd, 0);
    expect(process.load(again, 1)).toBe(5);
    expect(machine.pread(fd, new Uint8Array(1), 0)).toBeLessThan(0);
    expect(rss()).toMatchObject({ file: 2, shmem: 0 });
  });
});

it('F_SEAL_FUTURE_WRITE lets an old mapping write, and refuses MADV_REMOVE', () => {
  const { fd, at } = mapped('shmem', P);
  process.store(at, 1, 1);
  expect(machine.addSeals(fd, F_SEAL_FUTURE_WRITE)).toBe(0);
  expect(process.store(at, 2, 1)).toBe(0);
  expect(process.madvise(at, P, MADV_REMOVE)).toBe(EPERM);
  expect(byte(fd, 0)).toBe(2);
});

it('a fault without a frame is out of memory, and nothing is lost', () => {
  const { at } = mapped('shmem', P);
  machine.failAllocations('xa_node', 0, -1);
  const fd = machine.open({ kind: 'shmem', path: '/g', size: P, writable: true });
  const other = process.mmap(0, P, RW, MAP_SHARED, fd, 0);
  expect(process.store(other, 1, 1)).toBeLessThan(0);
  machine.failAllocations('xa_node', 0, 0);
  expect(process.store(other, 1, 1)).toBe(0);
  expect(process.load(at, 1)).toBe(120);
});
