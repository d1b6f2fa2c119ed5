/** findVmaRcu(): the first VMA that ends after an address, while nobody may be waited for. */
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
  PROT_READ,
} from '../../index.ts';
import { NULL } from '../arena/ref.ts';
import { rcuReadLock, rcuReadUnlock } from '../rcu/rcu.ts';
import { mmapWriteLock, mmapWriteUnlock } from './mmap_lock.ts';
import { findVmaRcu } from './vma_iterator.ts';
import { VMA_DETACHED, VMA_LOCKED, vmaEndRead, vmaStartRead } from './vma_lock.ts';
import { vmStart } from './vma_struct.ts';

const BASE = 0x200000000000;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const at = (page: number): number => BASE + page * PAGE_SIZE;

let machine: Machine;
let process: Process;

beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20 });
  process = machine.spawn();
  for (const page of [0, 4]) process.mmap(at(page), 2 * PAGE_SIZE, PROT_READ, ANON, -1, 0);
});

afterEach(() => {
  process.exit();
  machine.tearDown();
});

/** Where the VMA begins that is found, in pages; null: there is none. */
function found(page: number): number | null {
  const mm = mmOf(process);
  rcuReadLock();
  const vma = findVmaRcu(mm, at(page));
  const locked = vma === NULL ? null : vmaStartRead(mm, vma);
  rcuReadUnlock();
  if (locked === null || locked === VMA_LOCKED || locked === VMA_DETACHED) return null;
  const start = (vmStart(locked) - BASE) / PAGE_SIZE;
  vmaEndRead(locked);
  return start;
}

describe('findVmaRcu()', () => {
  it.each([
    [0, 0],
    [1, 0],
    [2, 4],
    [5, 4],
    [6, null],
  ])('S0-1 page %i: the VMA at %s', (page, start) => {
    expect(found(page)).toBe(start);
  });

  it('S0-1 finds while a writer is parked with mmap_lock for ever', () => {
    const mm = mmOf(process);
    const writer = asAnother(() => {
      const held = mmapWriteLock(mm);
      const seen = found(2);
      mmapWriteUnlock(held);
      return seen;
    });
    expect(writer).toBe(4);
  });

  it('S4-23 what left since is told by its lock', () => {
    const mm = mmOf(process);
    rcuReadLock();
    const vma = findVmaRcu(mm, at(4));
    asAnother(() => process.munmap(at(4), 2 * PAGE_SIZE));
    const locked = vma === NULL ? NULL : vmaStartRead(mm, vma);
    rcuReadUnlock();
    expect(locked).toBe(VMA_DETACHED);
  });

  it('is for RCU sections only', () => {
    expect(() => findVmaRcu(mmOf(process), at(0))).toThrow('inside an RCU section');
  });
});
