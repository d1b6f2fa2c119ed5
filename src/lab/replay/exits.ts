/** How threads and programs end: what is compared then, and what is left of them. */
import type { Attached, Call, Exited, Killed } from '../strace/record.ts';
import type { Endings } from './endings.ts';
import type { FaultFeed } from './fault_feed.ts';
import type { Findings } from './findings.ts';
import type { Notes } from './notes.ts';
import type { Program, Space } from './program.ts';
import type { Roster } from './roster.ts';
import type { Runner } from './runner.ts';
import { endProgram, NO_END, type ThreadEnd } from './thread_end.ts';
import type { Waits } from './waits.ts';

export interface ExitParts {
  readonly roster: Roster;
  readonly runner: Runner;
  readonly feed: FaultFeed;
  readonly endings: Endings;
  readonly waits: Waits;
  readonly findings: Findings;
  readonly notes: Notes;
  /** The log is not read to its end: what is missing there is no finding. */
  readonly isCutShort: boolean;
}

export class Exits {
  readonly #parts: ExitParts;

  constructor(parts: ExitParts) {
    this.#parts = parts;
  }

  /** A program has asked to end: from now on its end maps may have been recorded. */
  begin(program: Program, record: Pick<Call, 'line' | 'time'>): void {
    if (program.isEnding) return;
    const { roster, runner, feed, endings, notes } = this.#parts;
    feed.drain(record.time);
    runner.start(program);
    if (program.space.open === 0) runner.close(program.space);
    program.isEnding = true;
    program.endLine = record.line;
    program.hadOtherThreads = program.threads.size > 1;
    const pid = roster.pidOf(program);
    if (!feed.isUsable) notes.add('stack-grown', endings.growStacks(program, pid));
    endings.look(program, pid);
  }

  /** An address space may have changed: it may now be as it was recorded. */
  lookAt(space: Space): void {
    const { roster, endings } = this.#parts;
    for (const program of roster.programs) {
      if (program.space === space && program.isEnding && !program.isGone) {
        endings.look(program, roster.pidOf(program));
      }
    }
  }

  /** A thread is gone; the last one takes its program along. */
  leave({ tid, line }: Exited | Killed | Attached, how: string, end: ThreadEnd): void {
    const thread = this.#parts.roster.remove(tid);
    if (thread === null) return;
    const { program, process } = thread;
    const others = [...program.threads.values()];
    if (others.length > 0) return others.includes(process) ? undefined : process.exit(end.status);
    program.end = how;
    if (program.endLine === 0) program.endLine = line;
    if (how !== 'detached') program.isEnding = true;
    program.threads.set(tid, process);
    this.#finish(program, end);
  }

  /** The log is over: who is still there ends now. */
  endAll(): void {
    const { programs } = this.#parts.roster;
    for (const program of programs) if (!program.isGone) this.#parts.runner.settle(program);
    for (const program of programs) if (!program.isGone) this.#finish(program, NO_END);
  }

  /** Compares a program with what was recorded of its end, and ends what is left of it. */
  #finish(program: Program, end: ThreadEnd): void {
    this.#parts.runner.settle(program);
    this.#compare(program);
    program.vmasAtEnd = program.process.mapCount();
    program.isGone = true;
    program.files.users--;
    if (program.files.users === 0) program.files.clear();
    program.space.users--;
    endProgram(program, end);
    this.#parts.waits.ended(program);
  }

  #compare(program: Program): void {
    const { roster, endings, findings, isCutShort } = this.#parts;
    const pid = roster.pidOf(program);
    if (program.isEnding) {
      endings.look(program, pid);
      endings.settle(program, pid);
    } else if (endings.hasMaps(pid) && !isCutShort) {
      const message = `The log ends before process ${pid} does, so its end maps are not compared.`;
      findings.add('contradiction', message, { pid });
    }
  }
}
