import { readFileSync } from 'node:fs';
import { Channel, type Pipes, type StubEnds, closePipes, openPipes } from './channel.ts';
import { isGone } from './death.ts';
import { OracleError, deniedCall } from './oracle_error.ts';
import {
  type Answer,
  type Request,
  callResult,
  requestCall,
  requestFork,
  requestLoad,
  requestLoadPage,
  requestStore,
  requestThread,
} from './request.ts';
import {
  AREA_START,
  SCRATCH_AT,
  SCRATCH_BYTES,
  SIGNAL_STACK_AT,
  SIGNAL_STACK_BYTES,
} from './stub_code.ts';
import { killStub, startStub } from './stub_process.ts';
import { type SyscallName, syscallNumber } from './syscalls.ts';
import { ThreadGroup } from './thread_group.ts';
import { type SmapsVma, parseSmaps } from './vmas.ts';
import { requestWatch } from './watch.ts';

/** Where a process's first thread has its fds; the other ends of its pipes lie between. */
const FIRST_ENDS: StubEnds = { input: 3, output: 6 };
const OTHER_ENDS = [4, 5];
const PATIENCE_SECONDS = 20;

/** Of the fields of /proc/PID/stat behind the program's name. */
const START_DATA = 43;

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

export interface KernelOptions {
  /** Run as this user and group instead of ours; needs root. */
  readonly uid?: number;
  /** Seconds that one batch of requests may take before the process is killed. Default: 20. */
  readonly patience?: number;
}

/** How a process or thread came to be. */
interface Origin {
  readonly pid: number;
  readonly group: ThreadGroup;
  readonly ends: StubEnds;
  readonly pipes: Pipes;
  readonly area: number;
  readonly patience: number;
  readonly how: 'started' | 'forked' | 'cloned';
}

/**
 * A process of the live kernel, or a thread of one, whose address space is ours to play with.
 *
 * Everything is synchronous: a request is written to a pipe and its answer read from another.
 *
 * Each method that asks throws an OracleError when the process cannot answer: it was killed, a
 * request destroyed what it runs on, or a call did not return in time.  Nobody else is harmed.
 */
export class Kernel {
  /** By which /proc finds it: of a thread its own number, not its process's. */
  readonly pid: number;
  readonly #group: ThreadGroup;
  readonly #channel: Channel;
  readonly #origin: Origin;

  private constructor(origin: Origin) {
    const { pid, group, ends, area } = origin;
    this.pid = pid;
    this.#group = group;
    this.#origin = origin;
    this.#channel = new Channel({ ...origin, pid: group.pid });
    group.enter(pid, area, ends);
  }

  /** Starts a fresh process: layout not randomised, almost nothing mapped. */
  static start({ uid, patience = PATIENCE_SECONDS }: KernelOptions = {}): Kernel {
    const reason = whyNoKernel();
    if (reason !== undefined)
      throw new OracleError('absent', `this machine cannot do it: ${reason}`);
    const pid = startStub();
    const place = { ends: FIRST_ENDS, area: AREA_START, patience };
    const pipes = openFirstPipes(pid);
    const kernel = new Kernel({
      ...place,
      pid,
      group: new ThreadGroup(pid),
      pipes,
      how: 'started',
    });
    return kernel.#orStop(() => {
      kernel.#close(...OTHER_ENDS);
      kernel.#watch(AREA_START);
      kernel.becomeUser(uid ?? ownUid());
    });
  }

  /** Changes to another user and group, losing every capability; needs root. */
  becomeUser(uid: number): void {
    const failed = uid !== ownUid() && !this.#setUser(uid);
    this.call('prctl', PR_SET_PDEATHSIG, SIGKILL); // the change of user had cleared it
    if (failed)
      throw new OracleError('denied', `becoming user ${uid} is refused here: run as root.`);
  }

  #setUser(uid: number): boolean {
    return (
      this.call('setresgid', uid, uid, uid) === 0 && this.call('setresuid', uid, uid, uid) === 0
    );
  }

  /** Makes one system call. @returns what the kernel returned: negative errno on failure. */
  call(call: SyscallName | number, ...args: readonly (number | bigint)[]): number | bigint {
    return callResult(this.one(requestCall(syscallNumber(call), args)));
  }

  /** Makes a system call that has to succeed. @throws OracleError when this machine refuses it. */
  must(call: SyscallName, ...args: readonly number[]): number {
    const result = Number(this.call(call, ...args));
    if (result < 0) throw deniedCall(call, result);
    return result;
  }

  /** Answers any number of requests, in order. */
  batch(requests: readonly Request[]): Answer[] {
    return this.#channel.exchange(requests);
  }

  /** Answers one request. */
  one(request: Request): Answer {
    return this.batch([request])[0] as Answer;
  }

  /** Gives requests, at most 64, of which nobody awaits the answers now: see take(). */
  post(requests: readonly Request[]): void {
    this.#channel.post(requests);
  }

  /** Waits for the answers to requests that were posted. */
  take(count: number): Answer[] {
    return this.#channel.take(count);
  }

  /** Loads the 64-bit word at `addr`. */
  load(addr: number | bigint): Answer {
    return this.one(requestLoad(BigInt(addr)));
  }

  /** Loads the first word of a page and the weighted sum of all its words. */
  loadPage(addr: number | bigint): Answer {
    return this.one(requestLoadPage(BigInt(addr)));
  }

  /** Stores a 64-bit word at `addr`. */
  store(addr: number | bigint, value: number | bigint): Answer {
    return this.one(requestStore(BigInt(addr), BigInt(value)));
  }

  get #scratch(): number {
    return this.#origin.area + SCRATCH_AT;
  }

  /** Puts bytes into the stub's scratch area. @returns their address, for a call's argument. */
  poke(offset: number, bytes: Uint8Array): number {
    const words = Buffer.alloc(Math.ceil(bytes.length / 8) * 8);
    if (offset % 8 !== 0 || offset + words.length > SCRATCH_BYTES) {
      throw new Error('poke is for aligned offsets inside the scratch area.');
    }
    words.set(bytes);
    const requests: Request[] = [];
    for (let at = 0; at < words.length; at += 8) {
      const addr = BigInt(this.#scratch + offset + at);
      requests.push(requestStore(addr, words.readBigUInt64LE(at)));
    }
    this.batch(requests);
    return this.#scratch + offset;
  }

  /** Reads bytes from the stub's scratch area. */
  peek(offset: number, length: number): Buffer {
    const words = Buffer.alloc(Math.ceil(length / 8) * 8);
    const requests: Request[] = [];
    for (let at = 0; at < words.length; at += 8) {
      requests.push(requestLoad(BigInt(this.#scratch + offset + at)));
    }
    this.batch(requests).forEach((answer, i) => words.writeBigUInt64LE(answer.value, i * 8));
    return words.subarray(0, length);
  }

  /** Forks the process. @returns the child, driven like its parent, or the negative errno. */
  fork(): Kernel | number {
    const { ends, pipes } = this.#makePipes();
    const pid = this.#bear(requestFork(ends.input, ends.output), pipes);
    this.#close(ends.input, ends.output);
    if (pid < 0) return pid;
    const group = new ThreadGroup(pid);
    const child = new Kernel({
      ...this.#origin,
      pid,
      group,
      ends: FIRST_ENDS,
      pipes,
      how: 'forked',
    });
    const inherited = [...this.#group.descriptors, ends.input, ends.output];
    return child.#orStop(() => {
      child.#close(...inherited.filter((fd) => !Object.values(FIRST_ENDS).includes(fd)));
      child.#watch(this.#origin.area);
    });
  }

  /** Makes a thread of the process. @returns it, driven like the first, or the negative errno. */
  thread(): Kernel | number {
    const area = this.#group.freeArea();
    if (area === undefined) throw new Error('a process has at most 16 threads here.');
    const { ends, pipes } = this.#makePipes();
    this.#watch(area);
    const pid = this.#bear(requestThread(ends.input, ends.output, area), pipes);
    if (pid < 0) {
      this.#close(ends.input, ends.output);
      return pid;
    }
    const thread = new Kernel({ ...this.#origin, pid, ends, pipes, area, how: 'cloned' });
    const stack = Buffer.alloc(24);
    stack.writeBigUInt64LE(BigInt(area + SIGNAL_STACK_AT));
    stack.writeBigUInt64LE(BigInt(SIGNAL_STACK_BYTES), 16);
    return thread.#orStop(() => thread.must('sigaltstack', thread.poke(0, stack), 0));
  }

  /** @returns the number of who was born, or the negative errno; then the pipes are closed. */
  #bear(request: Request, pipes: Pipes): number {
    let pid = -1;
    try {
      pid = Number(callResult(this.one(request)));
    } finally {
      if (pid < 0) closePipes(pipes);
    }
    return pid;
  }

  /** Gets a new process ready, and ends it if that fails. */
  #orStop(ready: () => void): this {
    try {
      ready();
      return this;
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  #makePipes(): { ends: StubEnds; pipes: Pipes } {
    const made: number[] = [];
    try {
      made.push(...this.#makePipe());
      made.push(...this.#makePipe());
      const [input = 0, inputOther = 0, outputOther = 0, output = 0] = made;
      const ends = { input, output };
      const pipes = openPipes(this.pid, ends);
      this.#close(inputOther, outputOther);
      return { ends, pipes };
    } catch (error) {
      if (!isGone(this.pid)) this.#close(...made);
      throw error;
    }
  }

  #makePipe(): [read: number, write: number] {
    const at = SCRATCH_BYTES - 8;
    this.must('pipe2', this.#scratch + at, 0);
    const fds = this.peek(at, 8);
    return [fds.readInt32LE(0), fds.readInt32LE(4)];
  }

  /** Has the thread of an area killed when a batch of it takes too long. */
  #watch(area: number): void {
    const made = this.batch(requestWatch(area, this.#origin.patience)).at(-1);
    const result = made === undefined ? 0 : Number(callResult(made));
    if (result < 0) throw deniedCall('timer_create', result);
  }

  #close(...fds: readonly number[]): void {
    this.batch(fds.map((fd) => requestCall(syscallNumber('close'), [fd])));
  }

  /** The text of /proc/PID/maps. */
  maps(): string {
    return readFileSync(`/proc/${this.pid}/maps`, 'latin1');
  }

  /** The text of /proc/PID/smaps. */
  smaps(): string {
    return readFileSync(`/proc/${this.pid}/smaps`, 'latin1');
  }

  /** The text of /proc/PID/status. */
  status(): string {
    return readFileSync(`/proc/${this.pid}/status`, 'latin1');
  }

  /** Where the program's data begins and ends, as RLIMIT_DATA counts it. */
  dataRange(): [start: number, end: number] {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')')).split(' ');
    return [Number(fields[START_DATA]), Number(fields[START_DATA + 1])];
  }

  /** The address space, parsed from smaps. */
  vmas(): SmapsVma[] {
    return parseSmaps(this.smaps());
  }

  /**
   * Ends a thread; a process ends with its last one, or with the one it was started with. Stopping
   * twice is harmless.
   */
  stop(): void {
    if (!this.#channel.isOpen) return;
    const { ends } = this.#channel;
    this.#group.leave(ends);
    if (this.#origin.how !== 'started' && this.#group.size > 0) this.#leaveOthers(ends);
    this.#channel.close();
    if (this.#origin.how === 'started') killStub(this.pid);
  }

  /** Other threads keep descriptors open, so this one ends when it cannot read its own. */
  #leaveOthers({ input, output }: StubEnds): void {
    try {
      this.post([input, output].map((fd) => requestCall(syscallNumber('close'), [fd])));
    } catch {
      // It is gone already.
    }
  }
}

/** @returns why there is no live kernel to ask, or undefined where there is one. */
export function whyNoKernel(): string | undefined {
  if (process.platform !== 'linux')
    return `the oracle is a Linux program, not ${process.platform}.`;
  if (process.arch !== 'x64') return `the oracle is an x86-64 program, not ${process.arch}.`;
  return undefined;
}

/** The user this program runs as. */
export function ownUid(): number {
  return process.getuid?.() ?? 0;
}

function openFirstPipes(pid: number): Pipes {
  try {
    return openPipes(pid, FIRST_ENDS);
  } catch (error) {
    killStub(pid);
    throw error;
  }
}
