/**
 * Every place that changes a VMA marks it first: seed 002, and what upstream found missing later.
 * A reader may have the VMA at the moment of the call.
 */
import type { Mutant } from '../../engine/arena/mutants.ts';
import { lockVmaUnderRcu } from '../../engine/mm/vma_iterator.ts';
import { vmaEndRead } from '../../engine/mm/vma_lock.ts';
import { isInIMmap } from '../../engine/rmap/i_mmap.ts';
import {
  MADV_GUARD_INSTALL,
  MAP_GROWSDOWN,
  PAGE_SIZE,
  MAP_SHARED,
  MAP_FIXED,
} from '../../index.ts';
import { check } from '../check/demands.ts';
import type { Operation } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { readLocked, restless } from './locked_readers.ts';
import { planted } from './per_vma_lock.ts';
import { breaks, holds, type Race } from './race.ts';
import { at, FIXED, mapFixed, protect, RO, RW, type World, worldOf } from './world.ts';

interface Marked {
  readonly picture: string;
  readonly prepare?: readonly Operation<World>[];
  readonly call: Operation<World>;
  /** Whose VMA the reader looks for. */
  readonly page: number;
}

/** A call beside who reads what it changes. */
const marked = ({ picture, prepare = [], call, page }: Marked, mutant?: Mutant) =>
  ({
    protocol: {},
    ...planted(mutant),
    scheduler: { rcuBatch: 99 },
    setup(machine) {
      const world = worldOf(machine, picture);
      for (const { run } of prepare) run(world);
      return world;
    },
    threads: { caller: [call], reader: [readLocked(page)] },
    final: restless,
  }) satisfies EngineScenario<World>;

const mbind: Operation<World> = {
  name: 'mbind 0-1',
  run: ({ process }) => process.mbind(at(0), PAGE_SIZE, MPOL_BIND, 1, 0),
};
const MPOL_BIND = 2;

const guard: Operation<World> = {
  name: 'madvise(MADV_GUARD_INSTALL) 0-1',
  run: ({ process }) => process.madvise(at(0), PAGE_SIZE, MADV_GUARD_INSTALL),
};

const store1: Operation<World> = {
  name: 'store to 1',
  run: ({ process }) => process.store(at(1), 1),
};

const race = (name: string, ids: readonly string[], story: string, mutant: Mutant, of: Marked) => ({
  name,
  ids,
  story,
  variants: [breaks(mutant, marked(of, mutant)), holds('refcnt', marked(of))],
});

const growing = (mutant?: Mutant): EngineScenario<World> => ({
  protocol: {},
  ...planted(mutant),
  scheduler: { rcuBatch: 99 },
  setup(machine) {
    const world = worldOf(machine, '.');
    world.process.mmap(at(8), PAGE_SIZE, RW, FIXED | MAP_GROWSDOWN, -1, 0);
    return world;
  },
  threads: {
    grower: [{ name: 'store below the stack', run: ({ process }) => process.store(at(7), 1) }],
    reader: [readLocked(8)],
  },
  final: restless,
});

/** Maps a page of a file, which is set up. */
interface FileWorld extends World {
  readonly fd: number;
}

const readOfFile: Operation<FileWorld> = {
  name: 'read 0 under the VMA lock',
  run({ mm }) {
    const vma = lockVmaUnderRcu(mm, at(0));
    if (vma === null) return false;
    check(isInIMmap(vma), 'a VMA can be read that its file does not know of');
    vmaEndRead(vma);
    return true;
  },
};

const appearing = (mutant?: Mutant): EngineScenario<FileWorld> => ({
  protocol: {},
  ...planted(mutant),
  scheduler: { rcuBatch: 99 },
  setup(machine) {
    const fd = machine.open({ kind: 'regular', path: '/file', size: PAGE_SIZE, readable: true });
    return { ...worldOf(machine, '.'), fd };
  },
  threads: {
    mapper: [
      {
        name: 'mmap of a file',
        run: ({ process, fd }) => process.mmap(at(0), PAGE_SIZE, RO, MAP_SHARED | MAP_FIXED, fd, 0),
      },
    ],
    reader: [readOfFile],
  },
  final: restless,
});

export const MARKS: readonly Race[] = [
  race(
    '002-merge',
    ['P2-5', 'S2-41'],
    'A new range merges into the VMA that a reader is in.',
    'NO_MARK_MERGE',
    { picture: 'A.', call: mapFixed({ page: 1, count: 1 }, RO), page: 0 },
  ),
  race(
    '002-dup-anon-vma',
    ['P2-5'],
    'A merge gives its neighbour the anon_vma of what it takes over: d8ab9f7b644a.',
    'MARK_AFTER_DUP',
    {
      picture: '.B',
      prepare: [store1, protect({ page: 1, count: 1 }, RO), mapFixed({ page: 0, count: 1 }, RW)],
      call: protect({ page: 1, count: 1 }, RW),
      page: 0,
    },
  ),
  race(
    '002-mbind',
    ['P2-5', 'P2-16'],
    'mbind() replaces the policy of the VMA that a reader is in: CVE-2023-4611.',
    'NO_MARK_MODIFY',
    { picture: 'A', call: mbind, page: 0 },
  ),
  race(
    '002-page-walk',
    ['P2-16'],
    'A walk of the page tables changes entries of a VMA that a fault is in: 49b0638502da.',
    'NO_MARK_GUARD',
    { picture: 'B', call: guard, page: 0 },
  ),
  {
    name: '002-stack-growth',
    ids: ['P2-15', 'P2-5'],
    story: 'A stack grows while a fault is in its VMA: c137381f71ae.',
    variants: [breaks('NO_MARK_EXPAND', growing('NO_MARK_EXPAND')), holds('refcnt', growing())],
  },
  {
    name: '002-new-vma',
    ids: ['P2-5', 'S4-10'],
    story: 'A VMA can be found before the call that makes it is done: 33313a747e81.',
    variants: [
      breaks('STORE_BEFORE_MARK', appearing('STORE_BEFORE_MARK')),
      holds('refcnt', appearing()),
    ],
  },
];
