/** The life of processes: making, ending, waiting, and what is refused. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CLONE_DETACHED,
  CLONE_NEWPID,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  EACCES,
  EAGAIN,
  ECHILD,
  EINTR,
  EINVAL,
  type Errno,
  ESRCH,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  type Process,
  PROT_READ,
  PROT_WRITE,
  RLIMIT_AS,
  SIGCHLD,
  SIGKILL,
  VM_READ,
  WALL,
  WCLONE,
  WEXITSTATUS,
  WIFEXITED,
  WIFSIGNALED,
  WNOHANG,
  WTERMSIG,
} from '../../src/index.ts';

const AT = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
const SIGTERM = 15;
const NOTHING = { vmas: [], layout: {} };

let machine: Machine;
let parent: Process;

const made = (process: Process | Errno): Process => {
  expect(typeof process).toBe('object');
  return process as Process;
};

beforeEach(() => {
  machine = Machine.create({ bytes: 16 * 2 ** 20 });
  parent = machine.spawn();
  parent.mmap(AT, 4 * 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  parent.store(AT, 42);
});

afterEach(() => {
  if (parent.isAlive) parent.exit();
  machine.tearDown();
});

describe('an end', () => {
  it('leaves a zombie with its status until the parent waits', () => {
    const child = made(parent.fork());
    expect(parent.wait(-1, WNOHANG)).toBe(0);
    child.exit(0x1234);
    expect(child.isAlive).toBe(false);
    expect(machine.process(child.id).isAlive).toBe(false);
    const ended = parent.wait();
    expect(ended).toEqual({ pid: child.id, status: 0x3400 });
    if (typeof ended === 'number') return;
    expect([WIFEXITED(ended.status), WEXITSTATUS(ended.status)]).toEqual([true, 0x34]);
    expect(parent.wait()).toBe(ECHILD);
    expect(() => machine.process(child.id)).toThrow('There is no process');
  });

  it('gives the memory back before the parent waits', () => {
    const before = machine.report().caches.find(({ name }) => name === 'mm_struct')?.live;
    const child = made(parent.fork());
    child.exit();
    expect(machine.report().caches.find(({ name }) => name === 'mm_struct')?.live).toBe(before);
    parent.wait();
  });

  it('makes every later call fail loudly', () => {
    const child = made(parent.fork());
    child.exit();
    expect(() => child.mmap(0, 4096, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)).toThrow('has exited');
    expect(() => child.exit()).toThrow('has exited');
    expect(child.kill(SIGKILL), 'a zombie takes signals').toBe(0);
    parent.wait();
    expect(child.kill(SIGKILL)).toBe(ESRCH);
    expect(child.kill(65), 'first, who').toBe(ESRCH);
  });

  it('of the last thread is that of the process, with its status', () => {
    const child = made(parent.fork());
    const thread = made(child.clone(THREAD));
    child.exit(3);
    expect(parent.wait(-1, WNOHANG)).toBe(0);
    expect(thread.load(AT), 'the address space stays').toBe(42);
    thread.exit(5);
    expect(parent.wait()).toEqual({ pid: child.id, status: 0x500 });
  });

  it('of a group is told to all threads, with the status of who ends it', () => {
    const child = made(parent.fork());
    const thread = made(child.clone(THREAD));
    thread.exitGroup(6);
    expect(child.fatalSignal()).toBe(SIGKILL);
    expect(child.fork(), 'who is to die makes no other').toBe(EINTR);
    child.exit(7);
    expect(parent.wait()).toEqual({ pid: child.id, status: 0x600 });
  });

  it('gives the children to init, which waits at once', () => {
    const child = made(parent.fork());
    const [living, zombie] = [made(child.fork()), made(child.fork())];
    zombie.exit();
    child.exit();
    expect(living.parentPid).toBe(1);
    expect(() => machine.process(zombie.id)).toThrow('There is no process');
    living.exit();
    expect(() => machine.process(living.id)).toThrow('There is no process');
    expect(parent.wait()).toEqual({ pid: child.id, status: 0 });
  });

  it('leaves no zombie to a parent that ignores SIGCHLD', () => {
    parent.ignoreChildren();
    const child = made(parent.fork());
    const silent = made(parent.clone(0));
    child.exit();
    silent.exit(1);
    expect(parent.wait()).toBe(ECHILD);
    expect(parent.wait(-1, WCLONE), 'one that sends nothing is not ignored').toEqual({
      pid: silent.id,
      status: 0x100,
    });
  });
});

describe('signals', () => {
  it('condemn all threads; the first one counts', () => {
    const child = made(parent.fork());
    const thread = made(child.clone(THREAD));
    expect(child.kill(SIGTERM)).toBe(0);
    expect(thread.kill(SIGKILL)).toBe(0);
    expect([child.fatalSignal(), thread.fatalSignal()]).toEqual([SIGTERM, SIGTERM]);
    thread.exit(1);
    child.exit(2);
    const ended = parent.wait();
    expect(ended).toEqual({ pid: child.id, status: SIGTERM });
    if (typeof ended === 'number') return;
    expect([WIFSIGNALED(ended.status), WTERMSIG(ended.status)]).toEqual([true, SIGTERM]);
  });

  it('that do nothing by default do nothing', () => {
    for (const signal of [0, SIGCHLD, 18, 19, 23, 28]) expect(parent.kill(signal)).toBe(0);
    expect(parent.fatalSignal()).toBe(0);
    for (const signal of [-1, 65, 1.5, NaN]) expect(parent.kill(signal)).toBe(EINVAL);
  });

  it('let a condemned process fork, clone, wait and exec no more', () => {
    const child = made(parent.fork());
    parent.kill(SIGKILL);
    expect(parent.fork()).toBe(EINTR);
    expect(parent.vfork()).toBe(EINTR);
    expect(parent.clone(THREAD)).toBe(EINTR);
    expect(parent.wait()).toBe(EINTR);
    expect(parent.wait(-1, WNOHANG), 'what does not sleep is not interrupted').toBe(0);
    expect(parent.exec(NOTHING)).toBe(EAGAIN);
    expect(parent.load(AT), 'the old address space stays').toBe(42);
    child.exit();
  });
});

describe('vfork', () => {
  it.each(['exec', 'exit', 'fail to exec, then exit'])('shares memory until %s', (how) => {
    const child = made(parent.vfork());
    child.store(AT, 7);
    expect(parent.load(AT)).toBe(7);
    if (how === 'exec') expect(child.exec(NOTHING)).toBe(0);
    if (how.startsWith('fail')) {
      const wrong = { start: 1, end: 2, flags: VM_READ };
      expect(child.exec({ vmas: [wrong], layout: {} })).toBe(EINVAL);
    }
    if (how !== 'exec') child.exit();
    expect(parent.awaitVfork(child)).toBe(0);
    if (how === 'exec') child.exit();
    expect(parent.load(AT)).toBe(7);
    expect(parent.wait()).toEqual({ pid: child.id, status: 0 });
  });

  it('is given up by a parent that is to die, and waited for by nobody else', () => {
    const child = made(parent.vfork());
    const other = made(parent.fork());
    expect(parent.awaitVfork(other), 'that was no vfork').toBe(0);
    parent.kill(SIGKILL);
    expect(parent.awaitVfork(child)).toBe(EINTR);
    child.exit();
    other.exit();
  });
});

describe('clone', () => {
  it.each([
    ['a thread without common handlers', CLONE_THREAD | CLONE_VM],
    ['common handlers without common memory', CLONE_SIGHAND],
    ['a thread without common memory', CLONE_THREAD | CLONE_SIGHAND],
    ['two results in one place', CLONE_PIDFD | CLONE_PARENT_SETTID],
    ['a descriptor of who is detached', CLONE_PIDFD | CLONE_DETACHED],
    ['a namespace', CLONE_NEWPID],
    ['no number', 0.5],
    ['what no register holds', 2n ** 64n],
  ])('refuses %s', (_what, flags) => {
    expect(parent.clone(flags)).toBe(EINVAL);
  });

  it('takes what is above 32 bits for nothing; clone3 does not', () => {
    made(parent.clone(2 ** 40 + SIGCHLD)).exit();
    expect(parent.clone3(2 ** 40, SIGCHLD)).toBe(EINVAL);
    expect(parent.clone3(SIGCHLD, 0), 'the signal has its own place').toBe(EINVAL);
    expect(parent.clone3(0, 65)).toBe(EINVAL);
    expect(parent.clone3(CLONE_PARENT, SIGCHLD), 'the signal is the maker’s').toBe(EINVAL);
    expect(parent.clone3(-1, 0)).toBe(EINVAL);
    made(parent.clone3(CLONE_VM | CLONE_VFORK, SIGCHLD)).exit();
    expect([parent.wait(), parent.wait()]).toHaveLength(2);
  });

  it('gives threads the limits of their process, and children a copy', () => {
    const thread = made(parent.clone(THREAD));
    const child = made(parent.fork());
    parent.setRlimit(RLIMIT_AS, { soft: 4096, hard: 4096 });
    const map = (process: Process): number =>
      process.mmap(0, 2 ** 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(map(thread)).toBeLessThan(0);
    expect(map(child)).toBeGreaterThan(0);
    child.exit();
    thread.exit();
  });

  it('makes a sibling with CLONE_PARENT', () => {
    const child = made(parent.fork());
    const sibling = made(child.clone(CLONE_PARENT));
    expect(sibling.parentPid).toBe(parent.id);
    child.exit();
    sibling.exit(9);
    expect(parent.wait(sibling.id)).toEqual({ pid: sibling.id, status: 0x900 });
    expect(parent.wait()).toEqual({ pid: child.id, status: 0 });
  });
});

describe('wait', () => {
  it('takes the oldest that has ended, or the one that is named', () => {
    const make = (): Process => made(parent.fork());
    const [a, b, c, d] = [make(), make(), make(), make()];
    for (const child of [d, b, a]) child.exit();
    expect(parent.wait(c.id, WNOHANG)).toBe(0);
    expect(parent.wait()).toMatchObject({ pid: a.id });
    expect(parent.wait(d.id)).toMatchObject({ pid: d.id });
    expect(parent.wait(d.id)).toBe(ECHILD);
    expect(parent.wait()).toMatchObject({ pid: b.id });
    c.exit();
  });

  it('chooses by group', () => {
    const [one, other] = [made(parent.fork()), made(parent.fork())];
    expect(parent.setpgid(other.id, 0)).toBe(0);
    one.exit();
    other.exit();
    expect(parent.wait(-other.id)).toMatchObject({ pid: other.id });
    expect(parent.wait(-other.id)).toBe(ECHILD);
    expect(parent.wait(0)).toMatchObject({ pid: one.id });
  });

  it('chooses by what the child sends, which an exec makes SIGCHLD', () => {
    const [silent, loud] = [made(parent.clone(0)), made(parent.clone(10))];
    expect(loud.exec(NOTHING)).toBe(0);
    silent.exit();
    loud.exit();
    expect(parent.wait()).toMatchObject({ pid: loud.id });
    expect(parent.wait()).toBe(ECHILD);
    expect(parent.wait(-1, WALL)).toMatchObject({ pid: silent.id });
  });

  it('refuses what it does not know', () => {
    expect(parent.wait(-1, 4)).toBe(EINVAL);
    expect(parent.wait(-1, 0.5)).toBe(EINVAL);
    expect(parent.wait(-(2 ** 31))).toBe(ESRCH);
    expect(parent.wait()).toBe(ECHILD);
    expect(parent.wait(1), 'init is nobody’s child').toBe(ECHILD);
  });
});

describe('exec', () => {
  it('ends the other threads’ part in the process: its own thread gets its number', () => {
    const child = made(parent.fork());
    const thread = made(child.clone(THREAD));
    const { id } = thread;
    child.exit(); // a leader that ends first stays until all have
    expect(thread.exec(NOTHING)).toBe(0);
    expect([thread.id, thread.pid]).toEqual([child.id, child.id]);
    expect(() => machine.process(id)).toThrow('There is no process');
    expect(thread.vmas()).toEqual([]);
    thread.exit(4);
    expect(parent.wait()).toEqual({ pid: child.id, status: 0x400 });
  });

  it('keeps limits, parent and group; its parent may move it no more', () => {
    const child = made(parent.fork());
    child.setRlimit(RLIMIT_AS, { soft: 8192, hard: 8192 });
    expect(child.exec(NOTHING)).toBe(0);
    expect([child.parentPid, child.pgid]).toEqual([parent.id, parent.id]);
    expect(child.mmap(0, 2 ** 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)).toBeLessThan(0);
    expect(parent.setpgid(child.id, 0)).toBe(EACCES);
    expect(child.setpgid(0, 0), 'it may itself').toBe(0);
    child.exit();
  });

  it('of a process that shares its memory leaves the others theirs', () => {
    const child = made(parent.clone(CLONE_VM | SIGCHLD));
    expect(child.exec(NOTHING)).toBe(0);
    expect(child.vmas()).toEqual([]);
    expect(parent.load(AT)).toBe(42);
    child.exit();
  });
});

describe('what is no number', () => {
  const JUNK = [
    NaN,
    Infinity,
    -Infinity,
    0.5,
    '1',
    '',
    {},
    [],
    null,
    true,
    2n ** 70n,
    -(2n ** 70n),
  ];

  it.each(JUNK)('is an errno everywhere: %s', (junk) => {
    const word = junk as number;
    const before = machine.report().caches.map(({ live }) => live);
    expect(parent.clone(word)).toBe(EINVAL);
    expect(parent.clone3(word, 0)).toBe(EINVAL);
    expect(parent.clone3(0, word)).toBe(EINVAL);
    expect(parent.wait(word)).toBe(EINVAL);
    expect(parent.wait(-1, word)).toBe(EINVAL);
    expect(parent.setpgid(word, 0)).toBe(EINVAL);
    expect(parent.setpgid(0, word)).toBe(EINVAL);
    expect(parent.kill(word)).toBe(EINVAL);
    expect(parent.mrelease(word)).toBe(EINVAL);
    expect(parent.setOomScoreAdj(word)).toBe(EINVAL);
    expect(() => machine.process(word)).toThrow('There is no process');
    expect(machine.report().caches.map(({ live }) => live)).toEqual(before);
  });

  it('is status 0 of an exit: the process ends all the same', () => {
    for (const junk of JUNK) {
      const child = made(parent.fork());
      child.exit(junk as number);
      expect(parent.wait()).toEqual({ pid: child.id, status: 0 });
    }
  });

  it('words far outside of what there is are refused as they are', () => {
    for (const pid of [2 ** 31 - 1, 2n ** 63n - 1n]) expect(parent.wait(pid)).toBe(ECHILD);
    expect(parent.clone(-1)).toBe(EINVAL);
    expect(parent.clone3(2n ** 64n - 1n, 0)).toBe(EINVAL);
    expect(parent.clone3(0, -1)).toBe(EINVAL);
    expect(() => machine.process(-1)).toThrow('There is no process');
    expect(() => machine.process(0)).toThrow('There is no process');
  });
});
