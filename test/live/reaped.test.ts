/**
 * What is found in the memory of a dying process once process_mrelease() has taken it, by the live
 * kernel and by ours. There it has been killed and stands still on its way out, for who traces it;
 * who looks is another process, and gets EFAULT where the victim would get SIGBUS.
 */
import { expect, it } from 'vitest';
import {
  EINVAL,
  ESRCH,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  type Process,
  PROT_READ,
  PROT_WRITE,
  SIGKILL,
  WALL,
} from '../../src/index.ts';
import { Kernel } from '../../src/lab/oracle/kernel.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { Random } from '../../src/lab/oracle/random.ts';

const RUNS = Number(process.env['RUNS'] ?? 20);
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const LOOKS = 60;
const P = 4096;
const RW = PROT_READ | PROT_WRITE;
const PAGES = 8;
const AREAS = [0x200000000000, 0x210000000000, 0x220000000000, 0x230000000000];
const PTRACE_CONT = 7;
const PTRACE_SEIZE = 0x4206;
const PTRACE_O_TRACEEXIT = 0x40;
const EFAULT = -14;
/** Places in the tracer's scratch area. */
const [STATUS_AT, IOVECS_AT, WORD_AT] = [0, 64, 128];
const reason = whyNotLive();

/** A family of two on both sides; the child is the victim. */
class Victims {
  readonly #random: Random;
  readonly #tracer = Kernel.start();
  readonly #theirs: Kernel;
  readonly #machine = Machine.create({ bytes: 16 * 2 ** 20, sysctl: { swap: 1 } });
  readonly #parent: Process;
  readonly #ours: Process;
  #pidfd = -1;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#theirs = this.#tracer.fork() as Kernel;
    this.#parent = this.#machine.spawn();
    this.#ours = this.#parent.fork() as Process;
    this.#furnish();
  }

  /** Private memory, a private and a shared mapping of files, shared memory; some of it touched. */
  #furnish(): void {
    const name = this.#theirs.poke(0, Buffer.from('m\0'));
    const theirFd = Number(this.#theirs.call('memfd_create', name, 0));
    this.#theirs.call('ftruncate', theirFd, PAGES * P);
    const ourFd = this.#machine.open({
      kind: 'shmem',
      path: '/memfd:m',
      size: PAGES * P,
      writable: true,
    });
    const [anon, priv, shared, shm] = AREAS as [number, number, number, number];
    const map = (at: number, flags: number, isFile: boolean): void => {
      const all = flags | MAP_FIXED | (isFile ? 0 : MAP_ANONYMOUS);
      this.#theirs.call('mmap', at, PAGES * P, RW, all, isFile ? theirFd : -1, 0);
      this.#ours.mmap(at, PAGES * P, RW, all, isFile ? ourFd : -1, 0);
    };
    map(anon, MAP_PRIVATE, false);
    map(priv, MAP_PRIVATE, true);
    map(shared, MAP_SHARED, true);
    map(shm, MAP_SHARED, false);
    for (let i = 0; i < 24; i++) {
      const at = this.#random.pick([...AREAS, shared]) + this.#random.below(PAGES) * P;
      const value = 1 + this.#random.below(2 ** 30);
      this.#theirs.store(at, value);
      this.#ours.store64(at, BigInt(value));
    }
  }

  /** Both refuse while it lives, and take its memory once it is dying. */
  reap(): void {
    const { pid } = this.#theirs;
    this.#pidfd = Number(this.#tracer.call('pidfd_open', pid, 0));
    expect([this.#mrelease(0), this.#ours.mrelease(0)]).toEqual([EINVAL, EINVAL]);
    expect(this.#tracer.call('ptrace', PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT)).toBe(0);
    this.#tracer.call('kill', pid, SIGKILL);
    this.#ours.kill(SIGKILL);
    expect(this.#awaitTheirs() >> 16, 'stopped at its exit').toBe(6);
    expect([this.#mrelease(1), this.#ours.mrelease(1)]).toEqual([EINVAL, EINVAL]);
    expect([this.#mrelease(0), this.#ours.mrelease(0)]).toEqual([0, 0]);
    expect([this.#mrelease(0), this.#ours.mrelease(0)]).toEqual([0, 0]);
  }

  #mrelease(flags: number): number {
    return Number(this.#tracer.call('process_mrelease', this.#pidfd, flags));
  }

  #awaitTheirs(): number {
    const at = this.#tracer.poke(STATUS_AT, new Uint8Array(8));
    expect(this.#tracer.call('wait4', this.#theirs.pid, at, WALL, 0)).toBe(this.#theirs.pid);
    return this.#tracer.peek(STATUS_AT, 4).readInt32LE(0);
  }

  /** Loads or stores a word on both sides. @returns what was done. */
  look(): string {
    const at = this.#random.pick(AREAS) + this.#random.below(PAGES) * P;
    const value = this.#random.chance(0.4) ? BigInt(1 + this.#random.below(2 ** 30)) : null;
    const theirs = value === null ? this.#load(at) : this.#store(at, value);
    const ours = value === null ? this.#ours.load64(at) : BigInt(this.#ours.store64(at, value));
    const done = `${value === null ? 'load' : 'store'} ${at.toString(16)}`;
    expect(`${done} = ${ours < 0n ? 'signal' : ours}`).toBe(`${done} = ${theirs}`);
    return `${done} = ${theirs}`;
  }

  #load(at: number): string {
    const moved = this.#transfer('process_vm_readv', at);
    return moved === 8 ? `${this.#tracer.peek(WORD_AT, 8).readBigUInt64LE(0)}` : told(moved);
  }

  #store(at: number, value: bigint): string {
    this.#tracer.poke(WORD_AT, new Uint8Array(new BigUint64Array([value]).buffer));
    const moved = this.#transfer('process_vm_writev', at);
    return moved === 8 ? '0' : told(moved);
  }

  #transfer(call: 'process_vm_readv' | 'process_vm_writev', at: number): number {
    const word = this.#tracer.poke(WORD_AT, this.#tracer.peek(WORD_AT, 8));
    const iovecs = new BigUint64Array([BigInt(word), 8n, BigInt(at), 8n]);
    const local = this.#tracer.poke(IOVECS_AT, new Uint8Array(iovecs.buffer));
    return Number(this.#tracer.call(call, this.#theirs.pid, local, 1, local + 16, 1, 0));
  }

  end(): void {
    this.#tracer.call('ptrace', PTRACE_CONT, this.#theirs.pid, 0, 0);
    expect(this.#awaitTheirs()).toBe(SIGKILL);
    this.#ours.exit();
    expect(this.#parent.wait()).toEqual({ pid: this.#ours.id, status: SIGKILL });
    expect([this.#mrelease(0), this.#ours.mrelease(0)]).toEqual([ESRCH, ESRCH]);
    this.#parent.exit();
    this.#machine.tearDown();
    this.stop();
  }

  stop(): void {
    this.#theirs.stop();
    this.#tracer.stop();
  }
}

function told(moved: number): string {
  expect(moved).toBe(EFAULT);
  return 'signal';
}

function runVictims(seed: number): void {
  const victims = new Victims(seed);
  const done: string[] = [];
  try {
    victims.reap();
    for (let i = 0; i < LOOKS; i++) done.push(victims.look());
    victims.end();
  } catch (cause) {
    victims.stop();
    const repeat = `SEED=${seed} RUNS=1 npx vitest run test/live/reaped.test.ts`;
    throw new Error(`${repeat}\n${done.slice(-8).join('\n')}`, { cause });
  }
}

it.skipIf(reason !== undefined)(
  `S3-6 a reaped address space shows what the live kernel shows; SEED=${FIRST_SEED}${reason === undefined ? '' : `; skipped: ${reason}`}`,
  () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) runVictims(seed);
  },
);
