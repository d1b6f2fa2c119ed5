/** Seed 000: what MAP_FIXED replaces is in use while it goes: pages, the file's mappings, a driver. */
import { registerDriver } from '../../drivers.ts';
import type { Mutant } from '../../engine/arena/mutants.ts';
import { fget } from '../../engine/file/fd_table.ts';
import {
  type Driver,
  EBUSY,
  type File,
  filePrivateData,
  type Machine,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  type Protocol,
  setFilePrivateData,
  vmFile,
  type VmOperations,
} from '../../index.ts';
import type { Operation } from '../check/scenario.ts';
import type { EngineScenario } from './engine_stage.ts';
import { endOf } from './ledger.ts';
import { breaks, holds, type Race } from './race.ts';
import { at, mapFixed, RO, RW, type World, worldOf } from './world.ts';

const planted = (mutant?: Mutant): { mutant?: Mutant } => (mutant === undefined ? {} : { mutant });

interface FileWorld extends World {
  readonly files: readonly [number];
}

/** One page of a file, mapped and in memory, is replaced by the same page of it. */
const truncated = (mutant?: Mutant): EngineScenario<FileWorld> => ({
  protocol: {},
  ...planted(mutant),
  setup(machine) {
    const fd = machine.open({ kind: 'shmem', path: '/f', size: PAGE_SIZE, writable: true });
    const world = { ...worldOf(machine, ''), files: [fd] as const };
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

/** What ftruncate() does between the file's size and its pages. */
function unmapFile({ files: [fd] }: FileWorld): void {
  const inode = fileInode(fget(fd) as File);
  unmapMappingRange(inode, { first: 0, last: 0 }, 'keep-markers');
}

const mapFile = ({ process, files: [fd] }: FileWorld, prot: number): number =>
  process.mmap(at(0), PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, fd, 0);

export const TRUNCATE: Race = {
  name: '000-truncate',
  ids: ['S0-23'],
  story: 'ftruncate() walks the reverse map while MAP_FIXED replaces one of the file’s mappings.',
  variants: [
    breaks('cleaned up after the store', truncated('LATE_CLEAN_UP')),
    holds('cleaned up before', truncated()),
  ],
};
