/** Every allocation of a call fails, in every combination, while somebody looks at the same place. */
import type { Mutant } from '../../engine/arena/mutants.ts';
import { MREMAP_FIXED, MREMAP_MAYMOVE, PAGE_SIZE } from '../../index.ts';
import type { Operation, Results } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { endOf } from './ledger.ts';
import { breaks, holds, planted, type Race } from './race.ts';
import { at, lookUp, protect, RO, unmap, type World, worldOf } from './world.ts';

const OBJECTS = new Set(['vm_area_struct', 'maple_node', 'anon_vma', 'anon_vma_chain']);

const MARK = 7;

/** Two VMAs of two pages, of which one was written to. The walker looks at one that the call leaves. */
const failing = (call: Operation<World>, mutant?: Mutant): EngineScenario<World> => ({
  protocol: {},
  ...planted(mutant),
  scheduler: { mayFail: OBJECTS },
  setup(machine) {
    const world = worldOf(machine, 'BBCC');
    world.process.store(at(0), MARK);
    return world;
  },
  threads: { caller: [call], walker: [lookUp(0)] },
  final,
});

function final(world: World, results: Results): string | null {
  if (results['walker']?.[0] !== true) return 'the walker found nothing where pages are mapped';
  world.process.verify(); // before a fault may wait for a lock that a bug has left taken
  if (world.process.load(at(0)) !== MARK) return 'a page has lost its contents';
  return endOf(world, results);
}

const moved: Operation<World> = {
  name: 'mremap 2-3 to 8',
  run: ({ process }) =>
    process.mremap(at(2), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, at(8)),
};

const hole = unmap({ page: 1, count: 2 });

export const EVERY_ALLOCATION: Race = {
  name: '003-failing-calls',
  ids: ['S0-20', 'S3-26'],
  story: 'munmap(), mprotect() or mremap() runs out of memory at any of its allocations.',
  variants: [
    breaks('munmap, VMAs stay detached', failing(hole, 'NO_REATTACH')),
    holds('munmap', failing(hole)),
    holds('mprotect', failing(protect({ page: 1, count: 2 }, RO))),
    holds('mremap', failing(moved)),
  ],
};
