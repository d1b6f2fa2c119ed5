/** Seed 000: what MAP_FIXED replaces is in use while it goes: the file's mappings, a driver. */
import type { Mutant } from '../../engine/arena/mutants.ts';
import { fget } from '../../engine/file/fd_table.ts';
import { fileInode, fput } from '../../engine/file/file_struct.ts';
import type { Inode } from '../../engine/file/inode.ts';
import { unmapMappingRange } from '../../engine/rmap/unmap_mapping.ts';
import {
  type Driver,
  EBUSY,
  type File,
  filePrivateData,
  MAP_FIXED,
  MAP_SHARED,
  PAGE_SIZE,
  registerDriver,
  setFilePrivateData,
  vmFile,
  type VmOperations,
} from '../../index.ts';
import type { EngineScenario } from './engine_stage.ts';
import { endOf } from './ledger.ts';
import { breaks, holds, planted, type Race } from './race.ts';
import { at, lookUp, RO, RW, type World, worldOf } from './world.ts';

interface FileWorld extends World {
  readonly files: readonly [number];
  readonly inode: Inode;
}

/** One page of a file, mapped and in memory, is replaced by the same page of it. */
const truncated = (mutant?: Mutant): EngineScenario<FileWorld> => ({
  protocol: {},
  ...planted(mutant),
  setup(machine) {
    const fd = machine.open({ kind: 'shmem', path: '/f', size: PAGE_SIZE, writable: true });
    const file = fget(fd) as File;
    const world = { ...worldOf(machine, ''), files: [fd] as const, inode: fileInode(file) };
    fput(file);
    mapFile(world, RW);
    world.process.touch(at(0), 'write');
    return world;
  },
  threads: {
    mapper: [{ name: 'mmap(MAP_FIXED) of the file', run: (world) => mapFile(world, RO) }],
    truncater: [{ name: 'unmap the file', run: unmapFile }],
  },
  final: endOf,
});

const mapFile = ({ process, files: [fd] }: FileWorld, prot: number): number =>
  process.mmap(at(0), PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, fd, 0);

/** What ftruncate() does between the file's size and its pages. */
const unmapFile = ({ inode }: FileWorld): void =>
  unmapMappingRange(inode, { first: 0, last: 0 }, 'keep-markers');

export const TRUNCATE: Race = {
  name: '000-truncate',
  ids: ['S0-23'],
  story: 'ftruncate() walks the reverse map while MAP_FIXED replaces one of the file’s mappings.',
  variants: [
    breaks('cleaned up after the store', truncated('LATE_CLEAN_UP')),
    holds('cleaned up before', truncated()),
  ],
};

const count = (file: File, more: number): void =>
  setFilePrivateData(file, filePrivateData(file) + more);

const SLOT_OPS: VmOperations = {
  name: 'one slot',
  close: (vma) => count(vmFile(vma) as File, -1),
};

/** A device that has one window, for one mapping at a time. */
const SLOT: Driver = {
  name: 'one slot',
  vmOperations: [SLOT_OPS],
  fileOperations: {
    mmap(file, vma) {
      if (filePrivateData(file) !== 0) return EBUSY;
      count(file, 1);
      vma.vmOps = SLOT_OPS;
      return 0;
    },
  },
};

const mapSlot = ({ process, files: [fd = -1] = [] }: World): number =>
  process.mmap(at(0), PAGE_SIZE, RW, MAP_SHARED | MAP_FIXED, fd, 0);

const slotted = (mutant?: Mutant): EngineScenario<World> => ({
  protocol: { mmapHook: 'legacy' },
  ...planted(mutant),
  setup(machine) {
    registerDriver(SLOT);
    const file = { kind: 'driver', driver: SLOT.name, path: '/slot' } as const;
    const fd = machine.open({ ...file, size: PAGE_SIZE, writable: true });
    const world = { ...worldOf(machine, ''), files: [fd] };
    mapSlot(world);
    return world;
  },
  threads: { mapper: [{ name: 'mmap(MAP_FIXED) again', run: mapSlot }], walker: [lookUp(0)] },
  final(world, results) {
    if (results['mapper']?.[0] !== at(0)) return 'the old mapping was not closed when .mmap came';
    if (results['walker']?.[0] !== true) return 'the walker found nothing where pages are mapped';
    return endOf(world, results);
  },
});

export const CLOSE_BEFORE_REPLACE: Race = {
  name: '000-close-before-replace',
  ids: ['S0-22'],
  story: 'MAP_FIXED replaces a mapping of a driver that can have only one at a time.',
  variants: [
    breaks('closed when it is freed', slotted('LATE_CLOSE')),
    holds('closed before .mmap', slotted()),
  ],
};
