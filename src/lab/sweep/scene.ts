/** What is there before the call of a scenario: lists of steps. */
import {
  MADV_DONTFORK,
  MADV_GUARD_INSTALL,
  MADV_WIPEONFORK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_LOCKED,
  MAP_PRIVATE,
  MAP_SHARED,
  O_NONBLOCK,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  UFFD_FEATURE_EVENT_FORK,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../index.ts';
import { page, pages } from './place.ts';
import { FILE_KINDS, type FileKindName } from './stage.ts';
import type { Step, StepName } from './step.ts';

export const RW = PROT_READ | PROT_WRITE;
export const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
export const SHARED_ANON = MAP_SHARED | MAP_ANONYMOUS;

/** A step of the first process. */
export const step = (name: StepName, ...args: number[]): Step => ({ process: 0, name, args });

/** The same, of another process. */
export const by = (process: number, { name, args }: Step): Step => ({ process, name, args });

/** A step about `count` pages from page `first` on. */
export const ranged = (name: StepName, first: number, count: number, ...more: number[]): Step =>
  step(name, page(first), pages(count), ...more);

/** How something is mapped. */
interface Mapping {
  readonly prot?: number;
  /** MAP_*; MAP_FIXED is always set. */
  readonly flags?: number;
  readonly fd?: number;
  /** Pages. */
  readonly pgoff?: number;
}

/** Maps pages [first, first + count). Default: private memory to be written. */
export function map(first: number, count: number, mapping: Mapping = {}): Step {
  const { prot = RW, flags = ANON, fd = -1, pgoff = 0 } = mapping;
  return ranged('mmap', first, count, prot, flags | MAP_FIXED, fd, pages(pgoff));
}

/** Opens a file of `size` pages: descriptors count from 0. */
export const open = (kind: FileKindName, size = 32): Step =>
  step(
    'open',
    FILE_KINDS.findIndex(({ name }) => name === kind),
    size,
  );

/** Stores another number in every page, so that none that is lost goes unnoticed. */
export const write = (at: number): Step => step('store', page(at), 1000 + at);
export const read = (at: number): Step => step('touch', page(at), 0);

/** Ten pages, one of them there. */
export const TEN: readonly Step[] = [map(0, 10), write(0), write(5)];

/** Ten pages, two of them changed to be read only. */
export const TEN_OF_THREE: readonly Step[] = [...TEN, ranged('mprotect', 4, 2, PROT_READ)];

/** Files, anonymous memory, holes: one of each. */
export const MOTLEY: readonly Step[] = [
  open('a regular file'),
  map(0, 3),
  write(1),
  map(3, 2, { prot: PROT_READ, flags: MAP_SHARED, fd: 0 }),
  map(6, 2, { flags: SHARED_ANON }),
  map(8, 2, { flags: MAP_PRIVATE, fd: 0, pgoff: 4 }),
  write(8),
];

/** Two mappings that one in between makes one. */
export const APART: readonly Step[] = [map(0, 3), map(5, 3), write(6)];

/** Everything a fork treats in its own way. */
export const HOUSEHOLD: readonly Step[] = [
  ...MOTLEY,
  map(12, 2),
  ranged('madvise', 12, 1, MADV_DONTFORK),
  ranged('madvise', 13, 1, MADV_WIPEONFORK),
  map(20, 2, { flags: ANON | MAP_LOCKED }),
  map(30, 4),
  ranged('madvise', 31, 2, MADV_GUARD_INSTALL),
  ranged('name', 30, 4, 1),
];

/** Ten pages watched by descriptor 0, which hears of forks too. */
export const WATCHED: readonly Step[] = [
  ...TEN,
  step('userfaultfd', O_NONBLOCK),
  step('uffd_api', 0, UFFD_FEATURE_EVENT_FORK),
  step('uffd_register', 0, page(0), pages(10), UFFDIO_REGISTER_MODE_MISSING),
];

/** A file's pages, shared and private, some of them there. */
export const FILED: readonly Step[] = [
  open('a regular file'),
  map(0, 8, { flags: MAP_SHARED, fd: 0 }),
  map(10, 8, { flags: MAP_PRIVATE, fd: 0 }),
  write(1),
  write(11),
];

/** The same of a memfd. */
export const SHMEM: readonly Step[] = [open('a memfd'), ...FILED.slice(1)];

/** A file of each driver, each mapped. */
export const DRIVEN: readonly Step[] = [
  open('a device', 4),
  open('a file of a dax driver'),
  open('a stream'),
  map(0, 4, { flags: MAP_SHARED, fd: 0 }),
  map(4, 4, { flags: MAP_SHARED, fd: 1 }),
  map(8, 4, { flags: MAP_SHARED, fd: 2 }),
  write(5),
];

/** As many other VMAs as fill leaves of the tree to different heights. */
export const crowd = (count: number): Step[] =>
  Array.from({ length: count }, (_, i) => map(200 + 2 * i, 1, { prot: PROT_NONE }));
