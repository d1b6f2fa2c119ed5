/** What each call of a thread is for the replay: where it goes, and what is left out. */
import { decodeMemoryCall } from '../strace/decode.ts';
import { isKnownCall } from '../strace/known_calls.ts';
import type { MemoryCall } from '../strace/memory_call.ts';
import { type Call, callEnd } from '../strace/record.ts';
import type { Execs } from './execs.ts';
import type { Exits } from './exits.ts';
import type { FaultFeed } from './fault_feed.ts';
import { isFileCall, trackFiles } from './file_calls.ts';
import type { FindingKind, Findings } from './findings.ts';
import { type Forks, isClone } from './forks.ts';
import type { Notes } from './notes.ts';
import type { FileWorld } from './openings.ts';
import type { Thread } from './program.ts';
import type { Roster } from './roster.ts';
import { isSpaceCall, type SpaceCall } from './run_call.ts';
import { callText, type Runner } from './runner.ts';
import { applySetting } from './settings.ts';
import type { Waits } from './waits.ts';

export interface DispatchParts {
  readonly world: FileWorld;
  readonly findings: Findings;
  readonly notes: Notes;
  readonly roster: Roster;
  readonly runner: Runner;
  readonly feed: FaultFeed;
  readonly forks: Forks;
  readonly execs: Execs;
  readonly exits: Exits;
  readonly waits: Waits;
}

export class Dispatch {
  readonly #parts: DispatchParts;

  constructor(parts: DispatchParts) {
    this.#parts = parts;
  }

  call(thread: Thread, record: Call): void {
    const { feed, forks, execs, exits, waits, roster } = this.#parts;
    feed.check(record.time);
    const call = decodeMemoryCall(record);
    if (call === null) return isKnownCall(record.name) ? undefined : this.#unknown(thread, record);
    if ('malformed' in call) return this.#refuse(thread, record, call.malformed);
    if (call.name === 'exit_group') return exits.begin(thread.program, record);
    if (isSpaceCall(call)) return this.#spaceCall(thread, record, call);
    if (call.name === 'wait4' || call.name === 'waitid') {
      if (!record.injected) waits.waited({ thread, record, call }, !roster.mayBeChild);
      return;
    }
    const { result } = record;
    const isDone = result.kind === 'value' && !record.injected;
    if (call.name === 'execve' || call.name === 'execveat') {
      if (isDone) execs.exec(thread, record, call);
      return feed.endExec(record);
    }
    if (isClone(call) && result.kind === 'error') return forks.refused(thread, record, call);
    // What did not return, or failed, has changed nothing that these calls are read for.
    if (!isDone) return;
    if (isClone(call)) return forks.clone(thread, record, call);
    if (call.name === 'rt_sigaction') return waits.sigaction(thread.program, call);
    feed.drain(callEnd(record) ?? record.time);
    this.#apply(thread, record, call);
  }

  /** A call that has succeeded, and has changed what later ones mean. */
  #apply({ program }: Thread, record: Call, call: MemoryCall): void {
    const { world } = this.#parts;
    const { result } = record;
    if (isFileCall(call)) trackFiles(program.files, world, { call, record });
    else if (call.name === 'shmget' && result.kind === 'value')
      world.shmSizes.set(Number(result.value), Number(call.size));
    else applySetting(program, call);
  }

  #spaceCall({ tid, program }: Thread, record: Call, call: SpaceCall): void {
    const { runner, feed, notes } = this.#parts;
    const { result } = record;
    const endTime = callEnd(record) ?? record.time;
    feed.drain(endTime);
    if (record.injected) return notes.add('injected');
    if (result.kind === 'unknown') return notes.add('lost');
    if (result.kind === 'restart') return;
    const wanted = result.kind === 'value' ? result.value : result.code;
    const file = call.name === 'mmap' ? program.files.forMmap(call, Number(wanted)) : NO_FILE;
    // A step may wait until its descriptor is closed.
    if (file.opening !== null) file.opening.users++;
    const end = record.resumed?.line ?? record.line;
    const times = { begin: record.line, end, beginTime: record.time, endTime };
    runner.deliver({ kind: 'call', tid, program, record, call, ...file, wanted, ...times });
  }

  /** A call that may have changed the address space in a way nobody can tell. */
  #unknown(thread: Thread, record: Call): void {
    thread.program.calls++;
    thread.program.skipped++;
    const { line, name } = record;
    const message = `Line ${line}: no system call that is known here is called ${name}(); skipped.`;
    this.#add('unmodelled', message, { thread, record });
  }

  #refuse(thread: Thread, record: Call, reason: string): void {
    this.#add('malformed', `Line ${record.line} cannot be read: ${reason}.`, { thread, record });
  }

  #add(kind: FindingKind, message: string, { thread, record }: Made): void {
    const { tid, program } = thread;
    const pid = this.#parts.roster.pidOf(program);
    const parts = { pid, tid, line: record.line, call: callText(record) };
    this.#parts.findings.add(kind, message, parts);
  }
}

const NO_FILE = { fd: -1, opening: null };

/** A call, and who made it. */
interface Made {
  readonly thread: Thread;
  readonly record: Call;
}
