/**
 * Readers of VMAs, and what holds for them in the words of the field: who has a VMA's read lock has
 * a VMA of its mm that contains the address, that no writer has marked, and that stays as it is.
 */
import * as atomics from '#atomics';
import { NULL } from '../../engine/arena/ref.ts';
import type { Mm, MmRead, Vma, VmaRcu } from '../../engine/mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../../engine/mm/mmap_lock.ts';
import { mmLockSeqAt, mmMmapLockAt } from '../../engine/mm/mm_struct.ts';
import { hasNoVmaLock, isDefaultVmaLock } from '../../engine/mm/protocol.ts';
import { eachVma, lockVmaUnderRcu, vmaLookup } from '../../engine/mm/vma_iterator.ts';
import {
  isMarked,
  isVmaDetached,
  VMA_DETACHED,
  VMA_LOCKED,
  vmaEndRead,
  vmaStartRead,
} from '../../engine/mm/vma_lock.ts';
import {
  vmAttachedAt,
  vmEnd,
  vmFlags,
  vmLockAt,
  vmMm,
  vmPolicy,
  vmRefcntAt,
  vmStart,
} from '../../engine/mm/vma_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../../engine/rcu/rcu.ts';
import { check } from '../check/demands.ts';
import type { Operation } from '../check/scenario.ts';
import { at, type World } from './world.ts';

/** Locks the VMA of a page, and looks at it twice. @returns whether it got the lock. */
export const readLocked = (page: number): Operation<World> => ({
  name: `read ${page} under the VMA lock`,
  run({ mm }) {
    const vma = lockVmaUnderRcu(mm, at(page));
    if (vma === null) return false;
    lookInside(mm, vma, at(page));
    vmaEndRead(vma);
    return true;
  },
});

/** The same by who has found the VMA before all that is explored: it may be anybody's by now. */
export const readFoundBefore = (page: number): Operation<World & { readonly vma: VmaRcu }> => ({
  name: `read ${page} by a VMA that was found before`,
  run({ mm, vma: found }) {
    rcuReadLock();
    const vma = vmaStartRead(mm, found);
    rcuReadUnlock();
    if (vma === VMA_LOCKED || vma === VMA_DETACHED) return false;
    lookInside(mm, vma, at(page));
    vmaEndRead(vma);
    return true;
  },
});

function lookInside(mm: Mm, vma: Vma, addr: number): void {
  check(vmMm(vma) === mm, 'the reader holds a VMA of another mm');
  const contains = addr >= vmStart(vma) && addr < vmEnd(vma);
  check(contains, 'the reader holds a VMA that does not contain its address');
  const before = fieldsOf(vma);
  check(!isVmaDetached(vma), 'the reader is inside a VMA that has left its address space');
  // A mark ends before mmap_lock is free, and no other one begins while somebody is inside.
  check(!isMarked(mm, vma), 'the reader is inside a VMA that a writer has marked');
  check(before === fieldsOf(vma), 'a VMA changes while its reader is inside');
}

const fieldsOf = (vma: Vma): string =>
  [vmStart(vma), vmEnd(vma), vmFlags(vma), vmPolicy(vma)].join(' ');

/** Looks a page up under mmap_lock: no VMA is marked then. @returns whether one is there. */
export const readUnderMmapLock = (page: number): Operation<World> => ({
  name: `read ${page} under mmap_lock`,
  run({ mm }) {
    const reader = mmapReadLock(mm);
    const vma = vmaLookup(reader, at(page));
    const marked = vma !== NULL && isMarked(mm, vma);
    check(!marked, 'who has mmap_lock for read meets a VMA that is still marked');
    mmapReadUnlock(reader);
    return vma !== NULL;
  },
});

/** When all is done, nobody holds anything. @returns what somebody still does, or null. */
export function restless({ mm }: Pick<World, 'mm'>): string | null {
  if (atomics.load(mmMmapLockAt(mm)) !== 0) return 'mmap_lock is not free at rest';
  if ((atomics.load(mmLockSeqAt(mm)) & 1) !== 0) return 'the sequence says "writing" at rest';
  const reader = mmapReadLock(mm);
  const wrong = wrongVma(reader);
  mmapReadUnlock(reader);
  return wrong;
}

function wrongVma(mm: MmRead): string | null {
  for (const vma of eachVma(mm)) {
    if (vmMm(vma) !== mm) return 'the tree has a VMA of another mm';
    const wrong = hasNoVmaLock() ? null : heldWord(vma);
    if (wrong !== null) return wrong;
  }
  return null;
}

/** A lock word that is not what it is without readers, or null. */
function heldWord(vma: Vma): string | null {
  if (isVmaDetached(vma)) return 'the tree has a detached VMA';
  if (isDefaultVmaLock()) {
    const count = atomics.load(vmRefcntAt(vma));
    return count === 1 ? null : `vm_refcnt is ${count} at rest`;
  }
  const word = atomics.load(vmLockAt(vma));
  return word === 0
    ? null
    : `vm_lock is ${word} at rest, attached ${atomics.load(vmAttachedAt(vma))}`;
}
