/**
 * Why the last operation of this worker was refused or did not merge: written
 * where the check is, with a few plain stores and only when it says no, and read
 * by whoever wants to explain it. Each system call starts with a clean slate.
 */
import { thisCpu } from '../arena/cpu.ts';
import { C_VERDICT } from '../arena/layout.ts';
import { double, setDouble, setWord, word } from '../arena/memory.ts';
import { clearChanges, readChanges } from './changes.ts';

/** Rules of merging, one bit each. Source: requirements of vma_merge, mm/vma.c, v6.18. */
export const REFUSED_NO_NEIGHBOUR = 1 << 0; // none, or it does not touch the range
export const REFUSED_FLAGS = 1 << 1;
export const REFUSED_FILE = 1 << 2;
export const REFUSED_PGOFF = 1 << 3;
export const REFUSED_ANON_VMA = 1 << 4; // both have one, and not the same
export const REFUSED_FORK_CHILD = 1 << 5; // an anon_vma shared with another process
export const REFUSED_POLICY = 1 << 6;
export const REFUSED_UFFD = 1 << 7;
export const REFUSED_ANON_NAME = 1 << 8;
export const REFUSED_SPECIAL = 1 << 9; // VM_SPECIAL never merges
export const REFUSED_CLOSE = 1 << 10; // would remove a VMA that has a close hook
export const REFUSED_BOTH_ANON_VMA = 1 << 11; // left and right differ: only the left merges
export const REFUSED_INSIDE = 1 << 12; // the range touches neither end of its VMA
export const REFUSED_DRIVER = 1 << 13; // vm_ops, private data or caching differ

/** The same, in the order of their bits, as reports say them. */
export const REFUSAL_NAMES = [
  'no neighbour',
  'flags',
  'file',
  'pgoff',
  'anon_vma',
  'anon_vma of a fork',
  'policy',
  'userfaultfd',
  'name',
  'special',
  'close hook',
  'two anon_vmas',
  'inside its VMA',
  'driver',
] as const;

/** Limits that a call can meet. */
export const LIMIT_MAP_COUNT = 1;
export const LIMIT_AS = 2;
export const LIMIT_DATA = 3;
export const LIMIT_STACK = 4;
export const LIMIT_MEMLOCK = 5;
export const LIMIT_COMMIT = 6;
export const LIMIT_MIN_ADDR = 7;
export const LIMIT_TASK_SIZE = 8;
export const LIMIT_ARENA = 9;
export const LIMIT_RAM = 10; // frames

/** The same, by number. */
export const LIMIT_NAMES = [
  'none',
  'max_map_count',
  'RLIMIT_AS',
  'RLIMIT_DATA',
  'RLIMIT_STACK',
  'RLIMIT_MEMLOCK',
  'overcommit',
  'mmap_min_addr',
  'end of the address space',
  'memory for objects',
  'memory for pages',
] as const;

/** What a driver did wrong in its hook. */
export const VIOLATED_IMMUTABLE = 1; // wrote what is only to be read
export const VIOLATED_UNKNOWN = 2; // wrote, defined or deleted what the description does not have
export const VIOLATED_VALUE = 3; // wrote what the field cannot be
export const VIOLATED_FLAGS = 4; // changed flags that are the core's
export const VIOLATED_RANGE = 5; // moved or resized the VMA it was to fill in
export const VIOLATED_RESULT = 6; // returned neither 0 nor an errno
export const VIOLATED_THROW = 7; // threw
export const VIOLATED_ABSENT = 8; // is not registered in this worker
export const VIOLATED_LATE = 9; // wrote after its hook had returned
export const VIOLATED_FRAME = 10; // asked for page frames that are not its own

const LEFT = 0;
const RIGHT = 1;
const LIMIT = 2;
const VIOLATION = 3;
const WANTED = 4; // double
const ALLOWED = 6; // double

export interface Verdict {
  /** REFUSED_* bits: why the left neighbour did not take the range; 0: it did, or was not asked. */
  readonly refusedLeft: number;
  readonly refusedRight: number;
  /** LIMIT_* of the check that failed, or 0. */
  readonly limit: number;
  /** What the call would have come to, in the unit of the limit (pages, VMAs or bytes). */
  readonly wanted: number;
  readonly allowed: number;
  /** VIOLATED_* of the first thing a driver did wrong, or 0. */
  readonly violation: number;
  /** What it did to VMAs: bits as in CHANGE_NAMES. */
  readonly changes: number;
}

export function clearVerdict(): void {
  setWord(thisCpu + C_VERDICT + LEFT, 0);
  setWord(thisCpu + C_VERDICT + RIGHT, 0);
  setWord(thisCpu + C_VERDICT + LIMIT, 0);
  setWord(thisCpu + C_VERDICT + VIOLATION, 0);
  clearChanges();
}

export function noteRefusedLeft(rules: number): void {
  setWord(thisCpu + C_VERDICT + LEFT, rules);
}

export function noteRefusedRight(rules: number): void {
  setWord(thisCpu + C_VERDICT + RIGHT, rules);
}

/** Keeps the first limit met: later ones are consequences. */
export function noteLimit(limit: number, wanted: number, allowed: number): void {
  const at = thisCpu + C_VERDICT;
  if (word(at + LIMIT) !== 0) return;
  setWord(at + LIMIT, limit);
  setDouble(at + WANTED, wanted);
  setDouble(at + ALLOWED, allowed);
}

export function noteViolation(violation: number): void {
  const at = thisCpu + C_VERDICT + VIOLATION;
  if (word(at) === 0) setWord(at, violation);
}

/** @returns what the last system call of this worker left. */
export function readVerdict(): Verdict {
  const at = thisCpu + C_VERDICT;
  return {
    refusedLeft: word(at + LEFT),
    refusedRight: word(at + RIGHT),
    limit: word(at + LIMIT),
    wanted: double(at + WANTED),
    allowed: double(at + ALLOWED),
    violation: word(at + VIOLATION),
    changes: readChanges(),
  };
}
