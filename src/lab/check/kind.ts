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

/** What a step did to its word, and to the queue of those who sleep on it. */
export const READS = 1;
export const WRITES = 2;
export const READS_QUEUE = 4;
export const WRITES_QUEUE = 8;
/** It could happen only because nothing else could: it comes after everything. */
export const AFTER_ALL = 16;

/** Whether the order of two steps of two threads matters. */
export function areDependent(at: number, mode: number, otherAt: number, other: number): boolean {
  if (((mode | other) & AFTER_ALL) !== 0) return true;
  if (at !== otherAt) return false;
  return conflict(mode, other) || conflict(mode >> 2, other >> 2);
}

const conflict = (mode: number, other: number): boolean =>
  ((mode & WRITES) !== 0 && (other & (READS | WRITES)) !== 0) ||
  ((other & WRITES) !== 0 && (mode & READS) !== 0);
