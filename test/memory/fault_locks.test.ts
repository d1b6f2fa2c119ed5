/** Under which lock a fault runs: by kind, who makes it, and what is counted. */
import type * as atomics from '#atomics';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { claimCpu, type Cpu, releaseCpu } from '../../src/engine/arena/cpu.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../../src/engine/mm/mmap_lock.ts';
import {
  type CounterName,
  Machine,
  MADV_POPULATE_WRITE,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { asCpu } from '../cpus.ts';
import { made } from '../made.ts';
import { mmOf } from '../pictures.ts';

/** What another worker does as soon as this one sleeps. */
const sleeper = vi.hoisted(() => ({ wakes: null as (() => void) | null }));

vi.mock('#atomics', async (original) => {
  const real = await original<typeof atomics>();
  const wait: typeof real.wait = (at, value) => {
    const { wakes } = sleeper;
    sleeper.wakes = null;
    if (wakes === null) real.wait(at, value);
    else wakes();
  };
  return { ...real, wait };
});

const AT = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const page = (n: number): number => AT + n * PAGE_SIZE;

let machine: Machine;
let process: Process;
let children: Process[];

beforeEach(() => {
  machine = Machine.create({ bytes: 4 * 2 ** 20 });
  process = machine.spawn();
  children = [];
});

afterEach(() => {
  process.verify();
  for (const each of [process, ...children]) each.exit();
  machine.tearDown();
});

type Counts = Readonly<Partial<Record<CounterName, number>>>;
const NAMES = [
  'vma_lock_success',
  'vma_lock_retry',
  'vma_lock_abort',
  'mmap_read_lock',
  'mmap_write_lock',
] as const;

/** What `act` moved. */
function counted(act: () => void): Counts {
  const before = machine.report().counters;
  act();
  const after = machine.report().counters;
  const moved = NAMES.map((name) => [name, after[name] - before[name]] as const);
  return Object.fromEntries(moved.filter(([, times]) => times > 0));
}

const anonymous = (pages: number, more = 0): number =>
  process.mmap(AT, pages * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | more, -1, 0);

function file(flags: number, prot = RW): void {
  const fd = machine.open({ kind: 'regular', path: '/f', size: 8 * PAGE_SIZE, writable: true });
  process.mmap(AT, 8 * PAGE_SIZE, prot, flags | MAP_FIXED, fd, 0);
}

/** The kinds that came under the VMA lock one after the other, from 6.4 to 6.6: all of them here. */
const KINDS: readonly (readonly [kind: string, prepare: () => void, access: () => number])[] = [
  [
    'a store to anonymous memory',
    () => void [anonymous(2), process.store(page(0), 1)],
    () => process.store(page(1), 1),
  ],
  ['a load of anonymous memory', () => anonymous(2), () => process.load(page(1))],
  [
    'a store to the zero page',
    () => void [anonymous(2), process.store(page(0), 1), process.load(page(1))],
    () => process.store(page(1), 1),
  ],
  [
    'a copy after fork',
    () => {
      anonymous(2);
      process.store(page(0), 1);
      children.push(made(process.fork()));
    },
    () => process.store(page(0), 2),
  ],
  ['a load of a file', () => file(MAP_PRIVATE), () => process.load(page(3))],
  ['a store to a shared file', () => file(MAP_SHARED), () => process.store(page(3), 1)],
  [
    'a store to a shared page that was read',
    () => void [file(MAP_SHARED), process.load(page(3))],
    () => process.store(page(3), 1),
  ],
  [
    'a store to a private page of a file',
    () => void [file(MAP_PRIVATE), process.store(page(0), 1)],
    () => process.store(page(3), 1),
  ],
];

describe('a fault of a program', () => {
  it.each(KINDS)('P2-12 S2-1 %s needs the VMA lock only', (_, prepare, access) => {
    prepare();
    expect(counted(() => expect(access()).toBeGreaterThanOrEqual(0))).toEqual({
      vma_lock_success: 1,
    });
  });

  it('P2-8 P2-9 makes the first anon_vma under both locks, and never needs mmap_lock again', () => {
    anonymous(3);
    const first = counted(() => process.store(page(0), 1));
    expect(first).toEqual({ vma_lock_success: 1, mmap_read_lock: 1 });
    for (const n of [1, 2]) {
      expect(counted(() => process.store(page(n), 1))).toEqual({ vma_lock_success: 1 });
    }
  });

  it('P2-9 P2-14 that does not get mmap_lock as well is repeated under it', () => {
    anonymous(1);
    const writer = claimCpu() as Cpu;
    const held = asCpu(writer, () => mmapWriteLock(mmOf(process)));
    sleeper.wakes = () => void asCpu(writer, () => mmapWriteUnlock(held));
    const seen = counted(() => expect(process.store(page(0), 1)).toBe(0));
    expect(seen).toEqual({ vma_lock_retry: 1, mmap_read_lock: 1 });
    expect(sleeper.wakes, 'it has waited for the writer').toBe(null);
    releaseCpu(writer);
  });

  it('P2-14 S2-15 success, retry and abort are all the lookups', () => {
    anonymous(64);
    const all = counted(() => {
      for (let n = 0; n < 64; n++) process.touch(page(n), n % 3 === 0 ? 'read' : 'write');
      for (let n = 100; n < 110; n++) process.load(page(n));
    });
    const of = (name: CounterName): number => all[name] ?? 0;
    expect(of('vma_lock_success') + of('vma_lock_retry') + of('vma_lock_abort')).toBe(74);
    expect(of('vma_lock_abort'), 'where nothing is mapped').toBe(10);
  });
});

it('P2-10 what the kernel itself brings in is brought in under mmap_lock', () => {
  const mapped = counted(() => void anonymous(8, MAP_POPULATE));
  const advised = counted(() => process.madvise(AT, 8 * PAGE_SIZE, MADV_POPULATE_WRITE));
  const locked = counted(() => process.mlock(AT, 8 * PAGE_SIZE));
  for (const each of [mapped, advised, locked]) {
    expect(each['mmap_read_lock']).toBeGreaterThan(0);
    expect(Object.keys(each).filter((name) => name.startsWith('vma_lock'))).toEqual([]);
  }
});
