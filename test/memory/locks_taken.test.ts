/** Which locks calls take, and which they do not: as the kernel's tracepoints showed. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  EINVAL,
  type EventName,
  FAULT_SEGV_MAPERR,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { traced } from '../traced.ts';

const AT = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const LOCKS: readonly EventName[] = [
  'mmap_lock_start_locking',
  'mmap_lock_acquire_returned',
  'mmap_lock_released',
];
const SHORT: Readonly<Partial<Record<EventName, string>>> = {
  mmap_lock_start_locking: 'start',
  mmap_lock_acquire_returned: 'got',
  mmap_lock_released: 'released',
};
const READ = ['start read', 'got read', 'released read'];

let machine: Machine;
let process: Process;

beforeEach(() => {
  machine = Machine.create();
  process = machine.spawn();
});

afterEach(() => {
  process.verify();
  process.exit();
  machine.tearDown();
});

const locksOf = (call: () => unknown): string[] =>
  traced(machine, LOCKS, call).map(
    ({ event, arg }) => `${SHORT[event]} ${arg === 1 ? 'write' : 'read'}`,
  );

it('munmap() of nothing lets go of the write lock, and never reads', () => {
  expect(locksOf(() => expect(process.munmap(AT, PAGE_SIZE)).toBe(0))).toEqual([
    'start write',
    'got write',
    'released write',
  ]);
});

it('a fault where nothing is, and nothing grows down to, takes no write lock', () => {
  expect(locksOf(() => expect(process.load(AT)).toBe(FAULT_SEGV_MAPERR))).toEqual(READ);
});

it('P2-15 a fault below a stack takes the write lock to grow it', () => {
  process.mmap(AT, PAGE_SIZE, RW, ANON | MAP_GROWSDOWN, -1, 0);
  expect(locksOf(() => process.store(AT - PAGE_SIZE, 1)).slice(0, 6)).toEqual([
    ...READ,
    'start write',
    'got write',
    'got read',
  ]);
});

it('mremap() refuses words that are wrong without a lock', () => {
  process.mmap(AT, PAGE_SIZE, RW, ANON, -1, 0);
  const call = () => expect(process.mremap(AT, PAGE_SIZE, PAGE_SIZE, 8, 0)).toBe(EINVAL);
  expect(locksOf(call)).toEqual([]);
});

it('PR_SET_MDWE takes no lock', () => {
  expect(locksOf(() => expect(process.setMdwe(1)).toBe(0))).toEqual([]);
});

it('the first store to anonymous memory tries for the lock, and tells of it', () => {
  process.mmap(AT, 2 * PAGE_SIZE, RW, ANON, -1, 0);
  expect(locksOf(() => process.store(AT, 1))).toEqual(READ);
  expect(locksOf(() => process.store(AT + PAGE_SIZE, 1))).toEqual([]);
});
