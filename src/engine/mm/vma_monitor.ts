/**
 * The monitor of a checked build: whoever writes to a field of a VMA that others can find has
 * marked it with vmaStartWrite(). However the field is written, through a setter or past it.
 *
 * Not asked for: the lock words, which are atomic; the node in i_mmap, which has that lock; and
 * the first anon_vma, which is given under page_table_lock.
 */
import { waitForReaders, watchWrites } from '#shadow';
import { broken } from '../arena/assert.ts';
import { placeOfCaller } from '../arena/place.ts';
import type { WordAt } from '../arena/ref.ts';
import { isHeldHere } from '../sync/held_locks.ts';
import type { VmaRcu } from './held.ts';
import { isRwsemVmaLock } from './protocol.ts';
import { isMarked, isVmaDetached } from './vma_lock.ts';
import { mmMmapLockAt, mmPageTableLockAt } from './mm_struct.ts';
import { VMA_CACHE, VMA_FIELDS, vmMm } from './vma_struct.ts';

/** What a first fault may write without the mark. */
const FIRST_ANON_VMA: ReadonlySet<string> = new Set(['anon_vma', 'anon_vma_chain']);

/** Begins to watch. In an ordinary build nobody is watched. */
export function watchVmas(): void {
  watchWrites(VMA_CACHE, checkWrite);
  waitForReaders(VMA_CACHE, isRwsemVmaLock);
}

function checkWrite(vma: WordAt, at: number): void {
  const field = VMA_FIELDS.get(at);
  if (field === undefined || isVmaDetached(vma as VmaRcu)) return;
  const mm = vmMm(vma as VmaRcu);
  // The mark is this writer's: the sequence says "marked" as long as any writer is there.
  if (isMarked(mm, vma as VmaRcu) && isHeldHere(mmMmapLockAt(mm))) return;
  if (FIRST_ANON_VMA.has(field) && isHeldHere(mmPageTableLockAt(mm))) return;
  broken(
    `${field} of the attached VMA at ${vma} is written, and vmaStartWrite() has not marked it\n` +
      `    written by ${placeOfCaller()}`,
  );
}
