import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import {
  BATCH_LIMIT,
  RESULT_BYTES,
  type Answer,
  type Request,
  callResult,
  decodeResults,
  encodeRequests,
  requestCall,
  requestFork,
  requestLoad,
  requestLoadPage,
  requestStore,
} from './request.ts';
import { writeStub } from './stub.ts';
import { AREA_SCRATCH, SCRATCH_BYTES } from './stub_code.ts';
import { type SyscallName, syscallNumber } from './syscalls.ts';
import { type SmapsVma, parseSmaps } from './vmas.ts';

/** Where the stub's own fds are: it reads the first, writes the last. */
const STUB_INPUT = 3;
const STUB_INPUT_OTHER_END = 4;
const STUB_OUTPUT_OTHER_END = 5;
const STUB_OUTPUT = 6;

/** How the stub's work area looks in /proc/PID/maps: it is mapped after the pipes exist. */
const READY = '00300000-0030c000 ';
const START_TRIES = 4000;
const START_PAUSE_MS = 0.25;

/** Of the fields of /proc/PID/stat behind the program's name. */
const START_DATA = 43;

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

export interface KernelOptions {
  /** Run as this user and group instead of ours; needs root. */
  readonly uid?: number;
}

/** The two ends of a stub's pipes that are ours. */
interface Channel {
  readonly pid: number;
  readonly toStub: number;
  readonly fromStub: number;
}

/**
 * A process of the live kernel whose address space is ours to play with.
 *
 * Everything is synchronous: a request is written to a pipe and its answer read from another.  A
 * call that sleeps for ever in the kernel therefore sleeps for ever here.  When a request destroys
 * the stub, the method throws; nobody else is harmed.
 */
export class Kernel {
  readonly pid: number;
  readonly #channel: Channel;
  readonly #forked: boolean;
  #running = true;

  private constructor(channel: Channel, origin: 'started' | 'forked') {
    this.pid = channel.pid;
    this.#channel = channel;
    this.#forked = origin === 'forked';
  }

  /** Starts a fresh process: layout not randomised, almost nothing mapped. */
  static start(options: KernelOptions = {}): Kernel {
    const reason = whyNoKernel();
    if (reason !== undefined) throw new Error(`this machine cannot do it: ${reason}`);
    const kernel = new Kernel(openFirstChannel(spawnStub()), 'started');
    kernel.call('close', STUB_INPUT_OTHER_END);
    kernel.call('close', STUB_OUTPUT_OTHER_END);
    kernel.becomeUser(options.uid ?? ownUid());
    return kernel;
  }

  /** Changes to another user and group, losing every capability; needs root. */
  becomeUser(uid: number): void {
    const failed = uid !== ownUid() && !this.#setUser(uid);
    this.call('prctl', PR_SET_PDEATHSIG, SIGKILL); // the change of user had cleared it
    if (!failed) return;
    this.stop();
    throw new Error(`this machine cannot do it: becoming user ${uid} needs root.`);
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

  /** Answers any number of requests, in order. */
  batch(requests: readonly Request[]): Answer[] {
    const answers: Answer[] = [];
    for (let at = 0; at < requests.length; at += BATCH_LIMIT) {
      answers.push(...this.#exchange(requests.slice(at, at + BATCH_LIMIT)));
    }
    return answers;
  }

  /** Answers one request. */
  one(request: Request): Answer {
    return this.#exchange([request])[0] as Answer;
  }

  /** Gives requests, at most 64, of which nobody awaits the answers: they may end the process. */
  post(requests: readonly Request[]): void {
    if (!this.#running) throw new Error('this kernel process was stopped.');
    writeSync(this.#channel.toStub, encodeRequests(requests));
  }

  #exchange(requests: readonly Request[]): Answer[] {
    const results = Buffer.allocUnsafe(requests.length * RESULT_BYTES);
    this.post(requests);
    for (let got = 0; got < results.length;) {
      const more = readSync(this.#channel.fromStub, results, got, results.length - got, null);
      if (more === 0) throw new Error('the stub died: a request destroyed what it runs on.');
      got += more;
    }
    return decodeResults(results);
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

  /** Puts bytes into the stub's scratch area. @returns their address, for a call's argument. */
  poke(offset: number, bytes: Uint8Array): number {
    const words = Buffer.alloc(Math.ceil(bytes.length / 8) * 8);
    if (offset % 8 !== 0 || offset + words.length > SCRATCH_BYTES) {
      throw new Error('poke is for aligned offsets inside the scratch area.');
    }
    words.set(bytes);
    const requests: Request[] = [];
    for (let at = 0; at < words.length; at += 8) {
      const addr = BigInt(AREA_SCRATCH + offset + at);
      requests.push(requestStore(addr, words.readBigUInt64LE(at)));
    }
    this.batch(requests);
    return AREA_SCRATCH + offset;
  }

  /** Reads bytes from the stub's scratch area. */
  peek(offset: number, length: number): Buffer {
    const words = Buffer.alloc(Math.ceil(length / 8) * 8);
    const requests: Request[] = [];
    for (let at = 0; at < words.length; at += 8) {
      requests.push(requestLoad(BigInt(AREA_SCRATCH + offset + at)));
    }
    this.batch(requests).forEach((answer, i) => words.writeBigUInt64LE(answer.value, i * 8));
    return words.subarray(0, length);
  }

  /** Forks the process. @returns the child, driven like its parent, or the negative errno. */
  fork(): Kernel | number {
    const [input, inputOther, outputOther, output] = this.#makePipes();
    const toStub = openSync(`/proc/${this.pid}/fd/${input}`, 'w');
    const fromStub = openSync(`/proc/${this.pid}/fd/${output}`, 'r');
    this.#close(inputOther, outputOther);
    const pid = Number(callResult(this.one(requestFork(input, output))));
    this.#close(input, output);
    if (pid < 0) {
      closeSync(toStub);
      closeSync(fromStub);
      return pid;
    }
    const child = new Kernel({ pid, toStub, fromStub }, 'forked');
    child.#close(input, output);
    return child;
  }

  #makePipes(): [number, number, number, number] {
    const where = AREA_SCRATCH + SCRATCH_BYTES - 16;
    this.call('pipe2', where, 0);
    this.call('pipe2', where + 8, 0);
    const fds = this.peek(SCRATCH_BYTES - 16, 16);
    return [fds.readInt32LE(0), fds.readInt32LE(4), fds.readInt32LE(8), fds.readInt32LE(12)];
  }

  #close(...fds: readonly number[]): void {
    for (const fd of fds) this.call('close', fd);
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

  /** Ends the process. Stopping twice is harmless. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    closeSync(this.#channel.toStub);
    closeSync(this.#channel.fromStub);
    if (!this.#forked) killStarted(this.pid);
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

function spawnStub(): number {
  const stub = writeStub();
  try {
    const child = spawn(stub.path, [], { stdio: 'ignore', env: {} });
    child.on('error', () => undefined); // reported below, by the missing pid
    child.unref();
    if (child.pid === undefined) {
      throw new Error(
        'this machine cannot do it: it refuses to execute a file in its temp folder.',
      );
    }
    waitUntilReady(child.pid);
    return child.pid;
  } finally {
    stub.remove();
  }
}

function waitUntilReady(pid: number): void {
  for (let i = 0; i < START_TRIES; i++) {
    if (readFileSync(`/proc/${pid}/maps`, 'latin1').includes(READY)) return;
    pause(START_PAUSE_MS);
  }
  killStarted(pid);
  throw new Error('this machine cannot do it: the stub started but does not answer.');
}

function openFirstChannel(pid: number): Channel {
  const toStub = openSync(`/proc/${pid}/fd/${STUB_INPUT}`, 'w');
  const fromStub = openSync(`/proc/${pid}/fd/${STUB_OUTPUT}`, 'r');
  return { pid, toStub, fromStub };
}

function killStarted(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already: end of file on its pipe is enough to end it.
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
