/** Hands the recorded page faults to the programs that made them, in the order of time. */
import { type Call, callEnd } from '../strace/record.ts';
import { ExecTouches } from './exec_touches.ts';
import { type Faults, NO_FAULTS } from './faults.ts';
import type { Notes } from './notes.ts';
import type { OpenCalls } from './open_calls.ts';
import type { Orphans } from './orphans.ts';
import type { Recording } from './recording.ts';
import type { Roster } from './roster.ts';
import type { Runner } from './runner.ts';

/** Farther than this from the log's times, faults are of another clock: a day. */
const OTHER_CLOCK = 86400;

export interface FaultTouch {
  readonly tid: number;
  readonly addr: number;
  readonly access: 'read' | 'write';
  /** Made by the kernel, inside a call or an exec. */
  readonly isKernel: boolean;
  readonly time: number;
}

export interface FaultFeedParts {
  readonly recording: Recording;
  readonly notes: Notes;
  readonly roster: Roster;
  readonly orphans: Orphans;
  readonly openCalls: OpenCalls;
  readonly runner: Runner;
}

export class FaultFeed {
  readonly #parts: FaultFeedParts;
  readonly #faults: Faults;
  readonly #execTouches = new ExecTouches();
  #next = 0;
  #isChecked = false;
  /** False once the times turn out not to be the log's. */
  isUsable: boolean;

  constructor(parts: FaultFeedParts) {
    this.#parts = parts;
    this.#faults = parts.recording.faults ?? NO_FAULTS;
    this.isUsable = this.#faults.count > 0;
  }

  /** Looks at the first time of the log: it tells whether the faults can be used. */
  check(time: number | null): void {
    const hadFaults = this.isUsable;
    if (!this.#isChecked) this.isUsable &&= this.#isNear(time);
    this.#isChecked = true;
    if (this.isUsable) return;
    const { notes } = this.#parts;
    if (hadFaults) notes.add('fault-clock');
    else if (notes.count('fault-clock') + notes.count('no-faults') === 0) notes.add('no-faults');
  }

  #isNear(time: number | null): boolean {
    const { times, count } = this.#faults;
    const first = times[0] ?? 0;
    const last = times[count - 1] ?? 0;
    return time !== null && time > first - OTHER_CLOCK && time < last + OTHER_CLOCK;
  }

  /** Hands out the faults up to a time. */
  drain(time: number | null): void {
    if (time === null || !this.isUsable) return;
    const { count, times, tids, addrs, writes, kernels } = this.#faults;
    while (this.#next < count && (times[this.#next] ?? 0) <= time) {
      const i = this.#next++;
      const access = writes[i] === 1 ? 'write' : 'read';
      const isKernel = kernels[i] === 1;
      this.touch({ tid: tids[i] ?? 0, addr: addrs[i] ?? 0, access, isKernel, time: times[i] ?? 0 });
    }
  }

  /** Hands out the faults up to the return of an exec, but for those of the new program. */
  drainExec(record: Call): void {
    this.drain(record.time);
    this.#execTouches.returning = record.tid;
    this.drain(callEnd(record) ?? record.time);
    this.#execTouches.returning = null;
  }

  /** An exec is over, with success or not: hands out the faults that were kept for that. */
  endExec({ tid, resumed }: Call): void {
    for (const touch of this.#execTouches.release(tid)) {
      this.touch({ ...touch, tid: resumed?.tid ?? tid });
    }
  }

  /** Hands a fault to its program; or it is kept until the program is there. */
  touch(touch: FaultTouch): void {
    const { roster, orphans, openCalls, runner } = this.#parts;
    const { tid, addr, access, time } = touch;
    const thread = roster.thread(tid);
    if (this.#execTouches.keeps(touch, openCalls.nameOf(tid))) return;
    if (thread !== null) {
      const { program } = thread;
      const times = { begin: 0, end: 0, beginTime: time, endTime: time };
      runner.deliver({ kind: 'touch', tid, program, addr, access, met: 'done', ...times });
    } else if (roster.mayBeChild) {
      orphans.hold(tid, { kind: 'touch', touch });
    }
  }
}
