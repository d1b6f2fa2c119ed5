/** Seed 000: whoever looks an address up under RCU, while something else is mapped over it. */
import { NULL } from '../../engine/arena/ref.ts';
import { masFind, masState } from '../../engine/maple/maple.ts';
import { mmapReadLock, mmapReadUnlock } from '../../engine/mm/mmap_lock.ts';
import { mmMt } from '../../engine/mm/mm_struct.ts';
import { vmaLookup } from '../../engine/mm/vma_iterator.ts';
import { rcuReadLock, rcuReadUnlock } from '../../engine/rcu/rcu.ts';
import type { Protocol } from '../../index.ts';
import type { Operation } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { breaks, holds, type Race } from './race.ts';
import { at, lookUp, mapFixed, type Pages, RO, RW, type World, worldOf } from './world.ts';

/** MAP_FIXED over what is mapped all the time, and a lookup of one of its pages. */
const gap = (
  munmap: Protocol['munmap'],
  reader: Operation<World> = lookUp(1),
): EngineScenario<World> => ({
  protocol: { munmap },
  setup: (machine) => worldOf(machine, 'AAAB'),
  threads: { mapper: [mapFixed({ page: 0, count: 3 }, RW)], walker: [reader] },
  final: (_world, results) =>
    results['walker']?.[0] === false ? 'the walker found nothing where pages are mapped' : null,
});

/** The same lookup by who holds mmap_lock. */
const lookUpLocked: Operation<World> = {
  name: 'lookup 1 under mmap_lock',
  run({ mm }) {
    const reader = mmapReadLock(mm);
    const found = vmaLookup(reader, at(1));
    mmapReadUnlock(reader);
    return found !== NULL;
  },
};

export const GAP: Race = {
  name: '000-gap',
  ids: ['S0-2', 'S0-3', 'S0-9', 'S0-10'],
  story: 'MAP_FIXED replaces what is mapped all the time, and a walker under RCU looks it up.',
  variants: [
    breaks('two-step', gap('two-step')),
    holds('gather', gap('gather')),
    holds('two-step, under mmap_lock', gap('two-step', lookUpLocked)),
    holds('gather, under mmap_lock', gap('gather', lookUpLocked)),
  ],
};

/** One walk under RCU through some pages. @returns what is wrong with what it saw, or null. */
const walk = ({ page, count }: Pages): Operation<World> => ({
  name: `walk ${page}-${page + count}`,
  run({ mm }) {
    const end = at(page + count);
    const mas = masState(mmMt(mm), at(page), at(page));
    let covered = at(page);
    rcuReadLock();
    for (let vma = masFind(mas, end - 1); vma !== NULL; vma = masFind(mas, end - 1)) {
      // Ranges as the tree has them: a VMA's own may be changing.
      if (mas.index > covered) break;
      covered = mas.last + 1;
    }
    rcuReadUnlock();
    return covered >= end ? null : `the walk met a gap at page ${(covered - at(0)) / 4096}`;
  },
});

const merging = (munmap: Protocol['munmap']): EngineScenario<World> => ({
  protocol: { munmap },
  setup: (machine) => worldOf(machine, 'ABA'),
  threads: {
    mapper: [mapFixed({ page: 1, count: 1 }, RO)],
    walker: [walk({ page: 0, count: 3 })],
  },
  final: (_world, results) => (results['walker']?.[0] as string | null | undefined) ?? null,
});

export const GAP_IN_WALK: Race = {
  name: '000-gap-in-walk',
  ids: ['S0-10', 'S0-18'],
  story: 'MAP_FIXED merges with what lies on both sides, and a walk under RCU goes through all.',
  variants: [breaks('two-step', merging('two-step')), holds('gather', merging('gather'))],
};
