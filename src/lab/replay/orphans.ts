/**
 * Threads that nobody knows. A child may show up before the call that makes it has come back: what
 * it does is held until then. Whom nobody has made is adopted.
 */
import type { Machine } from '../../index.ts';
import type { Call, StraceRecord } from '../strace/record.ts';
import type { FaultTouch } from './fault_feed.ts';
import { threadOf } from './forks.ts';
import type { Notes } from './notes.ts';
import { FileTable, type FileWorld } from './openings.ts';
import { Program, Space, type Thread } from './program.ts';
import type { Roster } from './roster.ts';

/** What a thread does or what becomes of it. */
export type Deed = Exclude<StraceRecord, { kind: 'malformed' | 'note' | 'attached' }>;

/** Something of a thread that nobody knows yet. */
export type Held =
  | { readonly kind: 'record'; readonly record: Deed }
  | { readonly kind: 'touch'; readonly touch: FaultTouch };

export interface OrphanParts {
  readonly machine: Machine;
  readonly world: FileWorld;
  readonly notes: Notes;
  readonly roster: Roster;
}

export class Orphans {
  readonly #parts: OrphanParts;
  /** By thread, in the order of the log. */
  readonly #held = new Map<number, Held[]>();

  constructor(parts: OrphanParts) {
    this.#parts = parts;
  }

  get tids(): number[] {
    return [...this.#held.keys()];
  }

  has(tid: number): boolean {
    return this.#held.has(tid);
  }

  hold(tid: number, held: Held): void {
    const waiting = this.#held.get(tid);
    if (waiting === undefined) this.#held.set(tid, [held]);
    else waiting.push(held);
  }

  /** @returns the call that a thread begins with, if it is one. */
  firstCall(tid: number): Call | null {
    const first = this.#held.get(tid)?.[0];
    return first?.kind === 'record' && first.record.kind === 'call' ? first.record : null;
  }

  /** @returns what waited for this thread to be known. */
  release(tid: number): readonly Held[] {
    const waiting = this.#held.get(tid) ?? [];
    this.#held.delete(tid);
    return waiting;
  }

  /**
   * Takes in a thread that nobody has made: a log may begin in the middle, or leave clone() out.
   *
   * @param record its first call.
   */
  adopt(record: Call): Thread {
    const { lastActive } = this.#parts.roster;
    const isThread = lastActive !== null && !isFirstOfProgram(record);
    const thread = isThread ? this.#asThread(record, lastActive) : this.#asProgram(record);
    this.#parts.roster.add(thread);
    return thread;
  }

  #asThread({ tid }: Call, program: Program): Thread {
    this.#parts.notes.add('unknown-thread');
    return { tid, program, process: threadOf(program) };
  }

  #asProgram({ tid, line }: Call): Thread {
    const { machine, world, roster } = this.#parts;
    const process = machine.spawn();
    const space = new Space();
    space.origin = 'log';
    space.birth = { exec: null, path: null, steps: [] };
    const files = new FileTable(world);
    const program = new Program(tid, line, { process, space, files, command: '?' });
    program.isAdopted = true;
    roster.programs.push(program);
    return { tid, program, process };
  }
}

/** The loader of a program asks for the heap before anything else. */
function isFirstOfProgram({ name, args }: Call): boolean {
  return (
    name === 'execve' ||
    name === 'execveat' ||
    (name === 'brk' && /^(NULL|0|0x0)$/.test(args[0] ?? ''))
  );
}
