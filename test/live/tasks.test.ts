/**
 * Random families of processes, of the live kernel and of ours: forks, ends, signals, waits and
 * groups. Every result, status, parent and group must be the same.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  Machine,
  type Process,
  SIGCHLD,
  SIGKILL,
  type WaitResult,
  WALL,
  WCLONE,
  WNOHANG,
} from '../../src/index.ts';
import { Kernel } from '../../src/lab/oracle/kernel.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { Random } from '../../src/lab/oracle/random.ts';
import { Twin } from '../twin.ts';

const RUNS = Number(process.env['RUNS'] ?? 12);
/** The same families each time; SEED=... RUNS=... makes others. */
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const STEPS = 60;
const MOST = 8;
const SIGTERM = 15;
const SIG_DFL = 0;
const SIG_IGN = 1;
const NOBODY = 4_000_000;
const INIT = 1;
const P = 4096;
const WEIGHTS = { fork: 6, exit: 3, kill: 2, wait: 8, setpgid: 3, ignore: 1 };
const reason = whyNotLive();

/** One process on both sides. */
interface Pair {
  readonly theirs: Kernel;
  readonly ours: Process;
}

class Families {
  readonly #random: Random;
  readonly #machine = Machine.create({ bytes: 16 * 2 ** 20 });
  readonly #root: Pair;
  #pairs: Pair[];
  /** The kernel's numbers to ours, of all there ever were. */
  readonly #numbers = new Map<number, number>();

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#root = { theirs: Kernel.start(), ours: this.#machine.spawn() };
    this.#pairs = [this.#root];
    this.#numbers.set(this.#root.theirs.pid, this.#root.ours.id);
    expect(this.#root.theirs.call('setpgid', 0, 0)).toBe(0);
  }

  /** @returns what was done. */
  step(): string {
    const pair = this.#random.pick(this.#pairs);
    const name = this.#random.weighted(WEIGHTS);
    return `${name} by ${pair.ours.id}: ${this.#do(name, pair)}`;
  }

  #do(name: keyof typeof WEIGHTS, pair: Pair): string {
    switch (name) {
      case 'fork':
        return this.#pairs.length < MOST ? this.#fork(pair) : 'full';
      case 'exit':
        return pair === this.#root ? 'stays' : this.#exit(pair);
      case 'kill':
        return this.#kill(this.#random.pick([...this.#numbers.keys(), NOBODY]));
      case 'wait':
        return this.#wait(pair);
      case 'setpgid':
        return this.#setpgid(pair);
      case 'ignore':
        return this.#ignore(pair);
    }
  }

  #fork({ theirs, ours }: Pair): string {
    const [theirChild, ourChild] = [theirs.fork(), ours.fork()];
    if (typeof theirChild === 'number' || typeof ourChild === 'number') throw new Error('no fork');
    this.#numbers.set(theirChild.pid, ourChild.id);
    this.#pairs.push({ theirs: theirChild, ours: ourChild });
    return `${ourChild.id}`;
  }

  #exit(pair: Pair): string {
    const status = this.#random.pick([0, 1, 255, 256, -1]);
    expect(() => pair.theirs.call('exit', status)).toThrow('the stub died');
    pair.ours.exit(status);
    this.#bury(pair);
    return `${status}`;
  }

  /** The victim's worker is this one: it ends it at once. */
  #kill(theirPid: number): string {
    if (theirPid === this.#root.theirs.pid) return 'stays';
    const number = this.#random.pick([SIGKILL, SIGTERM, SIGCHLD, 0, 65]);
    const ourPid = this.#numbers.get(theirPid) ?? NOBODY;
    const pair = this.#pairs.find(({ theirs }) => theirs.pid === theirPid);
    // Those that init has taken away are kept here by the kernel until init finds the time.
    if (pair === undefined && !this.#isOurs(ourPid)) return 'gone';
    const ours = this.#machine.process(ourPid).kill(number);
    expect(ours).toBe(Number(this.#root.theirs.call('kill', theirPid, number)));
    const isFatal = number === SIGKILL || number === SIGTERM;
    if (pair !== undefined && isFatal) {
      pair.ours.exit();
      this.#bury(pair);
    }
    return `${ourPid} ${number} = ${ours}`;
  }

  #isOurs(pid: number): boolean {
    try {
      return this.#machine.process(pid).id === pid;
    } catch {
      return false;
    }
  }

  #wait({ theirs, ours }: Pair): string {
    const pid = this.#anyNumber();
    const options = WNOHANG | this.#random.pick([0, 0, 0, WALL, WCLONE, 4]);
    const at = theirs.poke(0, new Uint8Array(8));
    const theirResult = Number(theirs.call('wait4', pid, at, options, 0));
    const ourResult = ours.wait(this.#ourNumber(pid), options);
    const status = theirs.peek(0, 4).readInt32LE(0);
    const wanted =
      theirResult > 0 ? told({ pid: this.#ourNumber(theirResult), status }) : told(theirResult);
    expect(told(ourResult)).toBe(wanted);
    return `${pid} ${options.toString(16)} = ${wanted}`;
  }

  #setpgid({ theirs, ours }: Pair): string {
    const pid = this.#random.pick([0, theirs.pid, this.#someone(), NOBODY]);
    // A group that only has members which init has not yet taken away is not asked for.
    const pgid = this.#random.pick([0, 0, this.#groupOf(this.#someone()), NOBODY, -1]);
    const result = ours.setpgid(this.#ourNumber(pid), this.#ourNumber(pgid));
    expect(result).toBe(Number(theirs.call('setpgid', pid, pgid)));
    return `${pid} ${pgid} = ${result}`;
  }

  #ignore({ theirs, ours }: Pair): string {
    const isIgnored = this.#random.chance(0.5);
    const action = new BigUint64Array([BigInt(isIgnored ? SIG_IGN : SIG_DFL), 0n, 0n, 0n]);
    const at = theirs.poke(0, new Uint8Array(action.buffer));
    expect(theirs.call('rt_sigaction', SIGCHLD, at, 0, 8)).toBe(0);
    ours.ignoreChildren(isIgnored);
    return `${isIgnored}`;
  }

  /** Parents and groups of all who live. */
  compare(): void {
    for (const { theirs, ours } of this.#pairs) {
      const parent = this.#numbers.get(Number(theirs.call('getppid'))) ?? INIT;
      expect([ours.parentPid, ours.pgid]).toEqual([
        parent,
        this.#ourNumber(Number(theirs.call('getpgid', 0))),
      ]);
    }
  }

  /** All end, and nothing is left. */
  end(): void {
    for (const pair of this.#pairs) {
      pair.theirs.stop();
      pair.ours.exit();
    }
    const left = this.#machine.report().caches.filter(({ live }) => live > 0);
    expect(left).toEqual([]);
    this.#machine.detach();
  }

  #anyNumber(): number {
    const group = this.#groupOf(this.#someone());
    const once = this.#random.pick([...this.#numbers.keys()]);
    return this.#random.pick([-1, -1, 0, once, once, NOBODY, -group, -(2 ** 31)]);
  }

  #someone(): number {
    return this.#random.pick(this.#pairs).theirs.pid;
  }

  #groupOf(theirPid: number): number {
    return Number(this.#root.theirs.call('getpgid', theirPid));
  }

  /** Also of a group, which is minus its number to wait(2). */
  #ourNumber(theirs: number): number {
    const number = this.#numbers.get(Math.abs(theirs));
    return number === undefined ? theirs : Math.sign(theirs) * number;
  }

  #bury(pair: Pair): void {
    this.#pairs = this.#pairs.filter((each) => each !== pair);
    awaitEnd(pair.theirs.pid);
    pair.theirs.stop();
  }
}

/** An end takes its time in the kernel. */
function awaitEnd(pid: number): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!isEnded(pid)) Atomics.wait(pause, 0, 0, 1);
}

function isEnded(pid: number): boolean {
  try {
    return /\) [ZX] /u.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return true; // gone
  }
}

const told = (result: WaitResult | number): string =>
  typeof result === 'number' ? `${result}` : `${result.pid} ${result.status}`;

/** To lower it takes a right that not every root has. */
function canSetAdj(pid: number, adj: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, `${adj}`);
    return true;
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('EACCES');
    return false;
  }
}

function runFamily(seed: number): void {
  const families = new Families(seed);
  const done: string[] = [];
  try {
    for (let i = 0; i < STEPS; i++) {
      done.push(families.step());
      families.compare();
    }
  } catch (cause) {
    const repeat = `SEED=${seed} RUNS=1 npx vitest run test/live/tasks.test.ts`;
    throw new Error(`${repeat}\n${done.slice(-8).join('\n')}`, { cause });
  }
  families.end();
}

describe('families of processes, beside the live kernel', () => {
  it.skipIf(reason !== undefined)(
    `agree on every result, status, parent and group; SEED=${FIRST_SEED}${reason === undefined ? '' : `; skipped: ${reason}`}`,
    () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) runFamily(seed);
    },
  );

  it.skipIf(reason !== undefined)(
    'oom_score is that of the kernel, whatever oom_score_adj says',
    () => {
      const twin = Twin.start();
      let compared = 0;
      const at = 0x200000000000;
      // The kernel counts pages in batches: enough of them that what is still to come is little.
      twin.call('mmap', at, 512 * P, 3, 0x32, -1, 0);
      for (let page = 0; page < 512; page++) {
        twin.kernel.store(at + page * P, 1);
        twin.process.touch(at + page * P, 'write');
      }
      for (const adj of [0, -1000, -999, -998, -500, -1, 1, 2, 333, 500, 998, 999, 1000]) {
        if (!canSetAdj(twin.kernel.pid, adj)) continue;
        compared++;
        expect(twin.process.setOomScoreAdj(adj)).toBe(0);
        const theirs = Number(readFileSync(`/proc/${twin.kernel.pid}/oom_score`, 'latin1'));
        expect([adj, twin.process.oomScore()]).toEqual([adj, theirs]);
      }
      expect(compared).toBeGreaterThan(6);
      twin.stop();
    },
  );
});
