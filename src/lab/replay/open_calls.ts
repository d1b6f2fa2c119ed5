/**
 * Calls that have begun and not come back. While one is open in an address space, nothing tells in
 * which order it and what else happens there were made: that waits in the window of the space.
 */
import type { Begun } from '../strace/reader.ts';
import type { Call } from '../strace/record.ts';
import type { Space, Thread } from './program.ts';
import { isSpaceName } from './run_call.ts';

interface OpenCall {
  readonly call: Begun;
  /** Where others wait for it; null when nobody has to, or its thread is not known yet. */
  space: Space | null;
}

/** A thread that has just become known, and keeps its address space open. */
export interface Arrival {
  readonly tid: number;
  readonly space: Space;
}

export class OpenCalls {
  /** By thread. */
  readonly #calls = new Map<number, OpenCall>();
  readonly #arrivals: Arrival[] = [];
  /** Address spaces in which the last call has come back. */
  readonly idle = new Set<Space>();

  /** @param space of the thread; null when nobody knows it. */
  begin(call: Begun, space: Space | null): void {
    const isOpen = isOpening(call.name);
    this.#calls.set(call.tid, { call, space: isOpen ? space : null });
    if (isOpen && space !== null) space.open++;
  }

  /** A call has come back, one of those that are open or another. */
  end({ tid, line }: Call): void {
    const open = this.#calls.get(tid);
    if (open === undefined || open.call.line !== line) return;
    this.#calls.delete(tid);
    if (open.space !== null) this.#leave(open.space);
  }

  /** @returns the name of the call that a thread is in. */
  nameOf(tid: number): string | undefined {
    return this.#calls.get(tid)?.call.name;
  }

  /** A thread is known from now on, and where its call is open. */
  arrive({ tid, program: { space } }: Thread): void {
    const open = this.#calls.get(tid);
    if (open !== undefined && open.space === null && isOpening(open.call.name)) {
      open.space = space;
      space.open++;
    }
    // What waited for it may overlap what is waiting here.
    space.open++;
    this.#arrivals.push({ tid, space });
  }

  /** @returns a thread of which all that waited for it is next, and then settle(); or undefined. */
  nextArrival(): Arrival | undefined {
    return this.#arrivals.pop();
  }

  /** All that waited for a thread to be known has been taken. */
  settle({ space }: Arrival): void {
    this.#leave(space);
  }

  #leave(space: Space): void {
    space.open--;
    if (space.open === 0) this.idle.add(space);
  }
}

/** Calls during which others have to wait for their order; vfork copies nothing. */
const isOpening = (name: string): boolean =>
  isSpaceName(name) || name === 'clone' || name === 'clone3' || name === 'fork';
