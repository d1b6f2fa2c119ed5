/** Scenarios of what changes or brings in pages. */
import {
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_HUGEPAGE,
  MADV_MERGEABLE,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MAP_GROWSDOWN,
  MCL_CURRENT,
  MCL_FUTURE,
  MLOCK_ONFAULT,
  MPOL_PREFERRED,
  MS_SYNC,
  UFFDIO_REGISTER_MODE_WP,
} from '../../index.ts';
import { page, pages } from './place.ts';
import { scenario, type Scenario } from './scenario.ts';
import {
  ANON,
  APART,
  by,
  DRIVEN,
  FILED,
  map,
  MOTLEY,
  ranged,
  read,
  SHARED_ANON,
  SHMEM,
  step,
  TEN,
  TEN_OF_THREE,
  WATCHED,
  write,
} from './scene.ts';
import type { Step } from './step.ts';

const advised = (name: string, advice: number, before = TEN): Scenario =>
  scenario(`madvise ${name}`, before, ranged('madvise', 4, 3, advice));

export const MADVISE: readonly Scenario[] = [
  advised('MADV_DONTFORK of the middle', MADV_DONTFORK),
  advised('MADV_DONTFORK across several VMAs', MADV_DONTFORK, TEN_OF_THREE),
  advised('MADV_HUGEPAGE', MADV_HUGEPAGE),
  advised('MADV_MERGEABLE', MADV_MERGEABLE),
  advised('MADV_DONTNEED', MADV_DONTNEED),
  advised('MADV_FREE', MADV_FREE),
  advised('MADV_POPULATE_READ', MADV_POPULATE_READ),
  advised('MADV_POPULATE_WRITE', MADV_POPULATE_WRITE),
  advised('MADV_POPULATE_WRITE of a file', MADV_POPULATE_WRITE, FILED),
  advised('MADV_GUARD_INSTALL', MADV_GUARD_INSTALL),
  advised('MADV_GUARD_REMOVE', MADV_GUARD_REMOVE, [
    ...TEN,
    ranged('madvise', 4, 3, MADV_GUARD_INSTALL),
  ]),
  advised('MADV_REMOVE', MADV_REMOVE, SHMEM),
  scenario(
    'madvise MADV_GUARD_INSTALL where a page table ends',
    [map(505, 14), write(507), write(509)],
    ranged('madvise', 506, 10, MADV_GUARD_INSTALL),
  ),
];

const LOCKED: readonly Step[] = [...TEN, ranged('mlock', 0, 10)];

export const MLOCK: readonly Scenario[] = [
  scenario('mlock of the middle', TEN, ranged('mlock', 4, 2)),
  scenario('mlock across several VMAs', MOTLEY, ranged('mlock', 1, 4)),
  scenario('mlock2 of the middle', TEN, ranged('mlock2', 4, 2, MLOCK_ONFAULT)),
  scenario('munlock of the middle', LOCKED, ranged('munlock', 4, 2)),
  scenario('mlockall', MOTLEY, step('mlockall', MCL_CURRENT | MCL_FUTURE)),
  scenario('munlockall', [...TEN_OF_THREE, ranged('mlock', 2, 4)], step('munlockall')),
];

export const OTHERS: readonly Scenario[] = [
  scenario('mseal of the middle', TEN, ranged('mseal', 4, 2)),
  scenario('a name for the middle', TEN, ranged('name', 4, 2, 1)),
  scenario('mbind of the middle', TEN, ranged('mbind', 4, 2, MPOL_PREFERRED, 1)),
  scenario('remap_file_pages', FILED, ranged('remap_file_pages', 0, 2, 5)),
  scenario('msync', FILED, ranged('msync', 0, 4, MS_SYNC)),
];

export const FAULTS: readonly Scenario[] = [
  scenario('a first write', APART, write(1)),
  scenario('a first write with nothing near', [map(0, 4)], write(1)),
  scenario('a first read', [map(0, 4)], read(1)),
  scenario('a write where zeroes were read', [map(0, 4), read(1)], write(1)),
  scenario('a read of a file', FILED, read(3)),
  scenario('a write to a shared file', FILED, write(3)),
  scenario('a write to a private file', FILED, write(13)),
  scenario('a write to a private file’s page that was read', [...FILED, read(13)], write(13)),
  scenario('a read of a memfd', SHMEM, read(3)),
  scenario('a write to a memfd', SHMEM, write(3)),
  scenario('a write to shared memory', [map(0, 4, { flags: SHARED_ANON })], write(1)),
  scenario('a write to a file of a driver', DRIVEN, write(6)),
  scenario('a write after a fork', [...TEN, step('fork')], write(0)),
  scenario('a write by the child', [...TEN, step('fork')], by(1, write(0))),
  scenario('a write of the child to a page of its own', [...TEN, step('fork')], by(1, write(7))),
  scenario(
    'a write below what grows down',
    [map(40, 2, { flags: ANON | MAP_GROWSDOWN })],
    write(39),
  ),
  scenario('a store', TEN, step('store', page(3), 7)),
  scenario('a load of a file', FILED, step('load', page(20))),
];

const uffd = (
  name: 'uffd_register' | 'uffd_unregister' | 'uffd_zeropage',
  ...more: number[]
): Step => step(name, 0, page(4), pages(2), ...more);

export const USERFAULTFD: readonly Scenario[] = [
  scenario('userfaultfd', TEN, step('userfaultfd', 0)),
  scenario('registering the middle', WATCHED, uffd('uffd_register', UFFDIO_REGISTER_MODE_WP)),
  scenario('unregistering the middle', WATCHED, uffd('uffd_unregister')),
  scenario(
    'closing a userfaultfd, which merges',
    [...WATCHED, uffd('uffd_unregister')],
    step('close', 0),
  ),
  scenario(
    'filling pages that are watched',
    [...WATCHED, map(60, 3), write(60)],
    step('uffd_copy', 0, page(6), page(60), pages(3)),
  ),
  scenario('filling pages with zeroes', WATCHED, uffd('uffd_zeropage')),
  scenario(
    'protecting pages that are watched',
    [
      ...WATCHED.slice(0, -1),
      step('uffd_register', 0, page(0), pages(10), UFFDIO_REGISTER_MODE_WP),
    ],
    step('uffd_writeprotect', 0, page(4), pages(2), 1),
  ),
  scenario('reading that there was a fork', [...WATCHED, step('fork')], step('uffd_read', 0)),
];
