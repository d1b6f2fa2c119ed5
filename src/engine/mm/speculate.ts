/**
 * Reading without mmap_lock, and asking afterwards whether anybody wrote meanwhile.
 *
 *   try begin   mm_lock_seq, if it is even: nobody writes
 *   ...         what is read may be torn, but its memory must not be reused: RCU
 *   retry       whether the sequence has moved: then what was read is worth nothing
 *
 * Source: include/linux/mmap_lock.h, mmap_lock_speculate_try_begin(), v6.18.
 */
import * as atomics from '#atomics';
import { NO_SPECULATE_RETRY } from '#mutants';
import type { Mm } from './held.ts';
import { mmLockSeqAt } from './mm_struct.ts';

/** Never that of a moment without a writer. */
export const NO_SPECULATION = 1;

/** @returns the sequence, or NO_SPECULATION while somebody writes. */
export function mmapLockSpeculateTryBegin(mm: Mm): number {
  const seq = atomics.load(mmLockSeqAt(mm));
  return (seq & 1) === 0 ? seq : NO_SPECULATION;
}

/** Whether anybody wrote since, or may have. Pairs with vmaEndWriteAll(). */
export const mmapLockSpeculateRetry = (mm: Mm, seq: number): boolean =>
  seq === NO_SPECULATION || (!NO_SPECULATE_RETRY && atomics.load(mmLockSeqAt(mm)) !== seq);
