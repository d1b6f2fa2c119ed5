/**
 * A lock for a few words of work. It never sleeps unless its holder was
 * preempted: spinning against a holder that has no CPU costs milliseconds.
 */
import * as atomics from '#atomics';
import { assert } from '../arena/assert.ts';
import { word } from '../arena/memory.ts';
import type { WordAt } from '../arena/ref.ts';

const FREE = 0;
const HELD = 1;
/** Held, and somebody sleeps on the word. */
const CONTENDED = 2;

/** Plain loads before a waiter sleeps. */
export const SPINS = 200;

export function spinLock(lock: WordAt): void {
  if (atomics.cas(lock, FREE, HELD)) return;
  for (let spin = 0; spin < SPINS; spin++) {
    if (word(lock) === FREE && atomics.cas(lock, FREE, HELD)) return;
  }
  // Ends when the holder leaves; marking the lock contended keeps the wake-up from being lost.
  while (atomics.exchange(lock, CONTENDED) !== FREE) atomics.wait(lock, CONTENDED);
}

/** @returns whether the lock was free, and is held now. */
export const spinTryLock = (lock: WordAt): boolean => atomics.cas(lock, FREE, HELD);

export function spinUnlock(lock: WordAt): void {
  const held = atomics.exchange(lock, FREE);
  assert(held !== FREE, 'a spinlock is released by its holder');
  if (held === CONTENDED) atomics.wakeAll(lock);
}
