import { writeFileSync } from 'node:fs';
import { isGone } from './death.ts';
import { OracleError, deniedCall } from './oracle_error.ts';
import { Kernel } from './kernel.ts';
import { type SubjectFiles, openSubjectFiles } from './subject_files.ts';

const PAGE = 4096;
const HEAP_PAGES = 34;
const EXIT_TRIES = 4000;
/** A program that takes all memory is to be killed before anybody else is. */
const FIRST_TO_GO = '1000';

/** A process or thread that runs operations: its kernel side, its files, its userfaultfd. */
export interface Subject {
  readonly kernel: Kernel;
  readonly files: SubjectFiles;
  readonly userfault: SharedUserfault;
}

/** The userfaultfd of a process and its threads, once they have one. */
export interface SharedUserfault {
  fd: number | undefined;
}

/** The processes of one recording. Number 0 is there from the start. */
export interface Subjects {
  readonly live: Map<number, Subject>;
  /** Where process 0's heap ends at first. */
  readonly brk: number;
  stop(): void;
}

/**
 * Prepares process 0 as the conformance vectors found theirs: files open, a heap of 34 touched
 * pages, and itself a fork child, so that its heap no longer merges with what comes after it.
 */
export function startSubjects(uid: number): Subjects {
  const parent = Kernel.start();
  try {
    writeFileSync(`/proc/${parent.pid}/oom_score_adj`, FIRST_TO_GO);
    const files = openSubjectFiles(parent);
    const brk = growHeap(parent);
    parent.becomeUser(uid); // only now: the files are ours
    const child = parent.fork();
    if (typeof child === 'number') throw deniedCall('fork', child);
    const live = new Map([[0, { kernel: child, files, userfault: { fd: undefined } }]]);
    return { live, brk, stop: () => stopAll(live, parent) };
  } catch (error) {
    parent.stop();
    throw error;
  }
}

function growHeap(kernel: Kernel): number {
  const start = Number(kernel.call('brk', 0));
  const end = Number(kernel.call('brk', start + HEAP_PAGES * PAGE));
  for (let at = start; at < end; at += PAGE) kernel.store(at, 1);
  return end;
}

function stopAll(live: ReadonlyMap<number, Subject>, parent: Kernel): void {
  for (const subject of live.values()) subject.kernel.stop();
  parent.stop();
}

/** Ends a subject and waits until the kernel has taken its address space apart. */
export function exitSubject(subject: Subject): void {
  subject.kernel.stop();
  for (let i = 0; i < EXIT_TRIES; i++) {
    if (isGone(subject.kernel.pid)) return;
  }
  throw new OracleError('hung', `process ${subject.kernel.pid} does not exit: end it by hand.`);
}
