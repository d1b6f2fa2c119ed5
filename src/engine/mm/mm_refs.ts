/** References to an mm. Users keep its mappings alive; counts, only the structure. */
import * as atomics from '#atomics';
import { NULL, type Null } from '../arena/ref.ts';
import { mtInit } from '../maple/tree.ts';
import { cacheAlloc, cacheFreeRcu } from '../slab/cache.ts';
import { refcountDecAndTest, refcountInc } from '../sync/refcount.ts';
import type { Mm } from './held.ts';
import { initMmWords, MM_CACHE, mmCountAt, mmMt, mmUsersAt } from './mm_struct.ts';

/** @returns an mm without mappings, with one user, or NULL. Source: kernel/fork.c, mm_init(). */
export function mmAlloc(): Mm | Null {
  const mm = cacheAlloc(MM_CACHE);
  if (mm === NULL) return NULL;
  initMmWords(mm);
  mtInit(mmMt(mm));
  atomics.store(mmUsersAt(mm), 1);
  atomics.store(mmCountAt(mm), 1);
  return mm;
}

export function mmget(mm: Mm): Mm {
  refcountInc(mmUsersAt(mm));
  return mm;
}

/** @returns whether that was the last user, who must now empty the mm. */
export function mmputTestZero(mm: Mm): boolean {
  return refcountDecAndTest(mmUsersAt(mm));
}

export function mmgrab(mm: Mm): void {
  refcountInc(mmCountAt(mm));
}

/** The structure goes back to its cache after a grace period: RCU readers may still hold it. */
export function mmdrop(mm: Mm): void {
  if (refcountDecAndTest(mmCountAt(mm))) cacheFreeRcu(MM_CACHE, mm);
}
