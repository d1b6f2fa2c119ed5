/** Making processes and threads as the log shows that they were made, or were not. */
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
import type { CloneCall } from '../strace/memory_call.ts';
import { type Call, callEnd } from '../strace/record.ts';
import type { ForkStep, Program, Thread } from './program.ts';

/** What the engine is asked for where the kernel made the child: logs may leave out the rest. */
const KEPT = CLONE_VM | CLONE_VFORK | CLONE_PARENT;
const THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
/** Refusals that depend on what the engine knows. */
const REFUSALS: ReadonlySet<number> = new Set([ENOMEM, EINVAL]);

/** Another thread of a program; the same one, while it is not known how the program starts. */
export function threadOf({ space, process }: Pick<Program, 'space' | 'process'>): Process {
  if (space.birth !== null) return process;
  const thread = process.clone(THREAD);
  if (typeof thread === 'number') throw new RangeError('The engine has no memory for a thread.');
  return thread;
}

export function forkStep(
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
export function refusedForkStep(thread: Thread, record: Call, call: CloneCall): ForkStep | null {
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
