/**
 * P2-5: the places that change VMAs mark what they change, before they do: each is traced, and each
 * waits for a reader who is inside.
 */
import type * as atomics from '#atomics';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { claimCpu, type Cpu } from '../../src/engine/arena/cpu.ts';
import { NULL } from '../../src/engine/arena/ref.ts';
import { mmapReadLock, mmapReadUnlock } from '../../src/engine/mm/mmap_lock.ts';
import { findVma, lockVmaUnderRcu } from '../../src/engine/mm/vma_iterator.ts';
import { vmaEndRead } from '../../src/engine/mm/vma_lock.ts';
import {
  Machine,
  MADV_GUARD_INSTALL,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../src/index.ts';
import type { Process, Protocol } from '../../src/index.ts';
import { asCpu } from '../cpus.ts';
import { mmOf } from '../pictures.ts';

/** What the reader does as soon as somebody sleeps: until then it stays inside. */
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

const PAGE = 4096;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const RW = PROT_READ | PROT_WRITE;
const AT = 0x200000000000;
const FAR = 0x210000000000;
const STACK = 0x220000000000;
const HEAP = 0x230000000000;

let machine: Machine;
let process: Process;

beforeEach(() => begin());

function begin(protocol: Partial<Protocol> = {}): void {
  machine = Machine.create({ bytes: 4 * 2 ** 20, protocol });
  process = machine.spawn();
  process.mmap(AT, 8 * PAGE, RW, FIXED, -1, 0);
  process.mmap(AT + 8 * PAGE, 4 * PAGE, PROT_READ, FIXED, -1, 0);
  process.mmap(STACK, 4 * PAGE, RW, FIXED | MAP_GROWSDOWN, -1, 0);
  process.setLayout({ startBrk: HEAP, brk: HEAP });
  process.brk(HEAP + PAGE);
  process.store(AT, 1);
}

function vmaAt(addr: number): number {
  const reader = mmapReadLock(mmOf(process));
  const vma = findVma(reader, addr);
  mmapReadUnlock(reader);
  if (vma === NULL) throw new Error('no VMA');
  return vma;
}

/** What each of them changes, by an address in it, and how. */
const PLACES: readonly (readonly [string, readonly number[], () => unknown])[] = [
  ['a merge with what is before', [AT], () => process.mprotect(AT + 8 * PAGE, 4 * PAGE, RW)],
  ['a split', [AT], () => process.mprotect(AT + 2 * PAGE, PAGE, PROT_READ)],
  ['an expansion', [AT], () => process.mmap(AT - PAGE, PAGE, RW, FIXED, -1, 0)],
  ['brk', [HEAP], () => process.brk(HEAP + 3 * PAGE)],
  ['cutting a front', [AT], () => process.munmap(AT, PAGE)],
  ['removal', [AT, AT + 8 * PAGE], () => process.munmap(AT, 12 * PAGE)],
  ['replacement', [AT], () => process.mmap(AT, 8 * PAGE, PROT_READ, FIXED, -1, 0)],
  ['mremap that shrinks', [AT], () => process.mremap(AT, 8 * PAGE, 4 * PAGE, 0)],
  ['mremap that moves', [AT], () => process.mremap(AT, 8 * PAGE, 8 * PAGE, 3, FAR)],
  ['growth of a stack', [STACK], () => process.store(STACK - PAGE, 1)],
  ['a fork', [AT, AT + 8 * PAGE, STACK, HEAP], () => process.fork()],
  ['mlock', [AT], () => process.mlock(AT, 8 * PAGE)],
  ['madvise of flags', [AT], () => process.madvise(AT, 8 * PAGE, 16)],
  ['guards', [AT], () => process.madvise(AT, PAGE, MADV_GUARD_INSTALL)],
  ['naming', [AT], () => process.setAnonName(AT, 8 * PAGE, 'name')],
  ['mseal', [AT], () => process.mseal(AT, 8 * PAGE, 0)],
  ['mbind', [AT], () => process.mbind(AT, 8 * PAGE, 2, 1, 0)],
  ['mlockall', [AT, AT + 8 * PAGE, STACK, HEAP], () => process.mlockall(1)],
  ['watching with a userfaultfd', [AT], watchMemory],
];

function watchMemory(): void {
  const fd = process.userfaultfd(1);
  process.uffdApi(fd, 0);
  expect(process.uffdRegister(fd, AT, 8 * PAGE, UFFDIO_REGISTER_MODE_MISSING)).toBe(0);
}

/** Where it is, and each VMA that it changes. */
const SITES = PLACES.flatMap(([name, addrs, act]) =>
  addrs.map((addr, i) => [`${name}, VMA ${i + 1}`, addr, act] as const),
);

describe.each(['refcnt', 'typesafe', 'rwsem'] as const)('%s', (vmaLock) => {
  it.each(SITES)('P2-5 S0-21 S2-9 S2-32 S2-41 waits for a reader: %s', (_, addr, act) => {
    begin({ vmaLock });
    const reader = claimCpu() as Cpu;
    const vma = asCpu(reader, () => lockVmaUnderRcu(mmOf(process), addr));
    if (vma === null) throw new Error('nobody is there');
    sleeper.wakes = () => asCpu(reader, () => vmaEndRead(vma));
    act();
    expect(sleeper.wakes, 'it has waited').toBe(null);
    process.verify();
  });
});

describe('P2-5 write-locks', () => {
  it.each(PLACES)('%s', (_name, addrs, act) => {
    const vmas = addrs.map(vmaAt);
    machine.trace(['vma_start_write']);
    act();
    machine.trace([]);
    const marked = new Set(machine.readTrace().map(({ arg }) => arg));
    expect(vmas.filter((vma) => !marked.has(vma))).toEqual([]);
    process.verify();
  });

  it('a new mapping before others can find it', () => {
    machine.trace(['vma_start_write', 'tree_store']);
    process.mmap(FAR, PAGE, RW, FIXED, -1, 0);
    machine.trace([]);
    const events = machine.readTrace().map(({ event }) => event);
    expect(events).toEqual(['vma_start_write', 'tree_store']);
  });

  it('nothing for what only reads', () => {
    machine.trace(['vma_start_write']);
    process.load(AT);
    process.maps();
    process.madvise(AT, PAGE, 4);
    machine.trace([]);
    expect(machine.readTrace()).toEqual([]);
  });
});
