/** The order in which an unmapping and a replacement do what they do, as the tracepoints tell it. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  type EventName,
  F_SEAL_SHRINK,
  FAULT_BUS_ADRERR,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { made } from '../made.ts';
import { traced } from '../traced.ts';

const AT = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const EVENTS: readonly EventName[] = [
  'vma_start_write',
  'tree_store',
  'zap_range',
  'free_pgtables',
  'tlb_flush',
  'vma_close',
  'vm_area_free',
  'mmap_lock_acquire_returned',
  'mmap_lock_released',
];

let machine: Machine;
let process: Process;
let memfd: number;

beforeEach(() => {
  machine = Machine.create();
  process = machine.spawn();
  memfd = machine.open({ kind: 'shmem', path: '/memfd:x', size: 8 * PAGE_SIZE, writable: true });
});

afterEach(() => {
  process.verify();
  process.exit();
  machine.tearDown();
});

const mapFile = (): number => process.mmap(AT, 4 * PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, memfd, 0);

/** The events of one call, in order, without those of before. */
const eventsOf = (call: () => unknown): string[] =>
  traced(machine, EVENTS, call).map(({ event, arg }) =>
    event === 'mmap_lock_acquire_returned' ? `locked ${arg}` : event,
  );

it('S0-8 munmap: the store first, then under the read lock the pages, the driver, the memory', () => {
  mapFile();
  process.store(AT, 1);
  expect(eventsOf(() => process.munmap(AT, 4 * PAGE_SIZE))).toEqual([
    'locked 1',
    'vma_start_write',
    'tree_store',
    'locked 0', // downgraded
    'zap_range',
    'free_pgtables',
    'tlb_flush',
    'vma_close',
    'vm_area_free',
    'mmap_lock_released',
  ]);
});

it('S0-22 S0-23 MAP_FIXED: pages and driver of the old one go before the new one is stored', () => {
  mapFile();
  process.store(AT, 1);
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  const events = eventsOf(() => process.mmap(AT, 4 * PAGE_SIZE, RW, flags, -1, 0));
  expect(events.filter((event) => event !== 'vma_start_write')).toEqual([
    'locked 1',
    'zap_range',
    'free_pgtables',
    'tlb_flush',
    'vma_close',
    'tree_store',
    'vm_area_free',
    'mmap_lock_released',
  ]);
  expect(process.load(AT), 'nothing of the old mapping shows').toBe(0);
});

it('S0-23 a file that shrinks takes its pages from every mapping, private copies too', () => {
  mapFile();
  const there = AT + 16 * PAGE_SIZE;
  process.mmap(there, 4 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, memfd, 0);
  for (let page = 0; page < 4; page++) {
    process.store(AT + page * PAGE_SIZE, 7);
    process.store(there + page * PAGE_SIZE, 8);
  }
  const child = made(process.fork());
  expect(machine.truncate(memfd, 2 * PAGE_SIZE)).toBe(0);
  for (const each of [process, child]) {
    expect(each.load(AT + PAGE_SIZE)).toBe(7);
    expect(each.load(there + PAGE_SIZE)).toBe(8);
    expect(each.load(AT + 2 * PAGE_SIZE)).toBe(FAULT_BUS_ADRERR);
    expect(each.store(there + 3 * PAGE_SIZE, 1)).toBe(FAULT_BUS_ADRERR);
    each.verify();
  }
  child.exit();
  machine.truncate(memfd, 8 * PAGE_SIZE);
  expect(process.load(AT + 2 * PAGE_SIZE), 'and what comes back is zero').toBe(0);
});

it('a file that is sealed against shrinking keeps its pages', () => {
  mapFile();
  process.store(AT + 3 * PAGE_SIZE, 5);
  expect(machine.addSeals(memfd, F_SEAL_SHRINK)).toBe(0);
  expect(machine.truncate(memfd, PAGE_SIZE)).toBe(-1);
  expect(process.load(AT + 3 * PAGE_SIZE)).toBe(5);
});
