/**
 * Seed 004: a VMA is freed, and used again at once, between the moment that a reader finds it and
 * the moment that it has its lock. Who frees takes the same VMA for what it maps next.
 */
import * as atomics from '#atomics';
import type { Mutant } from '../../engine/arena/mutants.ts';
import type { VmaRcu } from '../../engine/mm/held.ts';
import { mmMt } from '../../engine/mm/mm_struct.ts';
import { vmLockAt } from '../../engine/mm/vma_struct.ts';
import { mtreeLoad } from '../../engine/maple/maple.ts';
import type { Machine } from '../../index.ts';
import type { Operation } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { readFoundBefore, readLocked, restless } from './locked_readers.ts';
import { planted, type VmaLock } from './per_vma_lock.ts';
import { breaks, holds, type Race, type RaceVariant } from './race.ts';
import { at, mapFixed, protect, RO, RW, RX, unmap, type World, worldOf } from './world.ts';

/** Two processes, the second of which has nothing. */
interface TwoWorlds extends World {
  readonly other: World;
  /** What page 0 of the first is a part of. */
  readonly vma: VmaRcu;
}

function twoWorlds(machine: Machine, picture: string): TwoWorlds {
  const world = worldOf(machine, picture);
  const other = worldOf(machine, '.');
  return { ...world, other, vma: mtreeLoad(mmMt(world.mm), at(0)) as VmaRcu };
}

const inOther = ({ name, run }: Operation<World>): Operation<TwoWorlds> => ({
  name: `${name} in the other process`,
  run: ({ other }) => run(other),
});

const exitOther: Operation<TwoWorlds> = {
  name: 'exit of the other process',
  run: ({ other }) => other.process.exit(),
};

const PAGE_0 = { page: 0, count: 1 };
const PAGE_4 = { page: 4, count: 1 };

interface Reuse {
  readonly vmaLock: VmaLock;
  readonly mutant?: Mutant;
  readonly picture?: string;
  /** What the reader looks for. */
  readonly page?: number;
  /** Many: grace periods are no part of the story. */
  readonly rcuBatch?: number;
  readonly user: readonly Operation<TwoWorlds>[];
}

/** A reader of page 0 beside who frees its VMA, and goes on. */
const reuse = ({
  vmaLock,
  mutant,
  picture = 'A',
  page = 0,
  rcuBatch = 99,
  user,
}: Reuse): EngineScenario<TwoWorlds> => ({
  protocol: { vmaLock },
  ...planted(mutant),
  scheduler: { rcuBatch },
  setup: (machine) => twoWorlds(machine, picture),
  threads: { user, reader: [readLocked(page)] },
  final: ({ vma, mm }) => negative(vma) ?? restless({ mm }),
});

/** A lock that lives on from one life to the next is never below zero. */
const negative = (vma: VmaRcu): string | null =>
  atomics.load(vmLockAt(vma)) < 0 ? 'the lock of a VMA is below zero at rest' : null;

/** In each generation of the lock, with each of its planted bugs and without. */
const variants = (
  user: Reuse['user'],
  locks: Partial<Record<VmaLock, readonly Mutant[]>>,
): RaceVariant[] =>
  (Object.entries(locks) as [VmaLock, readonly Mutant[]][]).flatMap(([vmaLock, mutants]) =>
    mutants
      .map((mutant) => breaks(`${vmaLock} ${mutant}`, reuse({ vmaLock, mutant, user })))
      .concat(holds(vmaLock, reuse({ vmaLock, user }))),
  );

export const OTHER_MM: Race = {
  name: '004-other-mm',
  ids: ['S4-1', 'S4-4', 'S4-5', 'S4-7', 'S4-8', 'S4-9', 'S4-11', 'S4-13'],
  story: 'The VMA that a reader has found is, by the time it locks it, that of another process.',
  variants: variants([unmap(PAGE_0), inOther(mapFixed(PAGE_0, RO))], {
    refcnt: ['NO_MM_CHECK'],
    typesafe: [
      'NO_MM_CHECK',
      'SEQ_OF_OWNER',
      'MM_BEFORE_DETACHED',
      'ATTACH_PLAINLY',
      'DETACHED_PLAINLY',
    ],
    rwsem: ['VMA_FREED_AT_ONCE'],
  }),
};

export const OTHER_RANGE: Race = {
  name: '004-other-range',
  ids: ['S4-3', 'S4-4', 'S4-6', 'S4-11', 'S4-14', 'P2-7'],
  story: 'The VMA that a reader has found is mapped elsewhere in its mm by the time it locks it.',
  variants: variants([unmap(PAGE_0), mapFixed(PAGE_4, RO)], {
    refcnt: ['NO_RANGE_CHECK', 'ATTACH_PLAINLY'],
    typesafe: ['NO_RANGE_CHECK', 'LOCK_REINIT'],
  }),
};

export const SHRUNK: Race = {
  name: '004-shrunk',
  ids: ['S4-3', 'P2-7', 'S4-2'],
  story: 'The VMA that a reader has found no longer contains its address: it was split.',
  variants: (['rwsem', 'typesafe', 'refcnt'] as const).flatMap((vmaLock) => {
    const user = [protect({ page: 0, count: 1 }, RW)];
    const split = (mutant?: Mutant) =>
      reuse({ vmaLock, user, picture: 'AAA', page: 2, ...planted(mutant) });
    return [
      breaks(`${vmaLock} NO_RANGE_CHECK`, split('NO_RANGE_CHECK')),
      breaks(`${vmaLock} NO_MARK_SPLIT`, split('NO_MARK_SPLIT')),
      holds(vmaLock, split()),
    ];
  }),
};

export const DETACHED: Race = {
  name: '004-detached',
  ids: ['S4-4', 'S4-17', 'S4-19', 'S4-20', 'S4-23', 'S2-36'],
  story: 'The VMA that a reader has found has left its address space.',
  variants: variants([unmap(PAGE_0)], {
    refcnt: ['READ_DETACHED', 'MM_AFTER_PUT', 'NO_DETACH_WAIT', 'NO_MARK_MUNMAP'],
    typesafe: ['NO_DETACHED_CHECK'],
    rwsem: ['NO_DETACHED_CHECK', 'VMA_FREED_AT_ONCE'],
  }),
};

/** The reader has found a VMA that is the other process's when the exploration begins. */
const passedOn = (
  vmaLock: VmaLock,
  user: Reuse['user'],
  mutant?: Mutant,
): EngineScenario<TwoWorlds> => ({
  protocol: { vmaLock },
  ...planted(mutant),
  scheduler: { rcuBatch: 99 },
  setup(machine) {
    const worlds = twoWorlds(machine, 'A');
    unmap(PAGE_0).run(worlds);
    mapFixed(PAGE_0, RO).run(worlds.other);
    return worlds;
  },
  threads: { user, reader: [readFoundBefore(0)] },
  final: ({ vma, mm }) => negative(vma) ?? restless({ mm }),
});

const backAgain = (vmaLock: VmaLock, mutant?: Mutant) =>
  passedOn(vmaLock, [inOther(unmap(PAGE_0)), mapFixed(PAGE_0, RW)], mutant);

export const BACK_AGAIN: Race = {
  name: '004-back-again',
  ids: ['S4-6', 'S4-20'],
  story: 'A VMA goes to another mm and comes back while a reader is between its questions.',
  variants: [
    breaks('typesafe NO_DETACH_WAIT', backAgain('typesafe', 'NO_DETACH_WAIT')),
    holds('typesafe', backAgain('typesafe')),
    holds('refcnt', backAgain('refcnt')),
  ],
};

const copied = (mutant?: Mutant): EngineScenario<TwoWorlds> =>
  reuse({
    vmaLock: 'typesafe',
    picture: 'A.BBB',
    user: [unmap(PAGE_0), protect({ page: 4, count: 1 }, RX)],
    ...planted(mutant),
  });

export const COPY: Race = {
  name: '004-copy',
  ids: ['S4-15', 'S4-16', 'S4-18'],
  story: 'A freed VMA becomes the copy of another one while a late reader has its lock.',
  variants: [breaks('COPIED_ATTACHED', copied('COPIED_ATTACHED')), holds('typesafe', copied())],
};

const wakeUp = (mutant?: Mutant) => passedOn('refcnt', [exitOther], mutant);

export const WAKE_UP: Race = {
  name: '004-wake-up',
  ids: ['S4-22'],
  story: 'A reader wakes the writer of another mm, which that writer takes apart: CVE-2025-38554.',
  variants: [
    breaks('NO_MMGRAB', wakeUp('NO_MMGRAB')),
    breaks('NO_MARK_EXIT', wakeUp('NO_MARK_EXIT')),
    holds('refcnt', wakeUp()),
  ],
};
