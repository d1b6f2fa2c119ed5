/**
 * What the last system call of this worker did to VMAs, one bit a kind: a set, since one call may
 * go over many. Written where it is done, in one plain store.
 *
 *   merged     AA**BB -> AAAAAA    a new range, a part of a VMA, or a whole VMA; with whom
 *   split      AAAAAA -> BBAAAA    the new VMA is the lower or the upper part
 *   reattached what was gathered for unmapping went back: the call was refused half way
 *   grown      a stack, downwards
 */
import { thisCpu } from '../arena/cpu.ts';
import { C_VERDICT } from '../arena/layout.ts';
import { setWord, word } from '../arena/memory.ts';

/** The changes, in the order of their bits. */
export const CHANGE_NAMES = [
  'merged new range, left',
  'merged new range, right',
  'merged new range, both',
  'merged part, left',
  'merged part, right',
  'merged whole, left',
  'merged whole, right',
  'merged whole, both',
  'split below',
  'split above',
  'reattached',
  'grown down',
] as const;

export const MERGED_NEW_LEFT = 1 << 0;
export const MERGED_NEW_RIGHT = 1 << 1;
export const MERGED_NEW_BOTH = 1 << 2;
export const MERGED_PART_LEFT = 1 << 3;
export const MERGED_PART_RIGHT = 1 << 4;
export const MERGED_WHOLE_LEFT = 1 << 5;
export const MERGED_WHOLE_RIGHT = 1 << 6;
export const MERGED_WHOLE_BOTH = 1 << 7;
export const SPLIT_BELOW = 1 << 8;
export const SPLIT_ABOVE = 1 << 9;
export const REATTACHED = 1 << 10;
export const GROWN_DOWN = 1 << 11;

/** Behind the words of the verdict. */
const CHANGES = 8;

export function clearChanges(): void {
  setWord(thisCpu + C_VERDICT + CHANGES, 0);
}

export function noteChange(change: number): void {
  const at = thisCpu + C_VERDICT + CHANGES;
  setWord(at, word(at) | change);
}

/** @returns what the last system call of this worker did, and the faults since. */
export const readChanges = (): number => word(thisCpu + C_VERDICT + CHANGES);
