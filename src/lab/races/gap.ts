/** Seed 000: whoever looks an address up under RCU, while something else is mapped over it. */
import type { Protocol } from '../../index.ts';
import type { EngineScenario } from './engine_stage.ts';
import { breaks, holds, type Race } from './race.ts';
import { lookUp, mapFixed, RW, type World, worldOf } from './world.ts';

/** MAP_FIXED over what is mapped all the time, and a lookup of one of its pages. */
const gap = (munmap: Protocol['munmap']): EngineScenario<World> => ({
  protocol: { munmap },
  setup: (machine) => worldOf(machine, 'AAAB'),
  threads: { mapper: [mapFixed({ page: 0, count: 3 }, RW)], walker: [lookUp(1)] },
  final: (_world, results) =>
    results['walker']?.[0] === false ? 'the walker found nothing where pages are mapped' : null,
});

export const GAP: Race = {
  name: '000-gap',
  ids: ['S0-2', 'S0-9', 'S0-10'],
  story: 'MAP_FIXED replaces what is mapped all the time, and a walker under RCU looks it up.',
  variants: [breaks('two-step', gap('two-step')), holds('gather', gap('gather'))],
};
