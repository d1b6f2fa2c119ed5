/**
 * Every VMA of an address space in address order, by what `protocol.mapsReader` holds:
 *
 *   per-vma     the lock of the VMA that is looked at: its neighbours may change
 *   rcu         nothing: what is looked at is a copy
 *   mmap-lock   mmap_lock from the first to the last: all of it is of one moment
 *
 * By the first two a walk is no picture of one moment, but each VMA is one that was there, and
 * nothing that was there all the time is left out: see mm/next_vma.ts.
 */
import { NULL, type Null } from '../arena/ref.ts';
import type { Mm, MmRead, Vma } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { lockNextVma, nextVma, unlockNextVma } from '../mm/next_vma.ts';
import { protocolMapsReader, READER_MMAP_LOCK, READER_RCU } from '../mm/protocol.ts';
import { isMarker, vmaIterator, vmaNext } from '../mm/vma_iterator.ts';
import { rcuWalk } from './rcu_walk.ts';

/** A walk that is under way. */
export interface VmaWalk {
  /** The next VMA, which stays as it is until the next call; NULL behind the last. */
  next(): Vma | Null;
  /** Lets go of what is held. */
  end(): void;
}

/**
 * Shows the VMAs that end after `from` to `visit`, until it returns false. It may not take
 * mmap_lock, nor the lock of a VMA for write.
 *
 * @returns whether it came to the end.
 */
export function walkVmas(mm: Mm, from: number, visit: (vma: Vma) => boolean | void): boolean {
  return runWalk(vmaWalk(mm, from), visit);
}

/**
 * The same for who looks at the VMA's pages, and so needs more than a copy: the locks of the
 * VMAs take the place of RCU.
 */
export function walkVmasAndPages(mm: Mm, visit: (vma: Vma) => boolean | void): void {
  runWalk(
    protocolMapsReader() === READER_MMAP_LOCK ? mmapLockWalk(mm, 0) : perVmaWalk(mm, 0),
    visit,
  );
}

function runWalk(walk: VmaWalk, visit: (vma: Vma) => boolean | void): boolean {
  let vma = walk.next();
  while (vma !== NULL && visit(vma) !== false) vma = walk.next();
  walk.end();
  return vma === NULL;
}

function vmaWalk(mm: Mm, from: number): VmaWalk {
  const reader = protocolMapsReader();
  if (reader === READER_RCU) return rcuWalk(mm, from) ?? perVmaWalk(mm, from);
  return reader === READER_MMAP_LOCK ? mmapLockWalk(mm, from) : perVmaWalk(mm, from);
}

function perVmaWalk(mm: Mm, from: number): VmaWalk {
  const next = nextVma(mm, from);
  return { next: () => lockNextVma(next), end: () => unlockNextVma(next) };
}

function mmapLockWalk(mm: Mm, from: number): VmaWalk {
  const reader: MmRead = mmapReadLock(mm);
  const vmi = vmaIterator(reader, from);
  return {
    next(): Vma | Null {
      const vma = vmaNext(vmi);
      return isMarker(vma) ? NULL : vma;
    },
    end: () => void mmapReadUnlock(reader),
  };
}
