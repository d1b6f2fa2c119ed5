/**
 * Tracepoints, recorded in a ring per worker. A record is 8 words:
 *
 *   0       1     2     3      4       6
 *   event   mm    arg   seq    a       b        a and b are doubles
 *
 * A ring holds the last RING_RECORDS events; nothing ever waits for a reader.
 * Disabled, a tracepoint is one plain load and a branch.
 */
import * as atomics from '#atomics';
import { cpuId, cpuOf, thisCpu } from '../arena/cpu.ts';
import {
  CPUS,
  C_RING_NEXT,
  H_TRACE_MASK,
  RINGS_AT,
  RING_RECORDS,
  RING_WORDS,
} from '../arena/layout.ts';
import { double, setDouble, setWord, word } from '../arena/memory.ts';

/** The events, in the order of their bits in the mask. */
export const EVENT_NAMES = [
  'mmap_lock_start_locking',
  'mmap_lock_acquire_returned',
  'mmap_lock_released',
  'tree_store',
  'vma_start_write',
  'vm_area_free',
  'exit_mmap',
  'mmap_region',
  'driver_fault',
  'zap_range',
  'free_pgtables',
  'tlb_flush',
  'vma_close',
] as const;

export type EventName = (typeof EVENT_NAMES)[number];

export const MMAP_LOCK_START_LOCKING = 0; // arg: 1 write
export const MMAP_LOCK_ACQUIRE_RETURNED = 1; // arg: 1 write; a: 1 without success
export const MMAP_LOCK_RELEASED = 2; // arg: 1 write
export const TREE_STORE = 3; // arg: entry, a..b the range, b inclusive
export const VMA_START_WRITE = 4; // arg: vma
export const VM_AREA_FREE = 5; // arg: vma
export const EXIT_MMAP = 6;
export const MMAP_REGION = 7; // arg: a STEP_* that begins
export const DRIVER_FAULT_EVENT = 8; // arg: VIOLATED_*
export const ZAP_RANGE = 9; // arg: vma, a..b the range, b exclusive
export const FREE_PGTABLES = 10; // arg: 0, a..b the range, b exclusive
export const TLB_FLUSH = 11; // arg: how many other workers had to hear of it
export const VMA_CLOSE = 12; // arg: vma

/** What mmap() does, in the order of a mapping that succeeds. */
export const STEP_NAMES = [
  'prepare',
  'clean up',
  'descriptor hook',
  'merge',
  'new VMA',
  'mmap hook',
  'retry merge',
  'complete',
  'abort',
] as const;

export const STEP_PREPARE = 0;
export const STEP_CLEAN_UP = 1;
export const STEP_DESCRIPTOR_HOOK = 2;
export const STEP_MERGE = 3;
export const STEP_NEW_VMA = 4;
export const STEP_MMAP_HOOK = 5;
export const STEP_RETRY_MERGE = 6;
export const STEP_COMPLETE = 7;
export const STEP_ABORT = 8;

export interface TraceRecord {
  readonly cpu: number;
  /** Counts this worker's events from 0. */
  readonly seq: number;
  readonly event: EventName;
  readonly mm: number;
  readonly arg: number;
  readonly a: number;
  readonly b: number;
}

export const isTraced = (event: number): boolean => (word(H_TRACE_MASK) & (1 << event)) !== 0;

/** Starts recording these events and stops all others. */
export function setTraced(names: readonly EventName[]): void {
  const mask = names.reduce((bits, name) => bits | (1 << EVENT_NAMES.indexOf(name)), 0);
  atomics.store(H_TRACE_MASK, mask);
}

/** Records an event with the two numbers last set; call it behind isTraced(). */
export function traceRange(event: number, mm: number, range: TraceRange): void {
  const seq = word(thisCpu + C_RING_NEXT);
  const at = ringOf(cpuId(thisCpu)) + (seq % RING_RECORDS) * 8;
  setWord(at, event);
  setWord(at + 1, mm);
  setWord(at + 2, range.arg);
  setWord(at + 3, seq);
  setDouble(at + 4, range.a);
  setDouble(at + 6, range.b);
  setWord(thisCpu + C_RING_NEXT, seq + 1);
}

export interface TraceRange {
  readonly arg: number;
  readonly a: number;
  readonly b: number;
}

/** Records an event that has only an argument. Costs a load and a branch when it is off. */
export function trace(event: number, mm: number, arg: number): void {
  if (isTraced(event)) traceRange(event, mm, { arg, a: 0, b: 0 });
}

/** @returns what the rings still hold, worker by worker; call it while none of them runs. */
export function readTrace(): TraceRecord[] {
  const records: TraceRecord[] = [];
  for (let cpu = 0; cpu < CPUS; cpu++) {
    const next = word(cpuOf(cpu) + C_RING_NEXT);
    for (let seq = Math.max(0, next - RING_RECORDS); seq < next; seq++) {
      records.push(readRecord(cpu, ringOf(cpu) + (seq % RING_RECORDS) * 8));
    }
  }
  return records;
}

function readRecord(cpu: number, at: number): TraceRecord {
  const event = EVENT_NAMES[word(at)] ?? 'tree_store';
  return {
    cpu,
    seq: word(at + 3),
    event,
    mm: word(at + 1),
    arg: word(at + 2),
    a: double(at + 4),
    b: double(at + 6),
  };
}

const ringOf = (cpu: number): number => RINGS_AT + cpu * RING_WORDS;
