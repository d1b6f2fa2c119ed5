/**
 * What the live kernel makes of an execve(): the program is stopped before its first instruction.
 *
 *   this program ── requests ──> tracer ── fork ──> child: PTRACE_TRACEME, execve, stop yourself
 *                                  └── wait4 ──> stopped by SIGTRAP: the exec is done
 *                                                stopped by SIGSTOP: it failed, and its errno lies
 *                                                                    where the stub keeps answers
 *                                                SIGSEGV, or ended:  past the point of no return
 */
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { Kernel } from './kernel.ts';
import { deniedCall } from './oracle_error.ts';
import { requestCall } from './request.ts';
import { AREA_START, RESULTS_AT } from './stub_code.ts';
import { SYSCALLS } from './syscalls.ts';

const PTRACE_TRACEME = 0;
const PTRACE_CONT = 7;
const WALL = 0x40000000;
const SIGTRAP = 5;
const SIGKILL = 9;
const SIGSEGV = 11;
const SIGSTOP = 19;
const STOPPED = 0x7f;
/** Of the tracer's scratch area: where wait4 leaves its status. */
const STATUS_AT = 0;

export interface ExecCall {
  readonly path: string;
  readonly argv: readonly (string | Uint8Array)[];
  readonly envp: readonly (string | Uint8Array)[];
  /** Called before the exec: limits, personality. */
  readonly prepare?: (child: Kernel) => void;
}

/** A program that has not run yet. */
export interface Stopped {
  readonly kind: 'started';
  readonly smaps: string;
  readonly entry: number;
  readonly stackPointer: number;
  /** Fields of /proc/PID/stat, counted from 1 as in its manual. */
  readonly stat: readonly string[];
  read(addr: number, length: number): Buffer;
}

export type ExecOutcome =
  | Stopped
  | { readonly kind: 'failed'; readonly errno: number }
  | { readonly kind: 'killed'; readonly signal: number };

export class ExecProbe {
  readonly #tracer = Kernel.start();

  /** Makes one exec, shows what came of it while it stands still, and ends it. */
  run<Result>(call: ExecCall, look: (outcome: ExecOutcome) => Result): Result {
    const child = this.#tracer.fork();
    if (typeof child === 'number') throw deniedCall('fork', child);
    try {
      const args = placeStrings(child, call);
      call.prepare?.(child);
      child.call('ptrace', PTRACE_TRACEME, 0, 0, 0);
      child.post([
        requestCall(SYSCALLS.execve, args),
        requestCall(SYSCALLS.kill, [child.pid, SIGSTOP]),
      ]);
      return look(this.#outcome(child.pid));
    } finally {
      this.#end(child);
    }
  }

  stop(): void {
    this.#tracer.stop();
  }

  #outcome(pid: number): ExecOutcome {
    let status = this.#wait(pid);
    if (status >> 8 === SIGSEGV) {
      // The tracer is asked first; the signal that an exec dies of goes on.
      this.#tracer.call('ptrace', PTRACE_CONT, pid, 0, SIGSEGV);
      status = this.#wait(pid);
    }
    if ((status & 0xff) !== STOPPED) return { kind: 'killed', signal: status & 0x7f };
    const signal = status >> 8;
    if (signal === SIGTRAP) return stopped(pid);
    const answer = readMemory(pid, AREA_START + RESULTS_AT, 16);
    return { kind: 'failed', errno: Number(answer.readBigInt64LE(8)) };
  }

  #wait(pid: number): number {
    const at = this.#tracer.poke(STATUS_AT, new Uint8Array(8));
    const waited = this.#tracer.call('wait4', pid, at, WALL, 0);
    if (waited !== pid) throw new Error(`wait4 gave ${waited}`);
    return this.#tracer.peek(STATUS_AT, 4).readInt32LE(0);
  }

  #end(child: Kernel): void {
    const isGone = this.#tracer.call('kill', child.pid, SIGKILL) !== 0;
    if (!isGone) {
      const at = this.#tracer.poke(STATUS_AT, new Uint8Array(8));
      this.#tracer.call('wait4', child.pid, at, WALL, 0);
    }
    child.stop();
  }
}

function stopped(pid: number): Stopped {
  const words = readFileSync(`/proc/${pid}/syscall`, 'latin1').trim().split(' ');
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const afterName = stat.slice(stat.lastIndexOf(')') + 2).trim();
  return {
    kind: 'started',
    smaps: readFileSync(`/proc/${pid}/smaps`, 'latin1'),
    stackPointer: Number(words.at(-2)),
    entry: Number(words.at(-1)),
    stat: ['', String(pid), '', ...afterName.split(' ')],
    read: (addr, length) => readMemory(pid, addr, length),
  };
}

function readMemory(pid: number, addr: number, length: number): Buffer {
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  const bytes = Buffer.alloc(length);
  try {
    return bytes.subarray(0, readSync(fd, bytes, 0, length, addr));
  } catch {
    return bytes.subarray(0, 0); // nothing is mapped there
  } finally {
    closeSync(fd);
  }
}

/** @returns the three arguments of execve(), in fresh memory of the child. */
function placeStrings(child: Kernel, { path, argv, envp }: ExecCall): number[] {
  const strings = [path, ...argv, ...envp].map((text) => Buffer.concat([Buffer.from(text), NUL]));
  const pointers = 8 * (argv.length + envp.length + 2);
  const size = strings.reduce((sum, { length }) => sum + length, pointers);
  const area = Number(child.call('mmap', 0, size, 3, 0x22, -1, 0));
  const bytes = Buffer.alloc(size);
  let at = pointers;
  const places = strings.map((string) => {
    string.copy(bytes, at);
    at += string.length;
    return BigInt(area + at - string.length);
  });
  const [name = 0n, ...rest] = places;
  const table = [...rest.slice(0, argv.length), 0n, ...rest.slice(argv.length), 0n];
  for (const [i, word] of table.entries()) bytes.writeBigUInt64LE(word, 8 * i);
  writeMemory(child.pid, area, bytes);
  return [Number(name), area, area + 8 * (argv.length + 1)];
}

const NUL = Buffer.alloc(1);

function writeMemory(pid: number, addr: number, bytes: Uint8Array): void {
  const fd = openSync(`/proc/${pid}/mem`, 'r+');
  writeSync(fd, bytes, 0, bytes.length, addr);
  closeSync(fd);
}
