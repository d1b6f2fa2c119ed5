/** Reads lines of a trace: what the kernel did to address spaces, and what was not asked of it. */
import { foldLocks, type Lock, type SpaceEvent, Spaces, type Store } from './event.ts';

/** Where the process lives that does the operations, and not where they are made. */
export type IsOwn = (addr: number) => boolean;

export interface KernelEvents {
  readonly events: readonly SpaceEvent[];
  /** Read locks of page faults of the process that makes the operations, in memory of its own. */
  readonly ownFaults: number;
}

const LINE = /-(\d+)\s+.*?[\d.]+: (\w+): (.*)$/u;
const FAULT = /^address=0x([0-9a-f]+) /u;
const MMAP_LOCK = /^mm=(\S+) .*?write=(true|false)(?: success=(true|false))?/u;
const RANGE = /range: ?(\d+)-(\d+)/u;
const VALUE = /val (\S+)$/u;
const FUNCTION = /^(\w+)/u;
const NOTHING = /^(?:0+|\(nil\)|\(null\))$/u;
const LOST = /LOST \d+ EVENTS/u;
/** What tells of a store before it is done. The others say how it is done. */
const BEGINNINGS: ReadonlySet<string> = new Set(['mas_store_prealloc', 'mas_store']);
/** Tells only that the next store spans several nodes. */
const SPAN_CHECK = 'mas_is_span_wr';

/** @throws Error when the buffer was too small. */
export function parseKernelEvents(lines: readonly string[], isOwn: IsOwn): KernelEvents {
  const reader = new TraceReader(isOwn);
  for (const line of lines) reader.read(line);
  return { events: foldLocks(reader.events), ownFaults: reader.ownFaults };
}

class TraceReader {
  readonly events: SpaceEvent[] = [];
  ownFaults = 0;
  readonly #isOwn: IsOwn;
  readonly #spaces = new Spaces<string>();
  /** Threads in a fault in memory of their own. */
  readonly #faulting = new Set<number>();
  /** Where each thread last faulted. */
  readonly #faultAt = new Map<number, number>();
  /** Address spaces that each thread has locked for writing, the last one last. */
  readonly #held = new Map<number, string[]>();
  /** Says that the next store spans several nodes, and what is stored. */
  #span: { readonly isHole: boolean } | null = null;

  constructor(isOwn: IsOwn) {
    this.#isOwn = isOwn;
  }

  read(line: string): void {
    if (LOST.test(line)) throw new Error('the trace buffer was too small for one operation.');
    const [, tid, name, rest] = LINE.exec(line) ?? [];
    if (tid === undefined || name === undefined || rest === undefined) return;
    if (name.startsWith('page_fault')) this.#fault(Number(tid), name, rest);
    else if (name.startsWith('mmap_lock')) this.#lock(Number(tid), name, rest);
    else this.#tree(Number(tid), rest);
  }

  /** A fault inside a call always takes mmap_lock; one of the program only locks its VMA. */
  #fault(tid: number, name: string, rest: string): void {
    const addr = parseInt(FAULT.exec(rest)?.[1] ?? '', 16);
    this.#faultAt.set(tid, addr);
    if (name === 'page_fault_kernel' && this.#isOwn(addr)) this.#faulting.add(tid);
    else this.#faulting.delete(tid);
  }

  #lock(tid: number, name: string, rest: string): void {
    const [, mm, write, success] = MMAP_LOCK.exec(rest) ?? [];
    if (mm === undefined) return;
    const isWrite = write === 'true';
    if (!isWrite && this.#isOwnFault(tid, name)) return;
    const kind = kindOf(name, success !== 'false');
    const faultAt = this.#faultAt.get(tid) ?? null;
    const event: Lock = { kind, write: isWrite, mm: this.#spaces.numberOf(mm), faultAt };
    this.#hold(tid, mm, event);
    this.events.push(event);
  }

  #isOwnFault(tid: number, name: string): boolean {
    if (!this.#faulting.has(tid)) return false;
    if (name === 'mmap_lock_released') {
      this.#faulting.delete(tid);
      this.ownFaults++;
    }
    return true;
  }

  #hold(tid: number, mm: string, { kind, write }: Lock): void {
    const held = this.#held.get(tid) ?? [];
    if (kind === 'acquired' && write) held.push(mm);
    else if (held.includes(mm) && kind !== 'start') held.splice(held.lastIndexOf(mm), 1);
    this.#held.set(tid, held);
  }

  #tree(tid: number, rest: string): void {
    const name = FUNCTION.exec(rest)?.[1] ?? '?';
    const [, first, last] = RANGE.exec(rest) ?? [];
    if (first === undefined || last === undefined) return;
    const [start, end] = [Number(first), Number(last) + 1];
    const value = VALUE.exec(rest)?.[1] ?? null;
    const isHole = value === null ? this.#span?.isHole === true : NOTHING.test(value);
    if (name === SPAN_CHECK) {
      this.#span = { isHole };
      return;
    }
    const mm = this.#spaces.numberOf(this.#held.get(tid)?.at(-1) ?? '?');
    const how = this.#span === null ? [name] : [SPAN_CHECK, name];
    const store: Store = { kind: 'store', start, end, isHole, mm, how };
    if (!BEGINNINGS.has(name) && this.#tellsHow(name, store, value === null)) return;
    this.#span = null;
    this.events.push(store);
  }

  /** Whether this says how the last store was done. */
  #tellsHow(name: string, { start, end, mm, isHole }: Store, isOperation: boolean): boolean {
    const last = this.events.at(-1);
    if (last?.kind !== 'store' || last.mm !== mm || last.how.includes(name)) return false;
    if (last.start < start || last.end > end) return false;
    if (!isOperation && isHole !== last.isHole) return false;
    const range = isHole ? { start, end } : {};
    this.events[this.events.length - 1] = { ...last, ...range, how: [...last.how, name] };
    return true;
  }
}

function kindOf(name: string, isSuccess: boolean): Lock['kind'] {
  if (name === 'mmap_lock_start_locking') return 'start';
  if (name === 'mmap_lock_released') return 'unlock';
  return isSuccess ? 'acquired' : 'refused';
}
