/** One thing that happened to an address space, on either side, in words that both sides share. */

export type LockEvent = 'start' | 'lock' | 'acquired' | 'refused' | 'downgrade' | 'unlock';

export interface Lock {
  readonly kind: LockEvent;
  readonly write: boolean;
  /** Which address space: 0 is the first that shows, within an operation. */
  readonly mm: number;
  /** Where the program last faulted, in this operation; null on our side. */
  readonly faultAt: number | null;
}

export interface Store {
  readonly kind: 'store';
  /** Bytes. */
  readonly start: number;
  /** Bytes, exclusive. */
  readonly end: number;
  /** A hole is made: nothing is stored there any more. */
  readonly isHole: boolean;
  readonly mm: number;
  /** The kernel's own words for how; empty on our side. */
  readonly how: readonly string[];
}

export type SpaceEvent = Lock | Store;

/**
 * Puts the two halves of a lock that was taken together. An acquisition for reading that nobody has
 * asked for is a writer that stays on as a reader.
 */
export function foldLocks(events: readonly SpaceEvent[]): SpaceEvent[] {
  const folded: SpaceEvent[] = [];
  for (const event of events) {
    const last = folded.at(-1);
    if (event.kind !== 'acquired') {
      folded.push(event);
    } else if (last?.kind === 'start' && last.mm === event.mm && last.write === event.write) {
      folded[folded.length - 1] = { ...event, kind: 'lock' };
    } else {
      folded.push(event.write ? event : { ...event, kind: 'downgrade' });
    }
  }
  return folded;
}

/** Gives address spaces small numbers, in order of appearance. */
export class Spaces<T> {
  readonly #numbers = new Map<T, number>();

  numberOf(mm: T): number {
    const number = this.#numbers.get(mm) ?? this.#numbers.size;
    this.#numbers.set(mm, number);
    return number;
  }
}

export const isSameKind = (a: SpaceEvent, b: SpaceEvent): boolean => {
  if (a.kind === 'store' || b.kind === 'store') {
    return a.kind === b.kind && a.kind === 'store' && b.kind === 'store' && isSameStore(a, b);
  }
  return a.kind === b.kind && a.write === b.write && a.mm === b.mm;
};

/** A hole may be stored wider than it was made: the kernel then stores it with those beside it. */
function isSameStore(a: Store, b: Store): boolean {
  if (a.mm !== b.mm || a.isHole !== b.isHole) return false;
  if (a.start === b.start && a.end === b.end) return true;
  return a.isHole && a.start <= b.start && a.end >= b.end;
}
