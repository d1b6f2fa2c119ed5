/** Looking up again after a VMA has left: from the root, or from a place in a tree that is gone. */
import type { Mutant } from '../../engine/arena/mutants.ts';
import { lockVmaUnderRcu } from '../../engine/mm/vma_iterator.ts';
import { vmaEndRead } from '../../engine/mm/vma_lock.ts';
import type { Operation } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { breaks, holds, planted, type Race } from './race.ts';
import { at, mapFixed, RX, type World, worldOf } from './world.ts';

const lockVma: Operation<World> = {
  name: 'lock the VMA of page 1',
  run({ mm }) {
    const vma = lockVmaUnderRcu(mm, at(1));
    if (vma !== null) vmaEndRead(vma);
    return vma !== null;
  },
};

/** Two VMAs become one, so the leaf that named them leaves the tree. */
const looked = (mutant?: Mutant): EngineScenario<World> => ({
  protocol: {},
  ...planted(mutant),
  setup: (machine) => worldOf(machine, 'BABA'),
  threads: {
    mapper: [mapFixed({ page: 1, count: 2 }, RX)],
    reader: [lockVma],
  },
});

export const STALE_LOOKUP: Race = {
  name: '000-stale-lookup',
  ids: ['S0-1', 'S0-21'],
  story: 'lockVmaUnderRcu() meets a detached VMA and looks again: syzbot 131f9eb2b580.',
  variants: [
    breaks('from where it stood', looked('STALE_MAPLE_STATE')),
    holds('from the root', looked()),
  ],
};
