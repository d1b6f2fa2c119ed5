/** Seed 003: a fork takes a picture of memory that a thread of the parent goes on writing to. */
import * as atomics from '#atomics';
import type { Mutant } from '../../engine/arena/mutants.ts';
import { lockVmaUnderRcu } from '../../engine/mm/vma_iterator.ts';
import { vmaEndRead } from '../../engine/mm/vma_lock.ts';
import { ptePtr } from '../../engine/page/table_struct.ts';
import type { Machine, Process } from '../../index.ts';
import type { Operation, Results } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { childrenIn, endOf } from './ledger.ts';
import { breaks, holds, planted, type Race } from './race.ts';
import { at, type World, worldOf } from './world.ts';

const [BEFORE, AFTER] = [1, 2];

const valuesIn = (process: Process): readonly number[] => [
  process.load(at(0)),
  process.load(at(1)),
];

const forker = [{ name: 'fork', run: ({ process }: World) => process.fork() }];

/** Two VMAs of a page each. */
function written(machine: Machine): World {
  const world = worldOf(machine, 'BE');
  for (const page of [0, 1]) world.process.store(at(page), BEFORE);
  return world;
}

/** The first page is written before the second: who has the second store has the first. */
const copied: EngineScenario<World> = {
  protocol: {},
  setup: written,
  threads: {
    forker,
    writer: [0, 1].map((page) => ({
      name: `store to page ${page}`,
      run: ({ process }) => process.store(at(page), AFTER),
    })),
  },
  final: pictured,
};

function pictured(world: World, results: Results): string | null {
  if (valuesIn(world.process).some((value) => value !== AFTER)) return 'the parent lost a store';
  const [child] = childrenIn(results);
  if (child === undefined) return 'the fork failed';
  const [first, second] = valuesIn(child);
  if (second === AFTER && first !== AFTER) return 'the child has the second store, not the first';
  return endOf(world, results);
}

/** A fault that looks at its entry twice, as one does before and after it has a page. */
const fault: Operation<World> = {
  name: 'fault of page 0',
  run({ mm }) {
    const vma = lockVmaUnderRcu(mm, at(0));
    if (vma === null) return null;
    const entry = ptePtr(mm, at(0));
    const [before, after] = [atomics.load(entry), atomics.load(entry)];
    vmaEndRead(vma);
    return before === after ? null : 'a page was copied while a fault had its VMA';
  },
};

const faulted = (mutant?: Mutant): EngineScenario<World> => ({
  protocol: {},
  ...planted(mutant),
  setup: written,
  threads: { forker, program: [fault] },
  final: (world, results) =>
    (results['program']?.[0] as string | null | undefined) ?? endOf(world, results),
});

export const FORK_CONTENTS: Race = {
  name: '003-fork-contents',
  ids: ['S3-27'],
  story: 'A thread writes to two pages in turn while its process forks.',
  variants: [
    breaks('the parent’s VMAs are not locked', faulted('NO_MARK_FORK')),
    holds('locked', faulted()),
    holds('locked, two stores', copied),
  ],
};
