/**
 * The list of every address space of the machine, by which those find one who have no business with
 * its tasks: swapoff in the kernel, walk and report here.
 *
 *   H_MMLIST: lock, first ──> mm ──> mm ──> ...
 *
 * Being on the list is no reference. An mm leaves it before its structure may go, and whoever finds
 * one there takes a user's reference or leaves it alone.
 *
 * Source: kernel/fork.c, mmlist_lock, mm/swapfile.c, try_to_unuse(), v6.18.
 */
import { H_MMLIST } from '../arena/layout.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { refcountIncNotZero } from '../sync/refcount.ts';
import { MMLIST_LOCK } from '../sync/lock_class.ts';
import { spinLock, spinUnlock } from '../sync/spinlock.ts';
import type { Mm } from './held.ts';
import { mmMmlistNextAt, mmMmlistPrevAt, mmUsersAt } from './mm_struct.ts';

const LOCK = H_MMLIST;
const FIRST = H_MMLIST + 1;

const nextOf = (mm: Mm): Mm | Null => word(mmMmlistNextAt(mm)) as Mm | Null;

/** The newest is first: a walk that has begun misses it. */
export function mmlistAdd(mm: Mm): void {
  spinLock(LOCK, MMLIST_LOCK);
  const first = word(FIRST) as Mm | Null;
  setWord(mmMmlistNextAt(mm), first);
  setWord(mmMmlistPrevAt(mm), NULL);
  if (first !== NULL) setWord(mmMmlistPrevAt(first), mm);
  setWord(FIRST, mm);
  spinUnlock(LOCK);
}

export function mmlistDel(mm: Mm): void {
  spinLock(LOCK, MMLIST_LOCK);
  const next = nextOf(mm);
  const prev = word(mmMmlistPrevAt(mm)) as Mm | Null;
  if (next !== NULL) setWord(mmMmlistPrevAt(next), prev);
  setWord(prev === NULL ? FIRST : mmMmlistNextAt(prev), next);
  spinUnlock(LOCK);
}

/**
 * @returns the first address space of the list, or the one after `mm`, that still has users, with a
 *   reference to it for mmput(). The caller has one to `mm`, which keeps it on the list.
 */
export function mmlistNext(mm: Mm | Null): Mm | Null {
  spinLock(LOCK, MMLIST_LOCK);
  let next = mm === NULL ? (word(FIRST) as Mm | Null) : nextOf(mm);
  // Ends with the list: those without users are about to leave it.
  while (next !== NULL && !refcountIncNotZero(mmUsersAt(next))) next = nextOf(next);
  spinUnlock(LOCK);
  return next;
}
