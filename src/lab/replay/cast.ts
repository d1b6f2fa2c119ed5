/** The processes of a log on their stage: makes, runs and ends them as the log says. */
import { type Machine, READ_IMPLIES_EXEC } from '../../index.ts';
import { decodeMemoryCall } from '../strace/decode.ts';
import { isKnownCall } from '../strace/known_calls.ts';
import type { CloneCall, ExecCall, MemoryCall, WaitCall } from '../strace/memory_call.ts';
import type { Begun } from '../strace/reader.ts';
import { type Call, callEnd, type StraceRecord } from '../strace/record.ts';
import { Births, type ElfImages } from './births.ts';
import { Endings } from './endings.ts';
import { ExecTouches } from './exec_touches.ts';
import { FaultFeed, type FaultTouch } from './fault_feed.ts';
import { NO_FAULTS } from './faults.ts';
import { isFileCall, trackFiles } from './file_calls.ts';
import type { Findings } from './findings.ts';
import { forkStep, refusedForkStep, threadOf } from './fork_step.ts';
import { Judge } from './judge.ts';
import type { Notes } from './notes.ts';
import { FileTable, FileWorld } from './openings.ts';
import { type ForkStep, Program, Space, type Step, type Thread } from './program.ts';
import { knownFiles, pidsOf, type Recording } from './recording.ts';
import { Roster } from './roster.ts';
import { isSpaceCall, isSpaceName, type SpaceCall } from './run_call.ts';
import { callText, Runner } from './runner.ts';
import { applySetting, setPersonality } from './settings.ts';
import { endOf, endProgram, howEnded, NO_END, type ThreadEnd } from './thread_end.ts';
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

/** What a thread does or what becomes of it. */
export type Deed = Exclude<StraceRecord, { kind: 'malformed' | 'note' | 'attached' }>;

const FORK_NAMES: ReadonlySet<string> = new Set(['clone', 'clone3', 'fork', 'vfork']);
/** Calls during which others have to wait for their order; vfork copies nothing. */
const isOpening = (name: string): boolean =>
  isSpaceName(name) || name === 'clone' || name === 'clone3' || name === 'fork';

export class Cast {
  readonly #parts: CastParts;
  readonly #roster = new Roster();
  readonly #world: FileWorld;
  readonly #births: Births;
  readonly #endings: Endings;
  readonly #waits: Waits;
  readonly #feed: FaultFeed;
  readonly #toucher: Toucher;
  readonly #runner: Runner;
  /** Calls that have begun and not come back, by thread. */
  readonly #begun = new Map<number, { readonly call: Begun; space: Space | null }>();
  /** Threads that have just become known: what waited for them is next. */
  readonly #arrived: { readonly tid: number; readonly space: Space }[] = [];
  /** Address spaces in which the last call has come back. */
  readonly #idle = new Set<Space>();
  readonly #execTouches = new ExecTouches();
  /** The real number of thread 0, once the log has told it. */
  mainTid: number | null = null;
  vmaPeak = 0;

  constructor(parts: CastParts) {
    const { recording, machine, findings, notes, elfImages } = parts;
    this.#parts = parts;
    const hasFaults = (): boolean => this.#feed.isUsable;
    this.#world = new FileWorld(machine, knownFiles(recording));
    this.#births = new Births({
      recording,
      world: this.#world,
      notes,
      findings,
      elfImages,
      hasFaults,
    });
    this.#endings = new Endings({ recording, findings, notes, hasFaults });
    this.#waits = new Waits(findings, notes);
    this.#feed = new FaultFeed(recording.faults ?? NO_FAULTS, (tid, addr, touch) => {
      this.#touch(tid, addr, touch);
    });
    this.#toucher = new Toucher(notes);
    this.#runner = new Runner({
      machine,
      findings,
      notes,
      judge: new Judge(machine, this.#world, notes),
      toucher: this.#toucher,
      endMaps: (pid) => recording.endMaps.get(pid),
      forked: (step) => this.#forked(step),
      changed: (space) => this.#lookAt(space),
    });
  }

  get programs(): readonly Program[] {
    return this.#roster.programs;
  }

  /** Calls compared so far. */
  get calls(): number {
    return this.programs.reduce((sum, { calls }) => sum + calls, 0);
  }

  get hasFaults(): boolean {
    return this.#feed.isUsable;
  }

  /** A call has begun that others will overtake. */
  begun(call: Begun): void {
    this.#checkClock(call.time);
    this.#feed.drain(call.time);
    if (FORK_NAMES.has(call.name)) this.#roster.forksBegun.add(call.line);
    const space = this.#roster.thread(call.tid)?.program.space ?? null;
    const isOpen = isOpening(call.name);
    this.#begun.set(call.tid, { call, space: isOpen ? space : null });
    if (isOpen && space !== null) space.open++;
  }

  take(record: StraceRecord): void {
    if (record.kind === 'malformed' || record.kind === 'note' || record.kind === 'attached') return;
    this.#perform(record);
    // Ends: each round makes at least one thread known.
    for (let next = this.#arrived.pop(); next !== undefined; next = this.#arrived.pop()) {
      this.#release(next.tid);
      this.#goIdle(next.space);
    }
    if (!this.#roster.mayBeChild) this.#adoptOrphans();
    if (this.#idle.size > 0) this.#closeIdle();
  }

  /** The log is over. */
  end(): void {
    this.#roster.forksBegun.clear();
    this.#adoptOrphans();
    for (const program of this.programs) if (!program.isGone) this.#settle(program);
    for (const program of this.programs) if (!program.isGone) this.#finish(program, NO_END);
    if (!this.#parts.isCutShort) {
      this.#births.reportUnused();
      this.#endings.reportUnknown(new Set(this.programs.map((program) => this.#pidOf(program))));
    }
    if (this.#world.inferred > 0) this.#parts.notes.add('file-access', this.#world.inferred);
  }

  #perform(record: Deed): void {
    if (record.kind === 'call') this.#close(record);
    const thread = this.#roster.thread(record.tid);
    if (thread === null) {
      if (this.#roster.mayBeChild || this.#roster.isHeld(record.tid)) {
        this.#roster.hold(record.tid, { kind: 'record', record });
      } else if (record.kind === 'call') this.#call(this.#adopt(record), record);
    } else if (record.kind === 'call') {
      this.#call(thread, record);
    } else if (record.kind === 'exited' || record.kind === 'killed') {
      this.#feed.drain(record.time);
      this.#leave(record, howEnded(record), endOf(record));
    } else if (record.kind === 'detached') {
      this.#leave(record, 'detached', NO_END);
    }
  }

  /** A call that had begun has come back. */
  #close(record: Call): void {
    this.#roster.forksBegun.delete(record.line);
    const begun = this.#begun.get(record.tid);
    if (begun === undefined || begun.call.line !== record.line) return;
    this.#begun.delete(record.tid);
    if (begun.space !== null) this.#goIdle(begun.space);
  }

  #goIdle(space: Space): void {
    space.open--;
    if (space.open === 0) this.#idle.add(space);
  }

  #closeIdle(): void {
    for (const space of this.#idle) if (space.open === 0) this.#runner.close(space);
    this.#idle.clear();
  }

  #call(thread: Thread, record: Call): void {
    const { program } = thread;
    this.#checkClock(record.time);
    const call = decodeMemoryCall(record);
    if (call === null) return isKnownCall(record.name) ? undefined : this.#unknown(thread, record);
    if ('malformed' in call) return this.#refuse(thread, record, call.malformed);
    if (call.name === 'exit_group') return this.#beginEnd(program, record);
    const { result } = record;
    if (isSpaceCall(call)) return this.#spaceCall(thread, record, call);
    const isDone = result.kind === 'value' && !record.injected;
    if (call.name === 'wait4' || call.name === 'waitid') return this.#wait(thread, record, call);
    if (call.name === 'execve' || call.name === 'execveat') {
      if (isDone) this.#exec(thread, record, call);
      const kept = this.#execTouches.release(record.tid);
      for (const { addr, touch } of kept)
        this.#touch(record.resumed?.tid ?? record.tid, addr, touch);
      return;
    }
    if (isClone(call) && result.kind === 'error') return this.#refusedFork(thread, record, call);
    // What did not return, or failed, has changed nothing that these calls are read for.
    if (!isDone) return;
    if (isClone(call)) return this.#clone(thread, record, call);
    if (call.name === 'rt_sigaction') return this.#waits.sigaction(program, call);
    this.#feed.drain(callEnd(record) ?? record.time);
    if (isFileCall(call)) trackFiles(program.files, this.#world, { call, result });
    else if (call.name === 'shmget')
      this.#world.shmSizes.set(Number(result.value), Number(call.size));
    else applySetting(program, call);
  }

  /** A call that may have changed the address space in a way nobody can tell. */
  #unknown({ tid, program }: Thread, record: Call): void {
    program.calls++;
    program.skipped++;
    const { line, name } = record;
    const message = `Line ${line}: no system call that is known here is called ${name}(); skipped.`;
    const parts = { pid: this.#pidOf(program), tid, line, call: callText(record) };
    this.#parts.findings.add('unmodelled', message, parts);
  }

  #refuse({ tid, program }: Thread, record: Call, reason: string): void {
    const message = `Line ${record.line} cannot be read: ${reason}.`;
    const parts = { pid: this.#pidOf(program), tid, line: record.line, call: callText(record) };
    this.#parts.findings.add('malformed', message, parts);
  }

  #spaceCall({ tid, program }: Thread, record: Call, call: SpaceCall): void {
    const { result } = record;
    const endTime = callEnd(record) ?? record.time;
    this.#feed.drain(endTime);
    if (record.injected) return this.#parts.notes.add('injected');
    if (result.kind === 'unknown') {
      this.#parts.notes.add('lost');
      return;
    }
    if (result.kind === 'restart') return;
    const wanted = result.kind === 'value' ? result.value : result.code;
    const fd = call.name === 'mmap' ? program.files.forMmap(call, Number(wanted)).fd : -1;
    const end = record.resumed?.line ?? record.line;
    const times = { begin: record.line, end, beginTime: record.time, endTime };
    this.#deliver({ kind: 'call', tid, program, record, call, fd, wanted, ...times });
  }

  #deliver(step: Step): void {
    const { space } = step.program;
    if (space.birth === null) return this.#runner.deliver(space, step);
    space.birth.steps.push(step);
    if (this.#births.isReady(space.birth.steps)) this.#start(step.program);
  }

  /** Starts a program that has been waiting for it. */
  #start(program: Program): void {
    if (program.space.birth === null) return;
    const steps = this.#births.start(program, this.#pidOf(program));
    this.#toucher.isOn = !this.#feed.isUsable;
    for (const step of steps) this.#runner.deliver(program.space, step);
  }

  /** Runs all that waits in a program's address space. */
  #settle(program: Program): void {
    this.#start(program);
    this.#runner.close(program.space);
  }

  #touch(tid: number, addr: number, touch: FaultTouch): void {
    const thread = this.#roster.thread(tid);
    const call = this.#begun.get(tid)?.call.name;
    if (this.#execTouches.keeps({ tid, addr, touch }, call)) return;
    if (thread !== null) {
      const times = { begin: 0, end: 0, beginTime: touch.time, endTime: touch.time };
      const { access } = touch;
      const { program } = thread;
      this.#deliver({ kind: 'touch', tid, program, addr, access, met: 'done', ...times });
    } else if (this.#roster.mayBeChild) {
      this.#roster.hold(tid, { kind: 'touch', tid, addr, touch });
    }
  }

  #checkClock(time: number | null): void {
    const hadFaults = this.#feed.isUsable;
    if (this.#feed.check(time)) return;
    this.#toucher.isOn = true;
    if (hadFaults) this.#parts.notes.add('fault-clock');
    else if (this.#parts.notes.count('no-faults') === 0) this.#parts.notes.add('no-faults');
  }

  /** What waits for the end of a child, and what the engine's process is told then. */
  #wait(thread: Thread, record: Call, call: WaitCall): void {
    if (!record.injected) this.#waits.waited({ thread, record, call }, !this.#roster.mayBeChild);
  }

  #clone(thread: Thread, record: Call, call: CloneCall): void {
    const { program } = thread;
    const { childTid } = call;
    // What the child touches before the call has come back finds it already there.
    this.#feed.drain(record.time);
    if (childTid === null) return;
    if (call.isThread) {
      this.#join({ tid: childTid, program, process: threadOf(program) });
      return;
    }
    this.#roster.forksWaiting++;
    if (program.space.birth !== null) this.#start(program);
    this.#deliver(forkStep(thread, record, { ...call, childTid }));
  }

  /** The kernel made no child; of some reasons the engine knows whether they hold. */
  #refusedFork(thread: Thread, record: Call, call: CloneCall): void {
    if (record.injected) return this.#parts.notes.add('injected');
    const step = refusedForkStep(thread, record, call);
    if (step === null) return;
    this.#feed.drain(record.time);
    this.#start(thread.program);
    this.#deliver(step);
  }

  /** A thread is known from now on. */
  #join(thread: Thread): Thread {
    const { tid, program } = thread;
    this.#roster.add(thread);
    const begun = this.#begun.get(tid);
    if (begun !== undefined && begun.space === null && isOpening(begun.call.name)) {
      begun.space = program.space;
      program.space.open++;
    }
    // What waited for it may overlap what is waiting here.
    program.space.open++;
    this.#arrived.push({ tid, space: program.space });
    return thread;
  }

  #forked(step: ForkStep): void {
    this.#roster.forksWaiting--;
    const { child, program, childTid, files } = step;
    if (typeof child === 'number') return;
    const space = step.sharesMm ? program.space : new Space();
    if (step.sharesMm) space.users++;
    else {
      space.origin = program.space.origin;
      space.knownBelow = program.space.knownBelow;
    }
    const parts = { process: child, space, files, command: program.command };
    const made = new Program(childTid, step.record.line, parts);
    made.personality = program.personality;
    made.peak = child.mapCount();
    space.peak = Math.max(space.peak, made.peak);
    this.#roster.programs.push(made);
    this.#join({ tid: childTid, program: made, process: child });
  }

  #release(tid: number): void {
    for (const held of this.#roster.release(tid)) {
      if (held.kind === 'touch') this.#touch(held.tid, held.addr, held.touch);
      else this.#perform(held.record);
    }
  }

  #adoptOrphans(): void {
    for (const tid of this.#roster.orphans) {
      if (this.#roster.thread(tid) !== null) continue;
      const [first] = this.#roster.peek(tid);
      if (first?.kind === 'record' && first.record.kind === 'call') this.#adopt(first.record);
      this.#release(tid);
    }
  }

  /**
   * Takes in a thread that nobody has made: a log may begin in the middle, or leave clone() out.
   */
  #adopt(record: Call): Thread {
    const { lastActive } = this.#roster;
    if (lastActive !== null && !isFirstOfProgram(record)) {
      this.#parts.notes.add('unknown-thread');
      const process = threadOf(lastActive);
      return this.#join({ tid: record.tid, program: lastActive, process });
    }
    const process = this.#parts.machine.spawn();
    const space = new Space();
    space.origin = 'log';
    space.birth = { exec: null, path: null, steps: [] };
    const files = new FileTable(this.#world);
    const program = new Program(record.tid, record.line, { process, space, files, command: '?' });
    program.isAdopted = true;
    this.#roster.programs.push(program);
    return this.#join({ tid: record.tid, program, process });
  }

  #exec({ program, process }: Thread, record: Call, call: ExecCall): void {
    this.#feed.drain(record.time);
    this.#execTouches.returning = record.tid;
    this.#feed.drain(callEnd(record) ?? record.time);
    this.#execTouches.returning = null;
    const before = program.space;
    const isUnused =
      before.birth !== null && !before.birth.steps.some(({ kind }) => kind === 'call');
    if (!isUnused) this.#settle(program);
    const others = new Set(program.threads.values());
    for (const tid of program.threads.keys()) this.#roster.remove(tid);
    for (const other of others) if (other !== process) other.exit();
    program.process = process;
    before.users--;
    program.space = new Space();
    program.space.birth = { exec: record, path: call.pathname, steps: [] };
    program.command = nameOf(call);
    program.execs++;
    // A 64-bit program starts without it. Source: arch/x86/kernel/process_64.c,
    // set_personality_64bit().
    setPersonality(program, program.personality & ~READ_IMPLIES_EXEC);
    if (program.files.users > 1) {
      program.files.users--;
      program.files = program.files.copy();
    }
    program.files.clear();
    // An exec by another thread goes on under the number of the leader.
    this.#join({ tid: record.resumed?.tid ?? record.tid, program, process });
  }

  #beginEnd(program: Program, record: Call): void {
    this.#feed.drain(record.time);
    this.#start(program);
    if (program.space.open === 0) this.#runner.close(program.space);
    program.isEnding = true;
    program.endLine = record.line;
    program.hadOtherThreads = program.threads.size > 1;
    const pid = this.#pidOf(program);
    if (this.#toucher.isOn)
      this.#parts.notes.add('stack-grown', this.#endings.growStacks(program, pid));
    this.#endings.look(program, pid);
  }

  #lookAt(space: Space): void {
    for (const program of this.programs) {
      if (program.space === space && program.isEnding && !program.isGone) {
        this.#endings.look(program, this.#pidOf(program));
      }
    }
  }

  #leave({ tid, line }: Deed, how: string, end: ThreadEnd): void {
    const thread = this.#roster.remove(tid);
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

  /** Compares a program with what was recorded of its end, and ends what is left of it. */
  #finish(program: Program, end: ThreadEnd): void {
    this.#settle(program);
    const pid = this.#pidOf(program);
    if (program.isEnding) {
      this.#endings.look(program, pid);
      this.#endings.settle(program, pid);
    } else if (this.#endings.hasMaps(pid) && !this.#parts.isCutShort) {
      const message = `The log ends before process ${pid} does, so its end maps are not compared.`;
      this.#parts.findings.add('contradiction', message, { pid });
    }
    program.vmasAtEnd = program.process.mapCount();
    this.vmaPeak = Math.max(this.vmaPeak, program.peak);
    program.isGone = true;
    program.files.users--;
    if (program.files.users === 0) program.files.clear();
    program.space.users--;
    endProgram(program, end);
    this.#waits.ended(program);
  }

  /** A log of one process may not number it; the files beside it do. */
  #pidOf({ pid }: Program): number {
    if (pid !== 0) return pid;
    if (this.mainTid !== null) return this.mainTid;
    const pids = pidsOf(this.#parts.recording);
    const [only] = pids;
    return pids.size === 1 && only !== undefined ? only : 0;
  }
}

const isClone = (call: MemoryCall): call is CloneCall => FORK_NAMES.has(call.name);

/** The loader of a program asks for the heap before anything else. */
function isFirstOfProgram({ name, args }: Call): boolean {
  return (
    name === 'execve' ||
    name === 'execveat' ||
    (name === 'brk' && /^(NULL|0|0x0)$/.test(args[0] ?? ''))
  );
}

function nameOf({ pathname, argv }: ExecCall): string {
  const path = pathname ?? argv?.[0] ?? '?';
  return path.slice(path.lastIndexOf('/') + 1);
}
