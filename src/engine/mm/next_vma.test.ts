import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asAnother } from '../../../test/cpus.ts';
import { mmOf } from '../../../test/pictures.ts';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../index.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { rcuReadLockHeld } from '../rcu/rcu.ts';
import type { Vma } from './held.ts';
import { mmLockSeqAt, mmMmapLockAt } from './mm_struct.ts';
import { lockNextVma, type NextVma, nextVma, unlockNextVma } from './next_vma.ts';
import { mmapLockSpeculateRetry, mmapLockSpeculateTryBegin, NO_SPECULATION } from './speculate.ts';
import { isHeld, isWriteHeld } from '../sync/rwsem.ts';
import { vmEnd, vmLockSeqAt, vmRefcntAt, vmStart } from './vma_struct.ts';

const BASE = 0x200000000000;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const RW = PROT_READ | PROT_WRITE;
const at = (page: number): number => BASE + page * PAGE_SIZE;

let machine: Machine;
let process: Process;
let next: NextVma;

beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20 });
  process = machine.spawn();
  for (const page of [0, 4, 8, 12]) map(page, 2, page % 8 === 0 ? RW : PROT_READ);
  next = nextVma(mmOf(process), BASE);
});

afterEach(() => {
  unlockNextVma(next);
  process.verify();
  process.exit();
  machine.tearDown();
});

const map = (page: number, pages: number, prot: number): number =>
  process.mmap(at(page), pages * PAGE_SIZE, prot, ANON, -1, 0);
const unmap = (page: number, pages: number): number => process.munmap(at(page), pages * PAGE_SIZE);

/** "4-6", in pages, of what the walk goes to; "end". */
function step(): string {
  const vma = lockNextVma(next);
  return vma === NULL
    ? 'end'
    : `${(vmStart(vma) - BASE) / PAGE_SIZE}-${(vmEnd(vma) - BASE) / PAGE_SIZE}`;
}

/** Lets go, as a reader does before it sleeps, and has somebody change something. */
function meanwhile(change: () => unknown): void {
  unlockNextVma(next);
  change();
}

const readers = (vma: Vma): number => word(vmRefcntAt(vma)) - 1;

describe('lockNextVma()', () => {
  it('X-15 holds one VMA after the other, and neither mmap_lock nor an RCU section', () => {
    const first = lockNextVma(next) as Vma;
    expect([readers(first), rcuReadLockHeld(), next.reader]).toEqual([1, false, null]);
    expect(isHeld(mmMmapLockAt(mmOf(process)))).toBe(false);
    const second = lockNextVma(next) as Vma;
    expect([readers(first), readers(second)]).toEqual([0, 1]);
    unlockNextVma(next);
    expect(readers(second)).toBe(0);
  });

  it('X-15 a writer of another VMA goes on meanwhile', () => {
    expect(step()).toBe('0-2');
    expect(asAnother(() => process.mprotect(at(4), 2 * PAGE_SIZE, PROT_NONE))).toBe(0);
    expect(asAnother(() => unmap(8, 2))).toBe(0);
    expect([step(), step(), step()]).toEqual(['4-6', '12-14', 'end']);
  });

  it('goes on where it was when VMAs merge over its place, and never back', () => {
    expect([step(), step()]).toEqual(['0-2', '4-6']);
    meanwhile(() => map(0, 16, RW));
    expect([step(), step()]).toEqual(['0-16', 'end']);
    expect(next.at).toBe(at(16));
  });

  it('S0-1 what has been merged with what was passed is given whole: no tail is missed', () => {
    map(0, 2, RW);
    map(2, 4, PROT_READ);
    map(6, 2, RW);
    expect([step(), step()]).toEqual(['0-2', '2-6']);
    meanwhile(() => process.mprotect(at(2), 4 * PAGE_SIZE, RW));
    expect(step()).toBe('0-10');
  });

  it('sees what was mapped in a gap that it has not passed', () => {
    expect(step()).toBe('0-2');
    meanwhile(() => map(2, 1, PROT_NONE));
    expect([step(), step()]).toEqual(['2-3', '4-6']);
  });

  it('gives the rest of a VMA that was cut behind its place', () => {
    map(0, 8, PROT_NONE);
    expect(step()).toBe('0-8');
    meanwhile(() => map(2, 12, PROT_READ));
    expect([step(), step()]).toEqual(['2-14', 'end']);
  });

  it('ends where the tree has become empty, and again when asked again', () => {
    expect(step()).toBe('0-2');
    meanwhile(() => unmap(0, 16));
    expect([step(), step()]).toEqual(['end', 'end']);
  });

  it('takes mmap_lock for a VMA that looks write-locked, and gives it back', () => {
    const first = lockNextVma(next) as Vma;
    unlockNextVma(next);
    next = nextVma(mmOf(process), BASE);
    setWord(vmLockSeqAt(first), word(mmLockSeqAt(mmOf(process))));
    expect(step()).toBe('0-2');
    expect(readers(first)).toBe(1);
    expect(next.reader).toBeNull();
    expect(isHeld(mmMmapLockAt(mmOf(process)))).toBe(false);
  });

  it('keeps mmap_lock where a VMA has too many readers, until the next step', () => {
    const first = lockNextVma(next) as Vma;
    unlockNextVma(next);
    next = nextVma(mmOf(process), BASE);
    setWord(vmRefcntAt(first), 0x3fffffff);
    const was = [step(), next.reader !== null, step(), next.reader !== null];
    setWord(vmRefcntAt(first), 1); // else its end would be waited for without end
    expect(was).toEqual(['0-2', true, '4-6', false]);
    expect(isHeld(mmMmapLockAt(mmOf(process)))).toBe(false);
  });
});

describe('speculation', () => {
  it('holds as long as nobody writes', () => {
    const mm = mmOf(process);
    const seq = mmapLockSpeculateTryBegin(mm);
    expect(mmapLockSpeculateRetry(mm, seq)).toBe(false);
    process.maps();
    expect(mmapLockSpeculateRetry(mm, seq)).toBe(false);
    map(20, 1, RW);
    expect(mmapLockSpeculateRetry(mm, seq)).toBe(true);
  });

  it('is not begun while somebody writes', () => {
    const mm = mmOf(process);
    const seq = word(mmLockSeqAt(mm));
    setWord(mmLockSeqAt(mm), seq + 1);
    expect(isWriteHeld(mmMmapLockAt(mm))).toBe(false);
    expect(mmapLockSpeculateTryBegin(mm)).toBe(NO_SPECULATION);
    expect(mmapLockSpeculateRetry(mm, NO_SPECULATION)).toBe(true);
    setWord(mmLockSeqAt(mm), seq);
  });
});
