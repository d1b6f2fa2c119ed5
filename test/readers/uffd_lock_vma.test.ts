/** Filling memory that a userfaultfd watches takes mmap_lock only where the VMA's lock cannot do. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ENOENT,
  ESRCH,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  O_CLOEXEC,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../src/index.ts';
import { made } from '../made.ts';
import { traced } from '../traced.ts';

const BASE = 0x200000000000;
const SOURCE = BASE + 64 * PAGE_SIZE;
const LEN = 8 * PAGE_SIZE;
const RW = PROT_READ | PROT_WRITE;

let machine: Machine;
let process: Process;
let fd: number;

beforeEach(() => {
  machine = Machine.create();
  process = machine.spawn();
  process.mmap(SOURCE, LEN, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  process.touchRange(SOURCE, LEN, 'write');
  fd = process.userfaultfd(O_CLOEXEC);
  process.uffdApi(fd, 0);
});

afterEach(() => {
  process.verify();
  machine.close(fd);
  process.exit();
  machine.tearDown();
});

function watch(share: number): void {
  process.mmap(BASE, LEN, RW, share | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  expect(process.uffdRegister(fd, BASE, LEN, UFFDIO_REGISTER_MODE_MISSING)).toBe(0);
}

/** How often a call took mmap_lock. */
const locksOf = (call: () => unknown): number =>
  traced(machine, ['mmap_lock_start_locking'], call).length;

describe('UFFDIO_COPY and UFFDIO_ZEROPAGE', () => {
  it('P2-11 of private memory: mmap_lock once, for its first anon_vma', () => {
    watch(MAP_PRIVATE);
    const copy = (): number => process.uffdCopy(fd, BASE, SOURCE, 4 * PAGE_SIZE);
    expect(locksOf(() => expect(copy()).toBe(4 * PAGE_SIZE))).toBe(1);
    const rest = BASE + 4 * PAGE_SIZE;
    const more = (): number => process.uffdCopy(fd, rest, SOURCE, 2 * PAGE_SIZE);
    expect(locksOf(() => expect(more()).toBe(2 * PAGE_SIZE))).toBe(0);
    const zero = (): number => process.uffdZeropage(fd, BASE + 6 * PAGE_SIZE, 2 * PAGE_SIZE);
    expect(locksOf(() => expect(zero()).toBe(2 * PAGE_SIZE))).toBe(0);
  });

  it('P2-11 of shared memory: never', () => {
    watch(MAP_SHARED);
    const copy = (): number => process.uffdCopy(fd, BASE, SOURCE, 4 * PAGE_SIZE);
    expect(locksOf(() => expect(copy()).toBe(4 * PAGE_SIZE))).toBe(0);
    const zero = (): number => process.uffdZeropage(fd, BASE + 4 * PAGE_SIZE, 4 * PAGE_SIZE);
    expect(locksOf(() => expect(zero()).toBe(4 * PAGE_SIZE))).toBe(0);
  });

  it('P2-11 a hole is looked at again under mmap_lock', () => {
    expect(locksOf(() => expect(process.uffdZeropage(fd, BASE, PAGE_SIZE)).toBe(ENOENT))).toBe(1);
  });

  it('P2-11 an address space that is gone is not filled', () => {
    watch(MAP_PRIVATE);
    const other = made(process.fork());
    const own = other.userfaultfd(O_CLOEXEC);
    other.uffdApi(own, 0);
    other.exit();
    expect(process.uffdZeropage(own, BASE, PAGE_SIZE)).toBe(ESRCH);
    expect(process.uffdCopy(own, BASE, SOURCE, PAGE_SIZE)).toBe(ESRCH);
    machine.close(own);
    process.wait();
  });
});
