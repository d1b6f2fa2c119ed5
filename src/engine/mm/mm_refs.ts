/** References to an mm. Users keep its mappings alive; counts, only the structure. */
import * as atomics from '#atomics';
import { NO_MMGRAB } from '#mutants';
import { assert } from '../arena/assert.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { mtInit } from '../maple/tree.ts';
import { cacheAlloc, cacheFree, cacheFreeRcu } from '../slab/cache.ts';
import { refcountDecAndTest, refcountInc, refcountIncNotZero } from '../sync/refcount.ts';
import type { Mm } from './held.ts';
import { mmlistAdd, mmlistDel } from './mmlist.ts';
import { initMmWords, MM_CACHE, mmCountAt, mmMt, mmUsersAt } from './mm_struct.ts';

/** @returns an mm without mappings, with one user, or NULL. Source: kernel/fork.c, mm_init(). */
export function mmAlloc(): Mm | Null {
  const mm = cacheAlloc(MM_CACHE);
  if (mm === NULL) return NULL;
  initMmWords(mm);
  mtInit(mmMt(mm));
  atomics.store(mmUsersAt(mm), 1);
  atomics.store(mmCountAt(mm), 1);
  mmlistAdd(mm);
  return mm;
}

export function mmget(mm: Mm): Mm {
  refcountInc(mmUsersAt(mm));
  return mm;
}

/** @returns false for an mm without users: it is being emptied, or was. */
export const mmgetNotZero = (mm: Mm): boolean => refcountIncNotZero(mmUsersAt(mm));

/** Drops a user of an mm; the last one empties it. Source: kernel/fork.c, mmput(), v6.18. */
export function mmput(mm: Mm): void {
  if (!refcountDecAndTest(mmUsersAt(mm))) return;
  emptyMm(mm);
  mmlistDel(mm);
  mmdrop(mm);
}

/** Takes all mappings away: set by the floor that knows how, alike in every worker. */
let emptyMm: (mm: Mm) => void = () => assert(false, 'who makes address spaces says how they end');

export function onMmExit(empty: (mm: Mm) => void): void {
  emptyMm = empty;
}

export function mmgrab(mm: Mm): void {
  refcountInc(mmCountAt(mm));
}

/** The structure goes back to its cache after a grace period: RCU readers may still hold it. */
export function mmdrop(mm: Mm): void {
  if (!refcountDecAndTest(mmCountAt(mm))) return;
  if (NO_MMGRAB) cacheFree(MM_CACHE, mm);
  else cacheFreeRcu(MM_CACHE, mm);
}
