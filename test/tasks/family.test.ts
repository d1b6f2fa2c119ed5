/**
 * Random lives of processes, in the engine and in a list of objects: who is whose child, who is
 * waited for and with which status, and at the end nothing is left.
 */
import { describe, expect, it } from 'vitest';
import {
  CLONE_PARENT,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  Machine,
  type Process,
  SIGCHLD,
  SIGKILL,
  SIGSEGV,
  type WaitResult,
  WALL,
  WCLONE,
  WNOHANG,
} from '../../src/index.ts';
import { made } from '../made.ts';
import { Random } from '../../src/lab/oracle/random.ts';
import { Family, INIT, type Member } from './family.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 60);
const STEPS = 300;
const MOST = 24;

/** How likely each is. */
const STEP_WEIGHTS = {
  fork: 6,
  thread: 2,
  exit: 5,
  wait: 6,
  setpgid: 3,
  exitGroup: 1,
  kill: 1,
  exec: 1,
  ignore: 1,
};

/** A thread that lives, on both sides. */
interface Pair {
  readonly member: Member;
  readonly process: Process;
  readonly tid: number;
}

class Both {
  readonly machine = Machine.create({ bytes: 32 * 2 ** 20 });
  readonly family = new Family();
  pairs: Pair[] = [];
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.spawn();
  }

  pick<T>(choices: readonly T[]): T {
    return this.#random.pick(choices);
  }

  spawn(): void {
    const process = this.machine.spawn();
    const member = this.family.spawn(process.id);
    member.hasExeced = true;
    this.pairs.push({ member, process, tid: process.id });
  }

  /** Makes one step on both sides. */
  step(): void {
    if (this.pairs.length === 0) this.spawn();
    const pair = this.pick(this.pairs);
    const isFull = this.pairs.length >= MOST;
    switch (this.#random.weighted(STEP_WEIGHTS)) {
      case 'fork':
        return isFull ? this.#exit(pair) : this.#fork(pair);
      case 'thread':
        return isFull ? this.#exit(pair) : this.#thread(pair);
      case 'exit':
        return this.#exit(pair);
      case 'wait':
        return this.#wait(pair);
      case 'setpgid':
        return this.#setpgid(pair);
      case 'exitGroup':
        return this.#exitGroup(pair);
      case 'kill':
        return this.#kill(pair);
      case 'exec':
        return this.#exec(pair);
      case 'ignore':
        return this.#ignore(pair);
    }
  }

  #fork({ member, process }: Pair): void {
    const exitSignal = this.pick([SIGCHLD, SIGCHLD, SIGCHLD, 0, 10]);
    const isSibling = this.pick([false, false, false, true]);
    const shares = this.pick([0, CLONE_VM]);
    const child = made(process.clone(exitSignal | shares | (isSibling ? CLONE_PARENT : 0)));
    const newborn = this.family.fork(member, child.id, { exitSignal, isSibling });
    this.pairs.push({ member: newborn, process: child, tid: child.id });
  }

  #thread({ member, process }: Pair): void {
    const thread = made(process.clone(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD));
    member.threads.add(thread.id);
    this.pairs.push({ member, process: thread, tid: thread.id });
  }

  #exit(pair: Pair): void {
    const status = this.pick([0, 1, 77, 255, 256, -1]);
    pair.process.exit(status);
    this.family.exit(pair.member, pair.tid, status);
    this.#bury((each) => each !== pair);
  }

  #exitGroup({ member, process }: Pair): void {
    const status = this.pick([0, 3]);
    process.exitGroup(status);
    this.#endOthers(member, process);
    this.family.end(member, status << 8);
  }

  #kill({ member, process }: Pair): void {
    const signal = this.pick([SIGKILL, SIGSEGV, 15, SIGCHLD, 0]);
    expect(process.kill(signal)).toBe(0);
    if (signal === SIGCHLD || signal === 0) return;
    expect(process.fatalSignal()).toBe(signal);
    this.#endOthers(member, null);
    this.family.end(member, signal);
  }

  #exec({ member, process }: Pair): void {
    // A thread waits for the others to end: here they have to be told, and end, before.
    for (const other of this.pairs.filter((each) => each.member === member)) {
      if (other.process !== process) other.process.exit();
    }
    expect(process.exec({ vmas: [], layout: {} })).toBe(0);
    expect(process.id).toBe(member.pid);
    this.family.exec(member);
    this.#bury((each) => each.member !== member);
    this.pairs.push({ member, process, tid: member.pid });
  }

  /** The worker of each other thread finds that it is to die. */
  #endOthers(member: Member, ended: Process | null): void {
    for (const each of this.pairs.filter((pair) => pair.member === member)) {
      if (each.process === ended) continue;
      expect(each.process.fatalSignal()).not.toBe(0);
      each.process.exit(99);
    }
    this.#bury((each) => each.member !== member);
  }

  #wait({ member, process }: Pair): void {
    const pid = this.#anyNumber(member);
    const options = WNOHANG | this.pick([0, 0, WALL, WCLONE]);
    expect(told(process.wait(pid, options))).toEqual(told(this.family.wait(member, pid, options)));
  }

  #setpgid({ member, process }: Pair): void {
    const pid = this.pick([0, member.pid, this.#somebody(), 999_999]);
    const pgid = this.pick([0, 0, this.#somebody(), member.pid, -1, 999_998]);
    expect(process.setpgid(pid, pgid)).toBe(this.family.setpgid(member, pid, pgid));
  }

  #ignore({ member, process }: Pair): void {
    const ignores = this.pick([true, false]);
    process.ignoreChildren(ignores);
    member.ignoresChildren = ignores;
  }

  #anyNumber(member: Member): number {
    const children = this.family.members.filter(({ parent }) => parent === member);
    const child = children.length === 0 ? 7 : this.pick(children).pid;
    return this.pick([-1, -1, -1, 0, child, child, this.#somebody(), -member.pgid]);
  }

  #somebody(): number {
    return this.pick(this.family.members).pid;
  }

  #bury(keeps: (pair: Pair) => boolean): void {
    this.pairs = this.pairs.filter(keeps);
  }

  compare(): void {
    for (const { member, process, tid } of this.pairs) {
      expect(process.isAlive).toBe(true);
      expect([process.id, process.pid]).toEqual([tid, member.pid]);
      expect(process.parentPid).toBe(member.parent?.pid ?? INIT);
      expect(process.pgid).toBe(member.pgid);
    }
    for (const { pid } of this.family.members) expect(this.machine.process(pid).id).toBe(pid);
  }

  /** All end; who is a zombie then has a parent, and goes with it. */
  end(): void {
    while (this.pairs.length > 0) this.#exit(this.pick(this.pairs));
    expect(this.family.members).toEqual([]);
    const live = this.machine.report().caches.filter((cache) => cache.live > 0);
    expect(live.map(({ name, live: count }) => `${name} ${count}`)).toEqual([]);
  }
}

function told(result: Member | WaitResult | number): unknown {
  return typeof result === 'number' ? result : [result.pid, result.status];
}

describe('processes, beside a list of objects', () => {
  it.each(Array.from({ length: RUNS }, (_, i) => SEED + i))('SEED=%i RUNS=1', (seed) => {
    const both = new Both(seed);
    for (let i = 0; i < STEPS; i++) {
      both.step();
      both.compare();
    }
    both.end();
    both.machine.detach();
  });
});
