/** Seed 000: MAP_FIXED that runs out of memory, at every allocation, beside who looks there. */
import { isErr } from '../../engine/arena/errno.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import { NULL } from '../../engine/arena/ref.ts';
import { mtreeLoad } from '../../engine/maple/maple.ts';
import { mmMt } from '../../engine/mm/mm_struct.ts';
import type { Protocol } from '../../index.ts';
import type { Results } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { endOf } from './ledger.ts';
import { breaks, holds, planted, type Race } from './race.ts';
import { at, lookUp, mapFixed, RX, type World, worldOf } from './world.ts';

const MAPPING = new Set(['vm_area_struct', 'maple_node']);

/** A part of two VMAs is replaced, so both are split; every allocation of it may fail. */
const failing = (
  protocol: Partial<Protocol>,
  final: (world: World, results: Results) => string | null,
  mutant?: Mutant,
): EngineScenario<World> => ({
  protocol,
  ...planted(mutant),
  scheduler: { mayFail: MAPPING },
  setup: (machine) => worldOf(machine, 'AABB'),
  threads: { mapper: [mapFixed({ page: 1, count: 2 }, RX)], walker: [lookUp(1)] },
  final,
});

/** What the tree says: who asks by locks waits for ever if a bug has left one taken. */
const isMapped = ({ mm }: World, page: number): boolean => mtreeLoad(mmMt(mm), at(page)) !== NULL;

function whole(world: World, results: Results): string | null {
  if (results['walker']?.[0] !== true) return 'the walker found nothing where pages are mapped';
  const isWhole = [0, 1, 2, 3].every((page) => isMapped(world, page));
  return isWhole ? endOf(world, results) : 'MAP_FIXED failed and left a hole';
}

/** What Linux 6.18 leaves: the old mapping, or a hole if the failure came late. */
function holeOrWhole(world: World, results: Results): string | null {
  const failed = isErr((results['mapper']?.[0] ?? 0) as number);
  const isHole = !isMapped(world, 1);
  if (isHole && !failed) return 'a mapping that was made is not there';
  return endOf(world, results);
}

export const FAILED_MAP_FIXED: Race = {
  name: '000-failed-map-fixed',
  ids: ['S0-20', 'S0-23a'],
  story: 'MAP_FIXED runs out of memory at any of its steps, and a walker looks the place up.',
  variants: [
    breaks('two-step', failing({ munmap: 'two-step' }, whole)),
    breaks('leave-gap', failing({ mapFixedFailure: 'leave-gap' }, whole)),
    breaks('gathered VMAs stay detached', failing({}, whole, 'NO_REATTACH')),
    holds('gather', failing({}, whole)),
  ],
};

/** Jann Horn's objection to the first form: who gives up because there is no memory needs some. */
export const ABORT_WITHOUT_MEMORY: Race = {
  name: '000-abort-without-memory',
  ids: ['S0-24', 'S0-30'],
  story: 'MAP_FIXED fails after the point of no return, and there is still no memory.',
  variants: [
    breaks(
      'the hole is not reserved',
      failing({ mapFixedFailure: 'leave-gap' }, holeOrWhole, 'ABORT_MAY_FAIL'),
    ),
    holds('reserved', failing({ mapFixedFailure: 'leave-gap' }, holeOrWhole)),
  ],
};
