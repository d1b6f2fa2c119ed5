/** What another does between the moment a walk finds a VMA and the moment it has its lock. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { asAnother } from '../../../test/cpus.ts';
import { mmOf } from '../../../test/pictures.ts';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  type Process,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../index.ts';
import { NULL } from '../arena/ref.ts';
import { lockNextVma, type NextVma, nextVma, unlockNextVma } from './next_vma.ts';
import type * as speculation from './speculate.ts';
import type * as vmaLock from './vma_lock.ts';
import { vmEnd, vmStart } from './vma_struct.ts';

/** Run once, at the next of these moments. */
const hooks = vi.hoisted(() => ({
  found: null as (() => void) | null,
  looked: null as (() => void) | null,
}));

function runOnce(moment: keyof typeof hooks): void {
  const hook = hooks[moment];
  hooks[moment] = null;
  hook?.();
}

vi.mock('./vma_lock.ts', async (original) => {
  const real = await original<typeof vmaLock>();
  return {
    ...real,
    vmaStartRead(...args: Parameters<typeof real.vmaStartRead>) {
      runOnce('found');
      return real.vmaStartRead(...args);
    },
  };
});

vi.mock('./speculate.ts', async (original) => {
  const real = await original<typeof speculation>();
  return {
    ...real,
    mmapLockSpeculateRetry(...args: Parameters<typeof real.mmapLockSpeculateRetry>) {
      runOnce('looked');
      return real.mmapLockSpeculateRetry(...args);
    },
  };
});

const BASE = 0x200000000000;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const RW = PROT_READ | PROT_WRITE;
const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED;
const at = (page: number): number => BASE + page * PAGE_SIZE;

let machine: Machine;
let process: Process;
let next: NextVma;

const map = (page: number, pages: number, prot: number): number =>
  process.mmap(at(page), pages * PAGE_SIZE, prot, ANON, -1, 0);
const unmap = (page: number, pages: number): number => process.munmap(at(page), pages * PAGE_SIZE);

/** "4-6", in pages, of what the walk goes to; "end". It lets go of it at once. */
function step(): string {
  const vma = lockNextVma(next);
  if (vma === NULL) return 'end';
  const [start, end] = [vmStart(vma), vmEnd(vma)].map((addr) => (addr - BASE) / PAGE_SIZE);
  unlockNextVma(next);
  return `${start}-${end}`;
}

beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20 });
  process = machine.spawn();
  map(0, 2, RW);
  map(4, 2, PROT_READ);
  map(8, 2, RW);
  next = nextVma(mmOf(process), BASE);
  expect(step()).toBe('0-2');
});

afterEach(() => {
  process.verify();
  process.exit();
  machine.tearDown();
});

describe('between finding 4-6 and locking it', () => {
  it.each<[what: string, change: () => unknown, then: string[]]>([
    ['something is mapped in the gap before it', () => map(2, 1, PROT_NONE), ['2-3', '4-6']],
    ['the gap is filled, by one VMA with what was passed', () => map(2, 2, RW), ['0-4', '4-6']],
    ['it goes', () => unmap(4, 2), ['8-10', 'end']],
    ['it goes, and all after it', () => unmap(4, 8), ['end', 'end']],
    ['its front goes', () => unmap(4, 1), ['5-6', '8-10']],
    ['its end goes', () => unmap(5, 1), ['4-5', '8-10']],
    ['it is split', () => process.mprotect(at(5), PAGE_SIZE, RW), ['4-5', '5-6']],
    ['it merges with what is after it', () => map(6, 2, PROT_READ), ['4-8', '8-10']],
    ['another takes its place', () => map(4, 2, PROT_NONE), ['4-6', '8-10']],
    [
      'it moves behind the next',
      () => process.mremap(at(4), 2 * PAGE_SIZE, 2 * PAGE_SIZE, MOVE, at(12)),
      ['8-10', '12-14'],
    ],
    [
      'it goes, and something is mapped nearer',
      () => {
        unmap(4, 2);
        map(2, 1, PROT_NONE);
      },
      ['2-3', '8-10'],
    ],
  ])('X-13 S0-12 S4-23 %s', (_, change, then) => {
    hooks.found = () => void asAnother(change);
    expect([step(), step()]).toEqual(then);
    expect(hooks.found).toBeNull();
  });
});

it('X-13 what is found is cut back behind the place where the walk is', () => {
  map(0, 6, PROT_NONE);
  // What was found stays 0-1.
  hooks.found = () => void asAnother(() => process.mprotect(at(0), PAGE_SIZE, RW));
  expect([step(), step()]).toEqual(['1-6', '8-10']);
});

describe('between looking behind the last and believing it', () => {
  it.each<[what: string, change: () => unknown, then: string]>([
    ['something is mapped there', () => map(12, 1, RW), '12-13'],
    ['something is mapped elsewhere', () => unmap(0, 1), 'end'],
    ['what was passed grows', () => map(10, 2, RW), '8-12'],
  ])('X-13 %s', (_, change, then) => {
    expect([step(), step()]).toEqual(['4-6', '8-10']);
    hooks.looked = () => void asAnother(change);
    expect(step()).toBe(then);
    expect(hooks.looked).toBeNull();
  });
});
