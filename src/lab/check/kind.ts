/**
 * The kinds of access that a thread makes, as numbers: what the executor is called with at every
 * access, so they have to be cheap to tell apart.
 *
 *   kind | lane << 5
 *
 * A lane is the part of a 32-bit word that a narrower access touches; 0 is the whole word.
 */
export const LOAD = 0;
/** A plain load of what another thread publishes by an atomic store, as rcu_dereference(). */
export const PUBLISHED_LOAD = 1;
export const STORE = 2;
export const EXCHANGE = 3;
export const ADD = 4;
export const SUB = 5;
export const AND = 6;
export const OR = 7;
export const XOR = 8;
/** `a` is expected, `b` is stored. */
export const CAS = 9;
/** Sleeps while the word holds `a`; with `b` it may time out. Answers WAIT_*. */
export const WAIT = 10;
/** Wakes at most `a` sleepers. Answers how many. */
export const NOTIFY = 11;
/** Spins while the word holds `a`: the thread rests until another value is there. */
export const SPIN = 12;
/** One of `a` alternatives, of which the search takes each; `b` is a CHOICE_*. */
export const CHOICE = 13;
export const PLAIN_LOAD = 14;
export const PLAIN_STORE = 15;
/** No access: operation `at` of the thread begins. */
export const BEGINS = 16;
/** No access: operation `at` of the thread has ended. */
export const ENDS = 17;

/** The names that traces use. */
export const KIND_NAMES: readonly string[] = [
  'load',
  'load (published)',
  'store',
  'exchange',
  'add',
  'sub',
  'and',
  'or',
  'xor',
  'cas',
  'wait',
  'notify',
  'spin while',
  'choice',
  'plain load',
  'plain store',
  'begins',
  'ends',
];

export const KIND_MASK = 31;
export const LANE_SHIFT = 5;

export const WAIT_OK = 0;
export const WAIT_NOT_EQUAL = 1;
export const WAIT_TIMED_OUT = 2;

export const CHOICE_ANY = 0;
/** Of an allocation: 0 succeeds, 1 fails. */
export const CHOICE_ALLOC = 1;

/** What a choice has instead of a word. */
export const NO_WORD = -1;

/** What a step did to its word. */
export const READS = 1;
export const WRITES = 2;
/**
 * What it did to the queue of those who sleep on the word: looked whether to sleep; looked for
 * sleepers; changed it. A wait that did not sleep and a notify that woke nobody are dependent
 * although they leave the queue as it is: with another value in the word it would not be so, and
 * the search must have seen both orders by then.
 */
export const WAITS = 4;
export const NOTIFIES = 8;
export const WRITES_QUEUE = 16;
/** It could happen only because nothing else could: it comes after everything. */
export const AFTER_ALL = 32;

/** Of the word, and of the queue. */
export const OF_WORD = READS | WRITES;
export const OF_QUEUE = WAITS | NOTIFIES | WRITES_QUEUE;

/** Whether the order of two steps of two threads matters. */
export function areDependent(at: number, mode: number, otherAt: number, other: number): boolean {
  const both = mode | other;
  if ((both & AFTER_ALL) !== 0) return true;
  if (at !== otherAt) return false;
  if ((mode & OF_WORD) !== 0 && (other & OF_WORD) !== 0 && (both & WRITES) !== 0) return true;
  if ((mode & OF_QUEUE) === 0 || (other & OF_QUEUE) === 0) return false;
  return (both & WRITES_QUEUE) !== 0 || (both & (WAITS | NOTIFIES)) === (WAITS | NOTIFIES);
}
