/** Growth of a stack: StackRot, and a munmap() that has downgraded its lock. */
import type { Mutant } from '../../engine/arena/mutants.ts';
import { mmapReadLock, mmapReadUnlock } from '../../engine/mm/mmap_lock.ts';
import { eachVma } from '../../engine/mm/vma_iterator.ts';
import { MAP_GROWSDOWN, PAGE_SIZE } from '../../index.ts';
import type { Operation } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { endOf } from './ledger.ts';
import { breaks, holds, planted, type Race } from './race.ts';
import { at, FIXED, RW, unmap, type World, worldOf } from './world.ts';

/** Its first page, so that what is below it has a page table of its own. */
const STACK = 512;

/** A stack of one page, and perhaps a page in memory where it grows to. */
const stackOf = (
  below: 'free' | 'in memory',
  other: Operation<World>,
  mutant?: Mutant,
): EngineScenario<World> => ({
  protocol: {},
  machine: { sysctl: { mmap_min_addr: 4096, stack_guard_gap: 0 } },
  ...planted(mutant),
  setup(machine) {
    const world = worldOf(machine, '');
    if (below === 'in memory') {
      world.process.mmap(at(STACK - 1), PAGE_SIZE, RW, FIXED, -1, 0);
      world.process.touch(at(STACK - 1), 'read');
    }
    world.process.mmap(at(STACK), PAGE_SIZE, RW, FIXED | MAP_GROWSDOWN, -1, 0);
    return world;
  },
  threads: {
    program: [
      { name: 'touch below the stack', run: ({ process }) => process.touch(at(STACK - 1), 'read') },
    ],
    other: [other],
  },
  final: endOf,
});

const walkLocked: Operation<World> = {
  name: 'walk under mmap_lock',
  run({ mm }) {
    const reader = mmapReadLock(mm);
    let count = 0;
    for (const _ of eachVma(reader)) count++;
    mmapReadUnlock(reader);
    return count;
  },
};

const STACK_ROT: Race = {
  name: '000-stack-rot',
  ids: ['S0-28'],
  story:
    'A stack grows while another thread walks the tree under mmap_lock for read: CVE-2023-3269.',
  variants: [
    breaks('grows under the read lock', stackOf('free', walkLocked, 'GROWTH_UNDER_READ_LOCK')),
    holds('grows under the write lock', stackOf('free', walkLocked)),
  ],
};

const STACK_AND_MUNMAP: Race = {
  name: '000-stack-and-munmap',
  ids: ['S0-28'],
  story: 'munmap() has downgraded its lock and frees tables, and a stack grows into the hole.',
  variants: [
    breaks(
      'grows under the read lock',
      stackOf('in memory', unmap({ page: STACK - 1, count: 1 }), 'GROWTH_UNDER_READ_LOCK'),
    ),
    holds('grows under the write lock', stackOf('in memory', unmap({ page: STACK - 1, count: 1 }))),
  ],
};

export const STACK_RACES: readonly Race[] = [STACK_ROT, STACK_AND_MUNMAP];
