/** Reads a finished log: which processes it shows, and how each began and ended. */
import { createReadStream } from 'node:fs';
import { decodeMemoryCall } from '../strace/decode.ts';
import type { MemoryCall } from '../strace/memory_call.ts';
import { StraceReader } from '../strace/reader.ts';
import type { Call, StraceRecord } from '../strace/record.ts';

/** One process of the log. */
export interface RecordedProcess {
  readonly pid: number;
  /** Name of the last program it ran. */
  command: string;
  execs: number;
  threads: number;
  /** As `exited with 0` or `killed by SIGTERM`; null when the log does not show an end. */
  end: string | null;
  /** Whether it ended by exit_group(): otherwise there is no moment to look at its maps. */
  hasExitGroup: boolean;
}

export class Census {
  readonly processes = new Map<number, RecordedProcess>();
  /** Which process each thread belongs to. */
  readonly #owners = new Map<number, RecordedProcess>();
  calls = 0;
  /** Lines that strace has not finished, or that it did not write. */
  malformed = 0;

  static async of(log: string): Promise<Census> {
    const census = new Census();
    const reader = new StraceReader((record) => census.#read(record));
    for await (const chunk of createReadStream(log, { encoding: 'utf8' })) {
      reader.push(String(chunk));
    }
    reader.end();
    return census;
  }

  get tids(): ReadonlySet<number> {
    return new Set(this.#owners.keys());
  }

  /** The process that strace started. */
  get first(): RecordedProcess | undefined {
    return this.processes.values().next().value;
  }

  #read(record: StraceRecord): void {
    if (record.kind === 'call') this.#call(record);
    else if (record.kind === 'malformed') this.malformed++;
    else if (record.kind === 'exited') this.#ended(record.tid, `exited with ${record.status}`);
    else if (record.kind === 'killed') this.#ended(record.tid, `killed by ${record.signal}`);
  }

  #ended(tid: number, how: string): void {
    const owner = this.#ownerOf(tid);
    if (owner.pid === tid) owner.end = how;
  }

  #call(record: Call): void {
    this.calls++;
    const owner = this.#ownerOf(record.tid);
    const call = decodeMemoryCall(record);
    if (call === null || 'malformed' in call) return;
    if (call.name === 'exit_group') owner.hasExitGroup = true;
    else if (record.result.kind === 'value') this.#done(owner, call);
  }

  #done(owner: RecordedProcess, call: MemoryCall): void {
    if (call.name === 'execve' || call.name === 'execveat') {
      owner.execs++;
      const path = call.pathname ?? call.argv?.[0] ?? owner.command;
      owner.command = path.slice(path.lastIndexOf('/') + 1);
    } else if ('childTid' in call && 'isThread' in call && call.childTid !== null) {
      this.#born(owner, call.childTid, call.isThread);
    }
  }

  /** The first lines of a child may come before its parent's clone() returns. */
  #born(parent: RecordedProcess, tid: number, isThread: boolean): void {
    if (isThread) {
      this.processes.delete(tid);
      this.#owners.set(tid, parent);
      parent.threads++;
      return;
    }
    const child = this.#ownerOf(tid);
    if (child.execs === 0) child.command = parent.command;
  }

  #ownerOf(tid: number): RecordedProcess {
    const known = this.#owners.get(tid);
    if (known !== undefined) return known;
    const process: RecordedProcess = {
      pid: tid,
      command: '?',
      execs: 0,
      threads: 1,
      end: null,
      hasExitGroup: false,
    };
    this.#owners.set(tid, process);
    this.processes.set(tid, process);
    return process;
  }
}
