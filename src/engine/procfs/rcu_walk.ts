/**
 * From VMA to VMA without holding anything: each is copied under RCU, and the copy is good if
 * nobody wrote meanwhile. Else the next one is copied under mmap_lock, so a walk gets on.
 *
 *   mm_lock_seq is 8 ─> find, copy, take a reference to its file ─> still 8? a copy of one moment
 *                                                                 └> no: again, under mmap_lock
 *
 * A form that Linux did not take: it was discussed in April 2025, before the VMA locks.
 */
import { NULL, type Null } from '../arena/ref.ts';
import { fput, getFile, getFileUnlessGone } from '../file/file_struct.ts';
import type { Mm, Vma, VmaHidden, VmaRcu } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { findNextVma, type NextVma, nextVma } from '../mm/next_vma.ts';
import {
  mmapLockSpeculateRetry,
  mmapLockSpeculateTryBegin,
  NO_SPECULATION,
} from '../mm/speculate.ts';
import { vmAreaAlloc, vmAreaFreeUnreachable } from '../mm/vma_alloc.ts';
import { findVma, isMarker } from '../mm/vma_iterator.ts';
import {
  setVmAnonName,
  setVmAnonVma,
  setVmFile,
  setVmFlags,
  setVmOps,
  setVmPgoff,
  setVmRange,
  vmAnonName,
  vmAnonVma,
  vmaCopyRcu,
  vmEnd,
  vmFile,
  vmFileRcu,
  vmFlags,
  vmHasAnonNameRcu,
  vmOps,
  vmPgoff,
  vmStart,
} from '../mm/vma_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../rcu/rcu.ts';
import { textGet, textPut } from '../slab/text.ts';
import type { VmaWalk } from './vma_walk.ts';

/** @returns null when there is no memory for a copy. */
export function rcuWalk(mm: Mm, from: number): VmaWalk | null {
  const copy = vmAreaAlloc(mm);
  if (copy === NULL) return null;
  const next = nextVma(mm, from);
  return {
    next: () => copyNextVma(next, copy),
    end() {
      dropCopy(copy);
      vmAreaFreeUnreachable(copy);
    },
  };
}

function copyNextVma(next: NextVma, copy: VmaHidden): Vma | Null {
  dropCopy(copy);
  const seq = mmapLockSpeculateTryBegin(next.mm);
  const outcome = seq === NO_SPECULATION ? 'again' : copyUnderRcu(next, seq, copy);
  if (outcome === 'copied') next.at = vmEnd(copy);
  if (outcome === 'end') return NULL;
  return outcome === 'copied' ? copy : copyUnderMmapLock(next, copy);
}

type Outcome = 'copied' | 'end' | 'again';

function copyUnderRcu(next: NextVma, seq: number, copy: VmaHidden): Outcome {
  rcuReadLock();
  const found = findNextVma(next, seq);
  const isWhole = found === NULL || copyRcu(next, found, copy);
  rcuReadUnlock();
  if (!isWhole || mmapLockSpeculateRetry(next.mm, seq)) {
    dropCopy(copy);
    return 'again';
  }
  return found === NULL ? 'end' : 'copied';
}

/** Its memory is a VMA's in this section, whatever becomes of it; so is its file's a file's. */
function copyRcu({ mm, seq }: NextVma, found: VmaRcu, copy: VmaHidden): boolean {
  vmaCopyRcu(copy, found);
  const file = vmFileRcu(found);
  // The memory of texts is anybody's at once.
  const isNamed = vmHasAnonNameRcu(found);
  if (isNamed || mmapLockSpeculateRetry(mm, seq)) return false;
  if (file !== NULL && !getFileUnlessGone(file)) return false;
  setVmFile(copy, file);
  return true;
}

function copyFields(vma: Vma, copy: VmaHidden): void {
  setVmRange(copy, vmStart(vma), vmEnd(vma));
  setVmPgoff(copy, vmPgoff(vma));
  setVmFlags(copy, vmFlags(vma));
  setVmOps(copy, vmOps(vma));
  setVmAnonVma(copy, vmAnonVma(vma));
}

function copyUnderMmapLock(next: NextVma, copy: VmaHidden): Vma | Null {
  next.seq = NO_SPECULATION;
  const reader = mmapReadLock(next.mm);
  const vma = findVma(reader, next.at);
  const isFound = vma !== NULL && !isMarker(vma);
  if (isFound) copyLocked(vma, copy);
  mmapReadUnlock(reader);
  if (!isFound) return NULL;
  next.at = vmEnd(copy);
  return copy;
}

function copyLocked(vma: Vma, copy: VmaHidden): void {
  copyFields(vma, copy);
  const file = vmFile(vma);
  const name = vmAnonName(vma);
  setVmFile(copy, file === NULL ? NULL : getFile(file));
  setVmAnonName(copy, name === NULL ? NULL : textGet(name));
}

/** What the copy holds a reference to goes, outside of every section: it may be the last. */
function dropCopy(copy: VmaHidden): void {
  const file = vmFile(copy);
  const name = vmAnonName(copy);
  setVmFile(copy, NULL);
  setVmAnonName(copy, NULL);
  if (file !== NULL) fput(file);
  if (name !== NULL) textPut(name);
}
