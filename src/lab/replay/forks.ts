/** How a process makes others, and threads: as the log shows that the kernel did, or refused to. */
import {
  CLONE_FILES,
  CLONE_PARENT,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  EINVAL,
  ENOMEM,
  type Process,
} from '../../index.ts';
import type { CloneCall, MemoryCall } from '../strace/memory_call.ts';
import { type Call, callEnd } from '../strace/record.ts';
import type { FaultFeed } from './fault_feed.ts';
import type { Notes } from './notes.ts';
import { type ForkStep, Program, Space, type Thread } from './program.ts';
import type { Roster } from './roster.ts';
import type { Runner } from './runner.ts';

const NAMES: ReadonlySet<string> = new Set(['clone', 'clone3', 'fork', 'vfork']);
/** What the engine is asked for where the kernel made the child: logs may leave out the rest. */
const KEPT = CLONE_VM | CLONE_VFORK | CLONE_PARENT;
const THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
/** Refusals that depend on what the engine knows. */
const REFUSALS: ReadonlySet<number> = new Set([ENOMEM, EINVAL]);

export const isForkName = (name: string): boolean => NAMES.has(name);

export const isClone = (call: MemoryCall): call is CloneCall => NAMES.has(call.name);

export interface ForkParts {
  readonly roster: Roster;
  readonly runner: Runner;
  readonly feed: FaultFeed;
  readonly notes: Notes;
}

export class Forks {
  readonly #parts: ForkParts;

  constructor(parts: ForkParts) {
    this.#parts = parts;
  }

  /** The kernel has made a thread or a process. */
  clone(thread: Thread, record: Call, call: CloneCall): void {
    const { roster, runner, feed } = this.#parts;
    const { program } = thread;
    const { childTid } = call;
    // What the child touches before the call has come back finds it already there.
    feed.drain(record.time);
    if (childTid === null) return;
    if (call.isThread) return roster.add({ tid: childTid, program, process: threadOf(program) });
    roster.forksWaiting++;
    runner.start(program);
    runner.deliver(forkStep(thread, record, { ...call, childTid }));
  }

  /** The kernel made no child; of some reasons the engine knows whether they hold. */
  refused(thread: Thread, record: Call, call: CloneCall): void {
    const { runner, feed, notes } = this.#parts;
    if (record.injected) return notes.add('injected');
    const step = refusedForkStep(thread, record, call);
    if (step === null) return;
    feed.drain(record.time);
    runner.start(thread.program);
    runner.deliver(step);
  }

  /** A fork has had its turn: the child is known from now on, if the engine made it. */
  made({ child, childTid, program, record, sharesMm, files }: ForkStep): void {
    const { roster } = this.#parts;
    roster.forksWaiting--;
    if (typeof child === 'number') return;
    const space = sharesMm ? program.space : spaceOfChild(program.space);
    if (sharesMm) space.users++;
    const parts = { process: child, space, files, command: program.command };
    const made = new Program(childTid, record.line, parts);
    made.personality = program.personality;
    made.peak = child.mapCount();
    space.peak = Math.max(space.peak, made.peak);
    roster.programs.push(made);
    roster.add({ tid: childTid, program: made, process: child });
  }
}

/** A copy, of which is known what was known of the parent's. */
function spaceOfChild({ origin, knownBelow }: Space): Space {
  const space = new Space();
  space.origin = origin;
  space.knownBelow = knownBelow;
  return space;
}

/** Another thread of a program; the same one, while it is not known how the program starts. */
export function threadOf({ space, process }: Pick<Program, 'space' | 'process'>): Process {
  if (space.birth !== null) return process;
  const thread = process.clone(THREAD);
  if (typeof thread === 'number') throw new RangeError('The engine has no memory for a thread.');
  return thread;
}

function forkStep(
  thread: Thread,
  record: Call,
  call: CloneCall & { readonly childTid: number },
): ForkStep {
  const { files } = thread.program;
  const sharesFiles = Math.floor(call.flags / CLONE_FILES) % 2 === 1;
  if (sharesFiles) files.users++;
  return {
    ...stepOf(thread, record, call),
    childTid: call.childTid,
    flags: (call.flags & KEPT) | call.exitSignal,
    files: sharesFiles ? files : files.copy(),
    refusal: null,
  };
}

/** @returns null for a refusal that the engine knows nothing about. */
function refusedForkStep(thread: Thread, record: Call, call: CloneCall): ForkStep | null {
  const { result } = record;
  if (result.kind !== 'error' || !REFUSALS.has(result.code)) return null;
  return {
    ...stepOf(thread, record, call),
    childTid: 0,
    flags: (call.flags % 2 ** 32) + call.exitSignal,
    files: thread.program.files,
    refusal: result.code,
  };
}

type StepParts = Omit<ForkStep, 'childTid' | 'flags' | 'files' | 'refusal'>;

const stepOf = ({ tid, program }: Thread, record: Call, { sharesMm }: CloneCall): StepParts => ({
  kind: 'fork',
  tid,
  program,
  record,
  sharesMm,
  child: ENOMEM,
  begin: record.line,
  end: record.resumed?.line ?? record.line,
  beginTime: record.time,
  endTime: callEnd(record) ?? record.time,
});
