/** Seed 000: MAP_FIXED that runs out of memory, at every allocation, beside who looks there. */
import { isErr } from '../../engine/arena/errno.ts';
import type { Protocol } from '../../index.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import type { Results } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { endOf } from './ledger.ts';
import { breaks, holds, type Race } from './race.ts';
import { at, lookUp, mapFixed, RX, type World, worldOf } from './world.ts';

const MAPPING = new Set(['vm_area_struct', 'maple_node']);

interface Failing {
  readonly protocol?: Partial<Protocol>;
  readonly mutant?: Mutant;
}

/** A part of two VMAs is replaced, so both are split; every allocation of it may fail. */
const failing = ({ protocol = {}, mutant }: Failing): EngineScenario<World> => ({
  protocol,
  ...(mutant === undefined ? {} : { mutant }),
  scheduler: { mayFail: MAPPING },
  setup: (machine) => worldOf(machine, 'AABB'),
  threads: { mapper: [mapFixed({ page: 1, count: 2 }, RX)], walker: [lookUp(1)] },
  final: finalOf,
});

function finalOf(world: World, results: Results): string | null {
  const [mapped] = results['mapper'] ?? [];
  if (results['walker']?.[0] !== true) return 'the walker found nothing where pages are mapped';
  const isWhole = [0, 1, 2, 3].every((page) => world.process.find(at(page)) !== null);
  if (!isWhole && isErr(mapped as number)) return 'MAP_FIXED failed and left a hole';
  return endOf(world, results);
}

export const FAILED_MAP_FIXED: Race = {
  name: '000-failed-map-fixed',
  ids: ['S0-20', 'S0-24', 'S0-30'],
  story: 'MAP_FIXED runs out of memory at any of its steps, and a walker looks the place up.',
  variants: [
    breaks('two-step', failing({ protocol: { munmap: 'two-step' } })),
    holds('gather', failing({})),
  ],
};
