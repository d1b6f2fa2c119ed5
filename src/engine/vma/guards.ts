/**
 * Guard regions: pages that MADV_GUARD_INSTALL made inaccessible. Linux keeps
 * them as marks in page tables; until there are some, each mm has a second range
 * tree that says where they are.
 *
 * They survive a change of protection and MADV_DONTNEED, move with mremap, are
 * copied by fork, and end with the mapping.
 *
 * Source: mm/madvise.c, madvise_guard_install(), v6.18, for what they do.
 */
import { ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import {
  type Mas,
  masDestroy,
  masFind,
  masPreallocate,
  masState,
  masStoreGfp,
  masStorePrealloc,
  mtDestroy,
  mtDup,
  mtEmpty,
  mtreeLoad,
} from '../maple/maple.ts';
import type { MmRead, MmWrite } from '../mm/held.ts';
import { mmGuards } from '../mm/mm_struct.ts';
import type { ByteRange } from './vma_merge.ts';

const GUARD = 1;

export const isGuardPage = (mm: MmRead, addr: number): boolean =>
  mtreeLoad(mmGuards(mm), addr) !== NULL;

export const hasGuards = (mm: MmRead): boolean => !mtEmpty(mmGuards(mm));

/** @returns where the first guard in the range begins, or null. */
export function firstGuard(mm: MmRead, { start, end }: ByteRange): number | null {
  const mas = masState(mmGuards(mm), start, start);
  return masFind(mas, end - 1) === NULL ? null : Math.max(mas.index, start);
}

/** Marks or clears a range. @returns 0 or ENOMEM. */
export function setGuards(
  mm: MmWrite,
  { start, end }: ByteRange,
  is: 'guarded' | 'free',
): 0 | Errno {
  if (is === 'free' && firstGuard(mm, { start, end }) === null) return OK;
  const mas = masState(mmGuards(mm), start, end - 1);
  return masStoreGfp(mas, is === 'guarded' ? GUARD : NULL);
}

/** Reserves what clearing a range takes; null when there is nothing to clear. @returns ENOMEM. */
export function reserveGuardZap(mm: MmWrite, { start, end }: ByteRange): Mas | null | Errno {
  if (mtEmpty(mmGuards(mm)) || firstGuard(mm, { start, end }) === null) return null;
  const mas = masState(mmGuards(mm), start, end - 1);
  return masPreallocate(mas, NULL) === OK ? mas : ENOMEM;
}

/** Clears what was reserved for; it cannot fail. */
export function zapGuards(reserved: Mas | null): void {
  if (reserved !== null) masStorePrealloc(reserved, NULL);
}

export function cancelGuardZap(reserved: Mas | null): void {
  if (reserved !== null) masDestroy(reserved);
}

/** Guards of the range appear `shift` bytes further on too. @returns 0 or ENOMEM. */
export function copyGuards(mm: MmWrite, { start, end }: ByteRange, shift: number): 0 | Errno {
  if (mtEmpty(mmGuards(mm))) return OK;
  for (let at = firstGuard(mm, { start, end }); at !== null;) {
    const until = guardEnd(mm, at, end);
    const result = setGuards(mm, { start: at + shift, end: until + shift }, 'guarded');
    if (isErr(result)) return result;
    at = until < end ? firstGuard(mm, { start: until, end }) : null;
  }
  return OK;
}

function guardEnd(mm: MmRead, at: number, limit: number): number {
  const mas = masState(mmGuards(mm), at, at);
  masFind(mas, limit - 1);
  return Math.min(mas.last + 1, limit);
}

/**
 * A forked child has the same guards; what is not copied clears them afterwards. @returns 0 or
 * ENOMEM.
 */
export const forkGuards = (parent: MmRead, child: MmWrite): 0 | Errno =>
  mtEmpty(mmGuards(parent)) ? OK : mtDup(mmGuards(child), mmGuards(parent));

export const destroyGuards = (mm: MmWrite): void => mtDestroy(mmGuards(mm));
