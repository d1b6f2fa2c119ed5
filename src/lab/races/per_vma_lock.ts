/** Seed 002: the per-VMA lock itself. A reader is beside a call that changes its VMA. */
import type { Mutant } from '../../engine/arena/mutants.ts';
import type { Protocol } from '../../index.ts';
import type { EngineScenario } from './engine_stage.ts';
import { readLocked, readUnderMmapLock, restless } from './locked_readers.ts';
import { breaks, holds, type Race, type RaceVariant } from './race.ts';
import { protect, RO, RW, RX, unmap, type World, worldOf } from './world.ts';

export type VmaLock = Protocol['vmaLock'];

export const planted = (mutant?: Mutant) => (mutant === undefined ? {} : { mutant });

/** mprotect() of a VMA beside who reads it. */
const changed = (vmaLock: VmaLock, mutant?: Mutant): EngineScenario<World> => ({
  protocol: { vmaLock },
  ...planted(mutant),
  setup: (machine) => worldOf(machine, 'A'),
  threads: { writer: [protect({ page: 0, count: 1 }, RW)], reader: [readLocked(0)] },
  final: restless,
});

/** The same in each generation of the lock. */
const each = (locks: readonly VmaLock[], mutants: readonly Mutant[]): RaceVariant[] =>
  locks.flatMap((vmaLock) => [
    ...mutants.map((mutant) => breaks(`${vmaLock} ${mutant}`, changed(vmaLock, mutant))),
    holds(vmaLock, changed(vmaLock)),
  ]);

export const FALSE_UNLOCKED: Race = {
  name: '002-false-unlocked',
  ids: ['S2-9', 'S2-12', 'S2-13', 'S2-25', 'S4-19'],
  story: 'A reader enters a VMA at the moment that mprotect() marks it.',
  variants: [
    ...each(['rwsem', 'typesafe'], ['NO_SECOND_SEQ_CHECK', 'ADMIT_BEFORE_MARK', 'BUMP_PLAINLY']),
    ...each(
      ['refcnt'],
      [
        'NO_SECOND_SEQ_CHECK',
        'ADMIT_BEFORE_MARK',
        'BUMP_PLAINLY',
        'NO_EXCLUSION',
        'NO_READER_WAIT',
        'NO_BUMP_AT_LOCK',
      ],
    ),
    holds('off', changed('off')),
  ],
};

export const LOST_WAKE_UP: Race = {
  name: '002-lost-wake-up',
  ids: ['S2-37', 'S4-19'],
  story: 'The last reader leaves as the writer who waits for it lies down to sleep.',
  variants: (['NO_WRITER_WAKE', 'WAKE_WITHOUT_EPOCH', 'WRITER_EPOCH_TOO_LATE'] as const).map(
    (mutant) => breaks(mutant, changed('refcnt', mutant)),
  ),
};

const twoWriters = (vmaLock: VmaLock, mutant?: Mutant): EngineScenario<World> => ({
  protocol: { vmaLock },
  ...planted(mutant),
  setup: (machine) => worldOf(machine, 'A.A'),
  threads: {
    one: [protect({ page: 0, count: 1 }, RW)],
    two: [unmap({ page: 2, count: 1 })],
  },
  final: restless,
});

export const RELEASE_ORDER: Race = {
  name: '002-release-order',
  ids: ['S2-21'],
  story: 'A writer leaves, and what ends its marks comes late: it ends those of the next one.',
  variants: [
    breaks('BUMP_AFTER_RELEASE', twoWriters('refcnt', 'BUMP_AFTER_RELEASE')),
    holds('refcnt', twoWriters('refcnt')),
  ],
};

const downgraded = (vmaLock: VmaLock, mutant?: Mutant): EngineScenario<World> => ({
  protocol: { vmaLock },
  ...planted(mutant),
  setup: (machine) => worldOf(machine, 'AAB'),
  threads: { unmapper: [unmap({ page: 1, count: 1 })], reader: [readUnderMmapLock(0)] },
  final: restless,
});

export const DOWNGRADE: Race = {
  name: '002-downgrade',
  ids: ['S2-22', 'S0-28'],
  story: 'munmap() downgrades mmap_lock, and from then on every VMA can be read.',
  variants: (['rwsem', 'typesafe', 'refcnt'] as const).flatMap((vmaLock) => [
    breaks(`${vmaLock} NO_DOWNGRADE_BUMP`, downgraded(vmaLock, 'NO_DOWNGRADE_BUMP')),
    breaks(`${vmaLock} BUMP_AFTER_DOWNGRADE`, downgraded(vmaLock, 'BUMP_AFTER_DOWNGRADE')),
    holds(vmaLock, downgraded(vmaLock)),
  ]),
};

/** Write locks of an mm until four bits of its sequence are what they were. */
const TURN = 8;

/** The VMA of page 0 was marked a whole turn before the call that is explored. */
function turned(machine: Parameters<typeof worldOf>[0]): World {
  const world = worldOf(machine, 'A.A');
  const { run } = protect({ page: 0, count: 1 }, RX);
  run(world);
  for (let i = 1; i < TURN; i++) protect({ page: 2, count: 1 }, i % 2 === 0 ? RO : RX).run(world);
  return world;
}

const wrapped = (page: number, mutant?: Mutant): EngineScenario<World> => ({
  protocol: { vmaLock: 'rwsem', vmaLockSeq: '4-bit' },
  ...planted(mutant),
  setup: turned,
  threads: { writer: [protect({ page, count: 1 }, RW)], reader: [readLocked(0)] },
  final: restless,
});

/** The same, and nobody is to be refused a VMA that nobody works on. */
const refused = (vmaLockSeq: Protocol['vmaLockSeq']): EngineScenario<World> => ({
  ...wrapped(2),
  protocol: { vmaLock: 'rwsem', vmaLockSeq },
  final: (_world, results) =>
    results['reader']?.[0] === true ? null : 'a VMA that nobody works on is refused as locked',
});

export const OVERFLOW: Race = {
  name: '002-overflow',
  ids: ['S2-14', 'S2-13', 'S2-15'],
  story: 'The sequence wraps: a reader may be refused for nothing, but a writer may not go in.',
  variants: [
    breaks('refused for nothing', refused('4-bit')),
    holds('32-bit', refused('32-bit')),
    breaks('NARROW_MARK', wrapped(0, 'NARROW_MARK')),
    holds('4-bit', wrapped(0)),
  ],
};

/** The semaphore as it is in production: who leaves looks for who waits, after it has left. */
const leaving = (vmaLock: VmaLock, endReadRcu: Protocol['endReadRcu']): EngineScenario<World> => ({
  protocol: { vmaLock, endReadRcu },
  scheduler: { restsOnLocks: false, rcuBatch: 99 },
  setup: (machine) => worldOf(machine, 'A'),
  threads: { unmapper: [unmap({ page: 0, count: 1 })], reader: [readLocked(0)] },
  final: restless,
});

export const UP_READ: Race = {
  name: '002-up-read',
  ids: ['S2-29', 'S2-30', 'S2-31', 'S2-32', 'S2-36', 'S2-45'],
  story: 'A writer gets the semaphore, and frees the VMA, while the reader is still leaving it.',
  variants: [
    breaks('rwsem, without RCU', leaving('rwsem', 'off')),
    holds('rwsem', leaving('rwsem', 'on')),
    // The lock of the other two may be touched in its next life: it is one lock all the time.
    holds('typesafe', leaving('typesafe', 'off')),
    holds('refcnt', leaving('refcnt', 'off')),
  ],
};
