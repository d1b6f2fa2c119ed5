/** Readers of the tree under RCU, beside who changes it. */
import type { Mutant } from '../../engine/arena/mutants.ts';
import { lockNextVma, nextVma, unlockNextVma } from '../../engine/mm/next_vma.ts';
import { vmEnd, vmStart } from '../../engine/mm/vma_struct.ts';
import { NULL } from '../../engine/arena/ref.ts';
import type { Operation } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { readLocked, restless } from './locked_readers.ts';
import { planted } from './per_vma_lock.ts';
import { breaks, holds, type Race, type RaceVariant } from './race.ts';
import { lookUp, protect, RO, RW, START, unmap, type World, worldOf } from './world.ts';

interface Walked {
  readonly picture: string;
  readonly threads: EngineScenario<World>['threads'];
  readonly final?: EngineScenario<World>['final'];
}

const walked = ({ picture, threads, final }: Walked, mutant?: Mutant) =>
  ({
    protocol: {},
    ...planted(mutant),
    scheduler: { rcuBatch: 1 },
    setup: (machine) => worldOf(machine, picture),
    threads,
    final: (world, results) => restless(world) ?? final?.(world, results) ?? null,
  }) satisfies EngineScenario<World>;

const variants = (scenario: Walked, mutants: readonly Mutant[]): RaceVariant[] => [
  ...mutants.map((mutant) => breaks(mutant, walked(scenario, mutant))),
  holds('refcnt', walked(scenario)),
];

/** Two changes of the tree: the node that the first one retires is there for the second. */
const TREE: Walked = {
  picture: 'AAA',
  threads: {
    writer: [protect({ page: 0, count: 1 }, RW), unmap({ page: 1, count: 1 })],
    walker: [lookUp(2)],
  },
};

/** What /proc/PID/maps does: from VMA to VMA. @returns where each begins and ends, in pages. */
const walk: Operation<World> = {
  name: 'walk from VMA to VMA',
  run({ mm }) {
    const next = nextVma(mm, START);
    const seen: string[] = [];
    for (let vma = lockNextVma(next); vma !== NULL; vma = lockNextVma(next)) {
      seen.push(`${(vmStart(vma) - START) / 4096}-${(vmEnd(vma) - START) / 4096}`);
    }
    unlockNextVma(next);
    return seen.join(' ');
  },
};

/** Page 3 is mapped all the time. */
const MERGED: Walked = {
  picture: 'AABB',
  threads: { changer: [protect({ page: 2, count: 2 }, RO)], walker: [walk] },
  final: (_world, results) => {
    const seen = String(results['walker']?.[0]);
    return seen.endsWith('-4') ? null : `a walk passed over what is mapped all the time: ${seen}`;
  },
};

const READ_UNLOCKED: Walked = {
  picture: 'AAA',
  threads: {
    writer: [protect({ page: 0, count: 1 }, RW), unmap({ page: 1, count: 1 })],
    reader: [readLocked(2)],
  },
};

export const TREES: readonly Race[] = [
  {
    name: '002-tree',
    ids: ['P2-1', 'S2-27'],
    story: 'A lookup is in a node of the tree that a writer replaces, and then another one.',
    variants: variants(TREE, [
      'NO_GRACE_PERIOD',
      'RCU_UNANNOUNCED',
      'PUBLISH_PLAINLY',
      'NODES_FREED_AT_ONCE',
    ]),
  },
  {
    name: '002-lookup',
    ids: ['P2-1', 'P2-7'],
    story: 'lockVmaUnderRcu() is in a node of the tree that a writer replaces.',
    variants: [breaks('LOOKUP_WITHOUT_RCU', walked(READ_UNLOCKED, 'LOOKUP_WITHOUT_RCU'))],
  },
  {
    name: '002-stale-cursor',
    ids: ['S4-23'],
    story: 'A walk goes on from a place in the tree that is no more: syzbot 131f9eb2b580.',
    variants: variants(MERGED, ['STALE_CURSOR', 'NO_SPECULATE_RETRY']),
  },
];
