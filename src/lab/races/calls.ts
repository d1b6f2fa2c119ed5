/** The calls whose histories are compared with their sequential orders, all over the same VMAs. */
import {
  MADV_DONTNEED,
  type Machine,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
} from '../../index.ts';
import { NULL } from '../../engine/arena/ref.ts';
import { mtreeLoad } from '../../engine/maple/maple.ts';
import { mmMt } from '../../engine/mm/mm_struct.ts';
import { lockVmaUnderRcu } from '../../engine/mm/vma_iterator.ts';
import { vmaEndRead } from '../../engine/mm/vma_lock.ts';
import { vmFlags } from '../../engine/mm/vma_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../../engine/rcu/rcu.ts';
import type { Operation } from '../check/scenario.ts';
import { pagesOf, rightsOf } from './history.ts';
import { at, mapFixed, protect, RO, RW, unmap, type World, worldOf } from './world.ts';

/** A process with three VMAs. */
export interface Three extends World {
  readonly startBrk: number;
}

export type Call = Operation<Three>;

const PICTURE = 'BBAABB';

/** Three VMAs of two pages each, and something in the first page of those that can be written. */
export function threeVmas(machine: Machine): Three {
  const world = worldOf(machine, PICTURE);
  world.process.store(at(0), 1);
  world.process.store(at(4), 5);
  world.process.load(at(2));
  return { ...world, startBrk: world.process.layout().startBrk };
}

/** By a name of their own: some are made twice, with other arguments. */
export const CALLS: Readonly<Record<string, Call>> = {
  'mmap-fixed': mapFixed({ page: 1, count: 4 }, RW),
  munmap: unmap({ page: 1, count: 2 }),
  mprotect: protect({ page: 0, count: 3 }, RO),
  mmap: {
    name: 'mmap',
    run: ({ process }) => process.mmap(at(6), PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
  },
  'mremap-grow': {
    name: 'mremap 4-6 to three pages',
    run: ({ process }) => process.mremap(at(4), 2 * PAGE_SIZE, 3 * PAGE_SIZE, MREMAP_MAYMOVE),
  },
  'mremap-move': {
    name: 'mremap 0-1 to 8',
    run: ({ process }) =>
      process.mremap(at(0), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at(8)),
  },
  brk: {
    name: 'brk',
    run: ({ process, startBrk }) => process.brk(startBrk + PAGE_SIZE),
  },
  dontneed: {
    name: 'madvise(MADV_DONTNEED) 0-2',
    run: ({ process }) => process.madvise(at(0), 2 * PAGE_SIZE, MADV_DONTNEED),
  },
  mlock: { name: 'mlock 4-6', run: ({ process }) => process.mlock(at(4), 2 * PAGE_SIZE) },
  fork: { name: 'fork', run: ({ process }) => process.fork() },
  store: { name: 'store 1', run: ({ process }) => process.store(at(1), 7) },
  load: { name: 'load 0', run: ({ process }) => process.load(at(0)) },
};

/** Calls that are several steps in Linux as well: what they leave present depends on what came between. */
export const IN_STEPS: Readonly<Record<string, string>> = {
  store: 'a fault brings the page in, and then the store is tried again',
  load: 'a fault brings the page in, and then the load is tried again',
  mlock: 'it marks the VMAs, and brings their pages in after mmap_lock was dropped',
};

/** Who looks without mmap_lock, page by page; '.': nothing is there, null: nothing is said. */
export const READERS: Readonly<Record<string, Call>> = {
  lookup: {
    name: 'lookup under RCU 2',
    run({ mm }) {
      rcuReadLock();
      const found = mtreeLoad(mmMt(mm), at(2));
      rcuReadUnlock();
      return [found === NULL ? '.' : 'mapped'];
    },
  },
  find: {
    name: 'lock_vma_under_rcu 2',
    run({ mm }) {
      const vma = lockVmaUnderRcu(mm, at(2));
      if (vma === null) return [null]; // refused: nothing is said of the page
      const rights = rightsOf(vmFlags(vma));
      vmaEndRead(vma);
      return [rights];
    },
  },
  maps: { name: 'maps', run: ({ process }) => pagesOf(process) },
};

const LONG = 'hundreds of executions of thousands of accesses: more than there is time for';
const UNORDERED =
  'marks and translations that are read plainly while others change them by atomics';

/** Pairs that are not compared, and why. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  'store-store': 'two plain stores of a program to one word are a race of its own',
  'mmap-fixed-fork': LONG,
  'munmap-fork': LONG,
  'mmap-fork': LONG,
  'mremap-grow-fork': LONG,
  'mremap-move-fork': LONG,
  'brk-fork': LONG,
  'fork-fork': LONG,
  'mremap-grow-mlock': LONG,
  'mlock-store': LONG,
  'mmap-fixed-find': LONG,
  'munmap-find': LONG,
  'mmap-fixed-store': UNORDERED,
  'mmap-fixed-load': UNORDERED,
  'munmap-dontneed': UNORDERED,
  'munmap-mlock': UNORDERED,
  'munmap-store': UNORDERED,
  'munmap-load': UNORDERED,
  'mprotect-store': UNORDERED,
  'mprotect-load': UNORDERED,
  'mremap-move-store': UNORDERED,
  'mremap-move-load': UNORDERED,
  'dontneed-dontneed': UNORDERED,
  'dontneed-mlock': UNORDERED,
  'dontneed-store': UNORDERED,
  'dontneed-load': UNORDERED,
  'mlock-mlock': UNORDERED,
  'fork-store': UNORDERED,
  'fork-load': UNORDERED,
  'mmap-fixed-maps': UNORDERED,
  'munmap-maps': UNORDERED,
  'mremap-move-maps': UNORDERED,
};
