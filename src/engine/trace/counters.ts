/**
 * What has happened how often, counted by each worker on lines of its own and
 * added up by whoever asks.
 */
import { cpuOf, thisCpu } from '../arena/cpu.ts';
import { CPUS, C_COUNTERS } from '../arena/layout.ts';
import { double, setDouble } from '../arena/memory.ts';

/** The counters, in the order of their slots. Names of /proc/vmstat where it has one. */
export const COUNTER_NAMES = [
  'vma_lock_success',
  'vma_lock_abort',
  'vma_lock_retry',
  'vma_lock_miss',
  'vma_merge',
  'vma_split',
  'mmap_write_lock',
] as const;

export type CounterName = (typeof COUNTER_NAMES)[number];

export const VMA_LOCK_SUCCESS = 0;
export const VMA_LOCK_ABORT = 1;
export const VMA_LOCK_RETRY = 2;
export const VMA_LOCK_MISS = 3;
export const VMA_MERGE = 4;
export const VMA_SPLIT = 5;
export const MMAP_WRITE_LOCK = 6;

export function countEvent(counter: number): void {
  const at = thisCpu + C_COUNTERS + counter * 2;
  setDouble(at, double(at) + 1);
}

/** @returns the sum over all workers; a moment old for those that run. */
export function counterSum(counter: number): number {
  let sum = 0;
  for (let id = 0; id < CPUS; id++) sum += double(cpuOf(id) + C_COUNTERS + counter * 2);
  return sum;
}
