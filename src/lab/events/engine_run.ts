/** Runs the same operations in the engine, with its trace on. */
import type { EventName, TraceRecord } from '../../index.ts';
import { conform, type ConformFinding } from '../conform/conform.ts';
import type { Vector, VectorRecord } from '../conform/vector.ts';
import { foldLocks, type SpaceEvent, Spaces } from './event.ts';

export interface EngineRun {
  /** By the line of the vector; an operation that the engine did not make has none. */
  readonly steps: ReadonlyMap<number, readonly SpaceEvent[]>;
  /** Where the engine answered otherwise than the kernel. */
  readonly findings: readonly ConformFinding[];
}

const KINDS: readonly EventName[] = [
  'mmap_lock_start_locking',
  'mmap_lock_acquire_returned',
  'mmap_lock_released',
  'tree_store',
];
/** The engine's ring keeps this many. */
const RING = 1024;

export function runInEngine(vector: Vector): EngineRun {
  const steps = new Map<number, SpaceEvent[]>();
  const { findings } = conform(vector, undefined, (record, { machine }, make) => {
    const before = machine.readTrace().at(-1)?.seq ?? -1;
    machine.trace(KINDS);
    try {
      return make();
    } finally {
      machine.trace([]);
      const made = machine.readTrace().filter(({ seq }) => seq > before);
      steps.set(record.line, eventsOf(made, record));
    }
  });
  return { steps, findings };
}

function eventsOf(records: readonly TraceRecord[], { op }: VectorRecord): SpaceEvent[] {
  if (records.length >= RING) throw new Error(`"${op}" makes more events than the engine keeps.`);
  const spaces = new Spaces<number>();
  return foldLocks(records.map((record) => eventOf(record, spaces.numberOf(record.mm))));
}

function eventOf({ event, arg, a, b }: TraceRecord, mm: number): SpaceEvent {
  if (event === 'tree_store') {
    return { kind: 'store', start: a, end: b + 1, isHole: arg === 0, mm, how: [] };
  }
  const isRefused = event === 'mmap_lock_acquire_returned' && a === 1;
  const kind = isRefused ? 'refused' : (KIND_OF[event] ?? 'unlock');
  return { kind, write: arg === 1, mm, faultAt: null };
}

const KIND_OF: Readonly<Partial<Record<EventName, 'start' | 'acquired'>>> = {
  mmap_lock_start_locking: 'start',
  mmap_lock_acquire_returned: 'acquired',
};
