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
  'mmap_hook',
  'mmap_retry_merge',
  'mmap_retry_merge_success',
  'proto_field_clobber',
  'driver_violation',
  'driver_fault',
  'vma_free_rcu',
  'vma_free_direct',
  'mmap_read_lock',
] as const;

export type CounterName = (typeof COUNTER_NAMES)[number];

export const VMA_LOCK_SUCCESS = 0;
export const VMA_LOCK_ABORT = 1;
export const VMA_LOCK_RETRY = 2;
export const VMA_LOCK_MISS = 3;
export const VMA_MERGE = 4;
export const VMA_SPLIT = 5;
export const MMAP_WRITE_LOCK = 6;
/** Calls of a driver's .mmap, .mmap_proto or .mmap_prepare. */
export const MMAP_HOOK = 7;
export const MMAP_RETRY_MERGE = 8;
export const MMAP_RETRY_MERGE_SUCCESS = 9;
/** Merges not made, since they would have overwritten a neighbour's vm_ops or private data. */
export const PROTO_FIELD_CLOBBER = 10;
/** A driver tried what it may not. */
export const DRIVER_VIOLATION = 11;
/** A driver threw, or is not registered in the worker that needs it. */
export const DRIVER_FAULT = 12;
/** VMAs that were freed after a grace period, and at once. */
export const VMA_FREE_RCU = 13;
export const VMA_FREE_DIRECT = 14;
export const MMAP_READ_LOCK = 15;

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
