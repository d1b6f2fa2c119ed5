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

/** A stack of one page, at page 3, below which there is room. */
const stackOf = (
  picture: string,
  other: Operation<World>,
  mutant?: Mutant,
): EngineScenario<World> => ({
  protocol: {},
  machine: { sysctl: { mmap_min_addr: 4096, stack_guard_gap: 0 } },
  ...planted(mutant),
  setup(machine) {
    const world = worldOf(machine, picture);
    world.process.mmap(at(3), PAGE_SIZE, RW, FIXED | MAP_GROWSDOWN, -1, 0);
    return world;
  },
  threads: {
    program: [{ name: 'touch below the stack', run: ({ process }) => process.touch(at(2), 'read') }],
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
  story: 'A stack grows while another thread walks the tree under mmap_lock for read: CVE-2023-3269.',
  variants: [
    breaks('grows under the read lock', stackOf('C', walkLocked, 'GROWTH_UNDER_READ_LOCK')),
    holds('grows under the write lock', stackOf('C', walkLocked)),
  ],
};

const STACK_AND_MUNMAP: Race = {
  name: '000-stack-and-munmap',
  ids: ['S0-28'],
  story: 'munmap() has downgraded its lock and frees tables, and a stack grows into the hole.',
  variants: [
    breaks(
      'grows under the read lock',
      stackOf('..B', unmap({ page: 2, count: 1 }), 'GROWTH_UNDER_READ_LOCK'),
    ),
    holds('grows under the write lock', stackOf('..B', unmap({ page: 2, count: 1 }))),
  ],
};

export const STACK_RACES: readonly Race[] = [STACK_ROT, STACK_AND_MUNMAP];
