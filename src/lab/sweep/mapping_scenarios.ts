/** Scenarios of what maps, unmaps and moves. */
import {
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MCL_FUTURE,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PROT_NONE,
  PROT_READ,
} from '../../index.ts';
import { page, pages, START_BRK } from './place.ts';
import { scenario, type Scenario } from './scenario.ts';
import {
  ANON,
  APART,
  DRIVEN,
  FILED,
  HOUSEHOLD,
  map,
  MOTLEY,
  open,
  ranged,
  RW,
  SHARED_ANON,
  SHMEM,
  step,
  TEN,
  TEN_OF_THREE,
  WATCHED,
  write,
} from './scene.ts';
import type { Step } from './step.ts';

const LEGACY = { mmapHook: 'legacy' } as const;
const PROTO = { mmapHook: 'proto' } as const;
const GAP = { mapFixedFailure: 'leave-gap' } as const;

const populated = (flags: number): number => flags | MAP_POPULATE;
const overDriven = (fd: number, first: number): Step =>
  map(first, 2, { flags: MAP_SHARED, fd, pgoff: 1 });

export const MMAP: readonly Scenario[] = [
  scenario('mmap of private memory', TEN, map(20, 2)),
  scenario('mmap anywhere', TEN, step('mmap', 0, pages(2), RW, ANON, -1, 0)),
  scenario('mmap of shared memory', TEN, map(20, 2, { flags: SHARED_ANON })),
  scenario('mmap of a file', MOTLEY, map(20, 2, { flags: MAP_SHARED, fd: 0 })),
  scenario('mmap of a file, private', MOTLEY, map(20, 2, { flags: MAP_PRIVATE, fd: 0 })),
  scenario('mmap of a memfd', SHMEM, map(30, 2, { flags: MAP_SHARED, fd: 0, pgoff: 9 })),
  scenario('mmap of a secret memfd', [open('a secret memfd')], overDriven(0, 0)),
  scenario('mmap over several VMAs', MOTLEY, map(2, 7, { prot: PROT_READ })),
  scenario('mmap over several VMAs, the kernel’s way', MOTLEY, map(2, 7, { prot: PROT_READ }), GAP),
  scenario('mmap of shared memory over the middle', TEN, map(4, 2, { flags: SHARED_ANON })),
  scenario('mmap that merges to both sides', APART, map(3, 2)),
  scenario('mmap over the middle that merges to both sides', TEN_OF_THREE, map(4, 2)),
  scenario('mmap that populates', TEN, map(20, 3, { flags: populated(ANON) })),
  scenario('mmap that populates shared memory', TEN, map(20, 3, { flags: populated(SHARED_ANON) })),
  scenario(
    'mmap that populates a file',
    FILED,
    map(30, 3, { flags: populated(MAP_SHARED), fd: 0 }),
  ),
  scenario('mmap of locked memory', TEN, map(20, 2, { flags: ANON | MAP_LOCKED })),
  scenario('mmap of what grows down', TEN, map(40, 2, { flags: ANON | MAP_GROWSDOWN })),
  scenario('mmap of a dax driver', DRIVEN, overDriven(1, 40)),
  scenario('mmap of a dax driver that is not converted', DRIVEN, overDriven(1, 40), LEGACY),
  scenario('mmap of a dax driver by its proto hook', DRIVEN, overDriven(1, 40), PROTO),
  scenario('mmap of a device', DRIVEN, overDriven(0, 40)),
  scenario('mmap of a device over the middle', DRIVEN, overDriven(0, 5)),
  scenario('mmap of a device over the middle, the kernel’s way', DRIVEN, overDriven(0, 5), GAP),
  scenario('mmap of a stream over the middle', DRIVEN, overDriven(2, 5)),
  scenario('mmap of a stream by its legacy hook', DRIVEN, overDriven(2, 5), LEGACY),
  scenario(
    'mmap of a stream over several VMAs by its legacy hook',
    [...TEN_OF_THREE, write(3), open('a stream')],
    map(3, 3, { flags: MAP_SHARED, fd: 0 }),
    LEGACY,
  ),
  scenario(
    'mmap of a stacked file',
    [open('a regular file'), open('a stacked file')],
    overDriven(1, 0),
  ),
];

export const MUNMAP: readonly Scenario[] = [
  scenario('munmap of the middle', TEN, ranged('munmap', 4, 2)),
  scenario('munmap across several VMAs', MOTLEY, ranged('munmap', 1, 8)),
  scenario('munmap of guarded pages', HOUSEHOLD, ranged('munmap', 32, 1)),
  scenario('munmap of the middle of a file', FILED, ranged('munmap', 2, 12)),
  scenario('munmap of the middle of a dax driver’s', DRIVEN, ranged('munmap', 5, 2)),
  scenario('munmap of what two share', [...TEN, step('fork')], ranged('munmap', 4, 2)),
];

export const MPROTECT: readonly Scenario[] = [
  scenario('mprotect of the middle', TEN, ranged('mprotect', 4, 2, PROT_READ)),
  scenario(
    'mprotect that makes memory writable and charges it',
    [map(0, 10, { prot: PROT_READ })],
    ranged('mprotect', 4, 2, RW),
  ),
  scenario('mprotect that merges', TEN_OF_THREE, ranged('mprotect', 4, 2, RW)),
  scenario('mprotect across several VMAs', MOTLEY, ranged('mprotect', 1, 2, PROT_NONE)),
  scenario('mprotect of half of each', TEN_OF_THREE, ranged('mprotect', 2, 6, PROT_NONE)),
  scenario('mprotect of a private file', FILED, ranged('mprotect', 12, 2, PROT_READ)),
];

const MOVE = MREMAP_MAYMOVE;
const TO = MREMAP_MAYMOVE | MREMAP_FIXED;
const mremap = (first: number, from: number, to: number, flags: number, at = 0): Step =>
  ranged('mremap', first, from, pages(to), flags, at === 0 ? 0 : page(at));

export const MREMAP: readonly Scenario[] = [
  scenario('mremap that grows in place', APART, mremap(0, 3, 5, 0)),
  scenario('mremap that grows a locked mapping', HOUSEHOLD, mremap(20, 2, 4, 0)),
  scenario('mremap that grows and moves', APART, mremap(0, 3, 7, MOVE)),
  scenario('mremap of the middle to another place', TEN, mremap(4, 2, 2, TO, 40)),
  scenario('mremap to far away', TEN, mremap(4, 2, 2, TO, 2 ** 20)),
  scenario('mremap over something else', MOTLEY, mremap(1, 1, 1, TO, 7)),
  scenario('mremap over the middle of something else', FILED, mremap(1, 2, 2, TO, 12)),
  scenario('mremap of all of a mapping', APART, mremap(5, 3, 3, TO, 40)),
  scenario('mremap of several VMAs', TEN_OF_THREE, mremap(2, 6, 6, TO, 40)),
  scenario('mremap that leaves its source', TEN, mremap(2, 3, 3, MOVE | MREMAP_DONTUNMAP, 50)),
  scenario('mremap that shrinks', TEN, mremap(2, 5, 2, 0)),
  scenario('mremap of guarded memory', HOUSEHOLD, mremap(30, 4, 4, TO, 60)),
  scenario('mremap of a shared file', FILED, mremap(0, 4, 4, TO, 60)),
  scenario('mremap that maps a second time', FILED, mremap(0, 0, 4, MOVE)),
  scenario('mremap of what is watched', WATCHED, mremap(2, 4, 4, TO, 60)),
];

export const BRK: readonly Scenario[] = [
  scenario('brk that makes a heap', TEN, step('brk', START_BRK + pages(3))),
  scenario(
    'brk that grows a heap',
    [step('brk', START_BRK + pages(2))],
    step('brk', START_BRK + pages(5)),
  ),
  scenario(
    'brk that shrinks a heap',
    [step('brk', START_BRK + pages(5))],
    step('brk', START_BRK + pages(2)),
  ),
  scenario(
    'brk of a locked heap',
    [step('mlockall', MCL_FUTURE), step('brk', START_BRK + pages(2))],
    step('brk', START_BRK + pages(5)),
  ),
];
