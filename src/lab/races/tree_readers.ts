/** Readers of the tree under RCU, beside who changes it. */
import type { Mutant } from '../../engine/arena/mutants.ts';
import { lockNextVma, nextVma, unlockNextVma } from '../../engine/mm/next_vma.ts';
import { vmEnd, vmStart } from '../../engine/mm/vma_struct.ts';
import { NULL } from '../../engine/arena/ref.ts';
import { PAGE_SIZE } from '../../index.ts';
import type { Operation } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { readLocked, restless } from './locked_readers.ts';
import { planted } from './per_vma_lock.ts';
import { breaks, holds, type Race, type RaceVariant } from './race.ts';
import { at, lookUp, protect, RO, RW, RX, START, unmap, type World, worldOf } from './world.ts';

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

/**
 * Some steps of what reads /proc/PID/maps, from VMA to VMA, from a page on.
 *
 * @returns where they begin and end, in pages.
 */
const walk = (page: number, steps: number): Operation<World> => ({
  name: `${steps} steps from VMA to VMA, from ${page} on`,
  run({ mm }) {
    const next = nextVma(mm, at(page));
    const seen: [number, number][] = [];
    for (let i = 0; i < steps; i++) {
      const vma = lockNextVma(next);
      if (vma !== NULL) seen.push([pageOf(vmStart(vma)), pageOf(vmEnd(vma))]);
    }
    unlockNextVma(next);
    return seen;
  },
});

const pageOf = (addr: number): number => (addr - START) / PAGE_SIZE;

/** All pages are mapped all the time: a walk may pass over none. */
const passedOver =
  (page: number): NonNullable<Walked['final']> =>
  (_world, results) => {
    const seen = (results['walker']?.[0] ?? []) as [number, number][];
    let until = page;
    for (const [start, end] of seen) {
      if (start > until) return `a walk passes over page ${until}, which is mapped all the time`;
      until = end;
    }
    return until < 4 ? `a walk ends at page ${until}, before what is mapped all the time` : null;
  };

/** The walk finds one VMA, which has become two by the time that it has its lock. */
const SPLIT: Walked = {
  picture: 'AAAA',
  threads: { changer: [protect({ page: 0, count: 2 }, RX)], walker: [walk(0, 2)] },
  final: passedOver(0),
};

/** The walk finds the second VMA, which loses its first page to the first one. */
const MERGED: Walked = {
  picture: 'AACC',
  threads: { changer: [protect({ page: 2, count: 1 }, RO)], walker: [walk(2, 1)] },
  final: (_world, results) => {
    const seen = (results['walker']?.[0] ?? []) as [number, number][];
    const [start = 0] = seen[0] ?? [];
    return start <= 2 ? null : 'a walk passes over page 2, which is mapped all the time';
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
    variants: variants(SPLIT, ['STALE_CURSOR']),
  },
  {
    name: '002-next-vma',
    ids: ['S4-23'],
    story: 'A walk finds the next VMA, whose first page goes to the one before it.',
    variants: variants(MERGED, ['NO_SPECULATION_CHECK']),
  },
];
