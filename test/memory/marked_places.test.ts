/** P2-5: the places that change VMAs mark what they change, before they do. */
import { beforeEach, describe, expect, it } from 'vitest';
import { NULL } from '../../src/engine/arena/ref.ts';
import { mmapReadLock, mmapReadUnlock } from '../../src/engine/mm/mmap_lock.ts';
import { findVma } from '../../src/engine/mm/vma_iterator.ts';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import type { Process } from '../../src/index.ts';
import { mmOf } from '../pictures.ts';

const PAGE = 4096;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const RW = PROT_READ | PROT_WRITE;
const AT = 0x200000000000;
const FAR = 0x210000000000;
const STACK = 0x220000000000;
const HEAP = 0x230000000000;

let machine: Machine;
let process: Process;

beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20 });
  process = machine.spawn();
  process.mmap(AT, 8 * PAGE, RW, FIXED, -1, 0);
  process.mmap(AT + 8 * PAGE, 4 * PAGE, PROT_READ, FIXED, -1, 0);
  process.mmap(STACK, 4 * PAGE, RW, FIXED | MAP_GROWSDOWN, -1, 0);
  process.setLayout({ startBrk: HEAP, brk: HEAP });
  process.brk(HEAP + PAGE);
  process.store(AT, 1);
});

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
];

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
