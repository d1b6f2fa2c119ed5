/** Seed 001: a mapping that its file's driver changes, refuses, or counts. */
import { isErr } from '../../engine/arena/errno.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import { NULL } from '../../engine/arena/ref.ts';
import { fget } from '../../engine/file/fd_table.ts';
import { fileInode, fput } from '../../engine/file/file_struct.ts';
import { mtreeLoad } from '../../engine/maple/maple.ts';
import { mmMt } from '../../engine/mm/mm_struct.ts';
import { lockVmaUnderRcu } from '../../engine/mm/vma_iterator.ts';
import { vmaEndRead } from '../../engine/mm/vma_lock.ts';
import { iMmapWalk } from '../../engine/rmap/rmap_walk.ts';
import {
  type Driver,
  type File,
  filePrivateData,
  type Machine,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Protocol,
  registerDriver,
  type Vma,
} from '../../index.ts';
import type { Operation, Results } from '../check/scenario.ts';
import { COUNTS_IN_HOOK, COUNTS_MAPPED, HOSTILE, MARKS, REFUSES } from './drivers.ts';
import type { EngineScenario } from './engine_stage.ts';
import { endOf } from './ledger.ts';
import { breaks, holds, planted, type Race } from './race.ts';
import { at, lookUp, RW, type World, worldOf } from './world.ts';

interface Hooked {
  readonly driver: Driver;
  readonly mmapHook: Protocol['mmapHook'];
  readonly mutant?: Mutant;
  /** What is mapped before, and whether page 0 is the file's. */
  readonly picture: string;
  readonly isNeighbour?: boolean;
  readonly mayFail?: ReadonlySet<string>;
  readonly walker?: Operation<World>;
  readonly final?: (world: World, results: Results) => string | null;
}

const mapPage = ({ process, files: [fd = -1] = [] }: World, page: number): number =>
  process.mmap(at(page), PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, fd, page * PAGE_SIZE);

/** Page 1 of a driver's file is mapped, as its driver will have it. */
const hooked = (given: Hooked): EngineScenario<World> => ({
  protocol: { mmapHook: given.mmapHook },
  ...planted(given.mutant),
  scheduler: { mayFail: given.mayFail ?? new Set() },
  setup(machine) {
    const world = worldWith(machine, given);
    if (given.isNeighbour === true) mapPage(world, 0);
    return world;
  },
  threads: {
    mapper: [{ name: 'mmap of the file', run: (world) => mapPage(world, 1) }],
    walker: [given.walker ?? lookUp(1)],
  },
  final: given.final ?? endOf,
});

function worldWith(machine: Machine, { driver, picture }: Hooked): World {
  registerDriver(driver);
  const spec = { kind: 'driver', driver: driver.name, path: '/device' } as const;
  const fd = machine.open({ ...spec, size: 4 * PAGE_SIZE, writable: true });
  const file = fget(fd) as File;
  fput(file); // the descriptor keeps it
  const owed = (): string | null => {
    const left = filePrivateData(file);
    return left === 0 ? null : `the driver counts ${left} mappings when all are gone`;
  };
  return { ...worldOf(machine, picture), files: [fd], owed };
}

/** What was mapped there is there still. */
function kept(world: World, results: Results): string | null {
  return results['walker']?.[0] === true
    ? endOf(world, results)
    : 'the refused mapping took the old one away';
}

const LOST: Race = {
  name: '001-lost-charge',
  ids: ['S1-10', 'S1-11', 'S1-12'],
  story: 'The driver refuses a private writable mapping in place of another one.',
  variants: [
    breaks('hook fails past the uncharge', refused('prepare', 'LOST_CHARGE')),
    holds('prepare', refused('prepare')),
    holds('proto', refused('proto')),
  ],
};

function refused(mmapHook: Protocol['mmapHook'], mutant?: Mutant): EngineScenario<World> {
  return hooked({ driver: REFUSES, mmapHook, picture: '.A', final: kept, ...planted(mutant) });
}

const OBJECTS = new Set(['vm_area_struct', 'maple_node']);

/** The robot's question: whether a mapping can succeed, and have no VMA. */
function hasVma(world: World, results: Results): string | null {
  const made = !isErr((results['mapper']?.[0] ?? -1) as number);
  const isThere = mtreeLoad(mmMt(world.mm), at(1)) !== NULL;
  return made === isThere ? endOf(world, results) : 'mmap() and the tree disagree';
}

const asked = (mmapHook: Protocol['mmapHook'], isNeighbour: boolean): EngineScenario<World> =>
  hooked({ driver: MARKS, mmapHook, picture: '', isNeighbour, mayFail: OBJECTS, final: hasVma });

const NULL_VMA: Race = {
  name: '001-null-vma',
  ids: ['S1-26', 'S1-29'],
  story: 'Any allocation of a mapping fails, whether it could merge or needs a VMA of its own.',
  variants: [
    holds('proto, new VMA', asked('proto', false)),
    holds('proto, merge', asked('proto', true)),
    holds('prepare, merge', asked('prepare', true)),
    holds('legacy, retried merge', asked('legacy', true)),
  ],
};

/** Locks the VMA of page 1, and asks the file whether it knows it. @returns what is wrong. */
const lockFound: Operation<World> = {
  name: 'lock the VMA of page 1',
  run({ mm, files: [fd = -1] = [] }) {
    const vma = lockVmaUnderRcu(mm, at(1));
    if (vma === null) return null;
    const file = fget(fd) as File;
    const known: Vma[] = [];
    iMmapWalk(fileInode(file), { first: 1, last: 1 }, (each) => {
      known.push(each);
      return true;
    });
    fput(file);
    vmaEndRead(vma);
    return known.includes(vma) ? null : 'the reader holds a VMA that its file does not know';
  },
};

const merged = (mmapHook: Protocol['mmapHook'], mutant?: Mutant): EngineScenario<World> =>
  hooked({
    driver: MARKS,
    mmapHook,
    picture: '',
    isNeighbour: true,
    walker: lockFound,
    final: (world, results) =>
      (results['walker']?.[0] as string | null | undefined) ?? endOf(world, results),
    ...planted(mutant),
  });

const RETRY_MERGE: Race = {
  name: '001-retry-merge',
  ids: ['S1-13', 'S1-15', 'S1-16'],
  story: 'The driver changes flags, the new VMA merges after all, and a reader has found it.',
  variants: [
    breaks('legacy, in the tree before it is marked', merged('legacy', 'STORE_BEFORE_MARK')),
    holds('legacy', merged('legacy')),
    holds('prepare, merged at once', merged('prepare')),
  ],
};

const unwound = (mutant?: Mutant): EngineScenario<World> =>
  hooked({ driver: HOSTILE, mmapHook: 'legacy', picture: '', ...planted(mutant) });

const UNWINDING: Race = {
  name: '001-driver-unwinding',
  ids: ['S1-2', 'S1-4'],
  story: 'A driver fills in half a VMA, puts another file in place, and fails: CVE-2024-53096.',
  variants: [
    breaks('closed after the refusal', unwound('CLOSE_AFTER_REFUSAL')),
    holds('forgotten', unwound()),
  ],
};

const counted = (driver: Driver, isNeighbour: boolean, mayFail = OBJECTS): EngineScenario<World> =>
  hooked({ driver, mmapHook: 'prepare', picture: '', isNeighbour, mayFail });

const REFERENCES: Race = {
  name: '001-references-on-merge',
  ids: ['S1-28', 'S1-32'],
  story: 'A driver counts its mappings; the mapping merges, or fails after the hook: AFS.',
  variants: [
    breaks('counted in the hook, merged', counted(COUNTS_IN_HOOK, true, new Set())),
    breaks('counted in the hook, failed', counted(COUNTS_IN_HOOK, false)),
    holds('counted in .mapped, merged', counted(COUNTS_MAPPED, true)),
    holds('counted in .mapped, failed', counted(COUNTS_MAPPED, false)),
  ],
};

export const HOOK_RACES: readonly Race[] = [LOST, NULL_VMA, RETRY_MERGE, UNWINDING, REFERENCES];
