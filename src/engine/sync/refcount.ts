/**
 * A count of references, in a word that the caller owns. It begins at one, and whoever takes it to
 * zero frees.
 *
 * Source: include/linux/refcount.h, v6.18.
 */
import * as atomics from '#atomics';
import { INC_WITHOUT_CAS } from '#mutants';
import { assert } from '../arena/assert.ts';
import type { WordAt } from '../arena/ref.ts';

export function refcountInc(at: WordAt): void {
  atomics.add(at, 1);
}

/** @returns false when the last reference is gone; then none is taken. */
export function refcountIncNotZero(at: WordAt): boolean {
  for (;;) {
    const refs = atomics.load(at);
    if (refs === 0) return false;
    if (INC_WITHOUT_CAS) return atomics.add(at, 1) >= 0;
    if (atomics.cas(at, refs, refs + 1)) return true;
  }
}

/** @returns whether that was the last reference. */
export function refcountDecAndTest(at: WordAt): boolean {
  const left = atomics.add(at, -1) - 1;
  assert(left >= 0, 'a reference is dropped as often as it is taken');
  return left === 0;
}
