/** How a program gives way to another: one thread goes on, in an address space of its own. */
import { READ_IMPLIES_EXEC } from '../../index.ts';
import type { ExecCall } from '../strace/memory_call.ts';
import type { Call } from '../strace/record.ts';
import type { FaultFeed } from './fault_feed.ts';
import { type Program, Space, type Thread } from './program.ts';
import type { Roster } from './roster.ts';
import type { Runner } from './runner.ts';
import { setPersonality } from './settings.ts';

export interface ExecParts {
  readonly roster: Roster;
  readonly runner: Runner;
  readonly feed: FaultFeed;
}

export class Execs {
  readonly #parts: ExecParts;

  constructor(parts: ExecParts) {
    this.#parts = parts;
  }

  /** An exec has succeeded. The new program starts when its first calls tell what was mapped. */
  exec({ program, process }: Thread, record: Call, call: ExecCall): void {
    const { roster, runner, feed } = this.#parts;
    feed.drainExec(record);
    if (!isUnused(program.space)) runner.settle(program);
    this.#endOthers(program, process);
    program.process = process;
    program.space.users--;
    program.space = new Space();
    program.space.birth = { exec: record, path: call.pathname, steps: [] };
    program.command = nameOf(call);
    program.execs++;
    // A 64-bit program starts without it. Source: arch/x86/kernel/process_64.c,
    // set_personality_64bit().
    setPersonality(program, program.personality & ~READ_IMPLIES_EXEC);
    leaveFiles(program);
    // An exec by another thread goes on under the number of the leader.
    roster.add({ tid: record.resumed?.tid ?? record.tid, program, process });
  }

  #endOthers({ threads }: Program, process: Thread['process']): void {
    const others = new Set(threads.values());
    for (const tid of threads.keys()) this.#parts.roster.remove(tid);
    for (const other of others) if (other !== process) other.exit();
  }
}

/** Whether the log shows no call of the program that was there before the exec. */
const isUnused = ({ birth }: Space): boolean =>
  birth !== null && !birth.steps.some(({ kind }) => kind === 'call');

/** Descriptors that are shared stay with the others. */
function leaveFiles(program: Program): void {
  if (program.files.users > 1) {
    program.files.users--;
    program.files = program.files.copy();
  }
  program.files.clear();
}

function nameOf({ pathname, argv }: ExecCall): string {
  const path = pathname ?? argv?.[0] ?? '?';
  return path.slice(path.lastIndexOf('/') + 1);
}
