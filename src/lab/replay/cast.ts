/** The processes of a log on their stage: takes the records in their order, each to its thread. */
import type { Machine } from '../../index.ts';
import type { Begun } from '../strace/reader.ts';
import type { Call, StraceRecord } from '../strace/record.ts';
import { Births, type ElfImages } from './births.ts';
import { Dispatch } from './dispatch.ts';
import { Endings } from './endings.ts';
import { Execs } from './execs.ts';
import { Exits } from './exits.ts';
import { FaultFeed } from './fault_feed.ts';
import type { Findings } from './findings.ts';
import { Forks, isForkName } from './forks.ts';
import { Judge } from './judge.ts';
import type { Notes } from './notes.ts';
import { OpenCalls } from './open_calls.ts';
import { FileWorld } from './openings.ts';
import { type Deed, Orphans } from './orphans.ts';
import type { Program } from './program.ts';
import { knownFiles, type Recording } from './recording.ts';
import { Roster } from './roster.ts';
import { Runner } from './runner.ts';
import { endOf, howEnded, NO_END } from './thread_end.ts';
import { Toucher } from './toucher.ts';
import { Waits } from './waits.ts';

export interface CastParts {
  readonly recording: Recording;
  readonly machine: Machine;
  readonly findings: Findings;
  readonly notes: Notes;
  readonly elfImages: ElfImages | null;
  /** The log is not read to its end: what is missing there is no finding. */
  readonly isCutShort: boolean;
}

export class Cast {
  readonly #parts: CastParts;
  readonly #world: FileWorld;
  readonly #openCalls = new OpenCalls();
  readonly #roster: Roster;
  readonly #orphans: Orphans;
  readonly #births: Births;
  readonly #endings: Endings;
  readonly #runner: Runner;
  readonly #feed: FaultFeed;
  readonly #forks: Forks;
  readonly #exits: Exits;
  readonly #dispatch: Dispatch;

  /** Each part works with those above it; only the runner calls back two that come later. */
  constructor(parts: CastParts) {
    const { recording, machine, findings, notes } = parts;
    const hasFaults = (): boolean => this.#feed.isUsable;
    this.#parts = parts;
    this.#world = new FileWorld(machine, knownFiles(recording));
    this.#roster = new Roster(recording, this.#openCalls);
    const known = { ...parts, hasFaults, world: this.#world, roster: this.#roster };
    this.#orphans = new Orphans(known);
    this.#births = new Births(known);
    this.#endings = new Endings(known);
    this.#runner = new Runner({
      ...known,
      births: this.#births,
      judge: new Judge(machine, this.#world, notes),
      toucher: new Toucher(notes, hasFaults),
      endMaps: (pid) => recording.endMaps.get(pid),
      forked: (step) => this.#forks.made(step),
      changed: (space) => this.#exits.lookAt(space),
    });
    const running = { ...known, orphans: this.#orphans, runner: this.#runner };
    this.#feed = new FaultFeed({ ...running, openCalls: this.#openCalls });
    const waits = new Waits(findings, notes);
    const fed = { ...running, feed: this.#feed, endings: this.#endings, waits };
    this.#forks = new Forks(fed);
    this.#exits = new Exits(fed);
    const execs = new Execs(fed);
    this.#dispatch = new Dispatch({ ...fed, forks: this.#forks, execs, exits: this.#exits });
  }

  get programs(): readonly Program[] {
    return this.#roster.programs;
  }

  /** Calls compared so far. */
  get calls(): number {
    return this.programs.reduce((sum, { calls }) => sum + calls, 0);
  }

  /** Most VMAs that a program had at one time. */
  get vmaPeak(): number {
    return this.programs.reduce((most, { peak }) => Math.max(most, peak), 0);
  }

  get hasFaults(): boolean {
    return this.#feed.isUsable;
  }

  /** The real number of thread 0, once the log has told it. */
  set mainTid(tid: number | null) {
    this.#roster.mainTid = tid;
  }

  /** A call has begun that others will overtake. */
  begun(call: Begun): void {
    this.#feed.check(call.time);
    this.#feed.drain(call.time);
    if (isForkName(call.name)) this.#roster.forksBegun.add(call.line);
    const thread = this.#roster.thread(call.tid);
    this.#openCalls.begin(call, thread?.program.space ?? null);
    // Others go on while the end maps are taken.
    if (call.name === 'exit_group' && thread !== null) this.#exits.begin(thread.program, call);
  }

  take(record: StraceRecord): void {
    if (record.kind === 'malformed' || record.kind === 'note' || record.kind === 'attached') return;
    this.#perform(record);
    this.#takeArrivals();
    if (!this.#roster.mayBeChild) this.#adoptOrphans();
    this.#closeIdle();
  }

  /** The log is over. */
  end(): void {
    this.#roster.forksBegun.clear();
    this.#adoptOrphans();
    this.#exits.endAll();
    if (!this.#parts.isCutShort) {
      this.#births.reportUnused();
      const pids = this.programs.map((program) => this.#roster.pidOf(program));
      this.#endings.reportUnknown(new Set(pids));
    }
    this.#parts.notes.add('file-access', this.#world.inferred);
  }

  #perform(record: Deed): void {
    if (record.kind === 'call') this.#comeBack(record);
    const thread = this.#roster.thread(record.tid);
    if (thread === null) {
      if (this.#roster.mayBeChild || this.#orphans.has(record.tid)) {
        this.#orphans.hold(record.tid, { kind: 'record', record });
      } else if (record.kind === 'call') {
        this.#dispatch.call(this.#orphans.adopt(record), record);
      }
    } else if (record.kind === 'call') {
      this.#dispatch.call(thread, record);
    } else if (record.kind === 'exited' || record.kind === 'killed') {
      this.#feed.drain(record.time);
      this.#exits.leave(record, howEnded(record), endOf(record));
    } else if (record.kind === 'detached') {
      this.#exits.leave(record, 'detached', NO_END);
    }
  }

  #comeBack(record: Call): void {
    this.#roster.forksBegun.delete(record.line);
    this.#openCalls.end(record);
  }

  /** Takes what waited for threads that have become known. */
  #takeArrivals(): void {
    // Ends: each round makes at least one thread known.
    for (;;) {
      const arrival = this.#openCalls.nextArrival();
      if (arrival === undefined) return;
      this.#release(arrival.tid);
      this.#openCalls.settle(arrival);
    }
  }

  #adoptOrphans(): void {
    for (const tid of this.#orphans.tids) {
      if (this.#roster.thread(tid) !== null) continue;
      const first = this.#orphans.firstCall(tid);
      if (first !== null) this.#orphans.adopt(first);
      this.#release(tid);
    }
  }

  #release(tid: number): void {
    for (const held of this.#orphans.release(tid)) {
      if (held.kind === 'touch') this.#feed.touch(held.touch);
      else this.#perform(held.record);
    }
  }

  /** Runs what waited where the last open call has come back. */
  #closeIdle(): void {
    const { idle } = this.#openCalls;
    for (const space of idle) if (space.open === 0) this.#runner.close(space);
    idle.clear();
  }
}
