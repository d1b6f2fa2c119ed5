/**
 * No VMA lock: `vmaLock: 'off'`, as Linux without CONFIG_PER_VMA_LOCK. A VMA is found and kept only
 * under mmap_lock, and write-locked as long as that is held for write. Its record has no word about
 * it, and nothing about it is counted.
 */
import { rcuDereference } from '#atomics';
import type { Mm } from '../held.ts';
import { mmLockSeqAt } from '../mm_struct.ts';

/** The sequence is odd while mmap_lock is held for write. */
export const isMarked = (mm: Mm): boolean => (rcuDereference(mmLockSeqAt(mm)) & 1) === 1;
