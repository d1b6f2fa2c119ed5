/** A child that dies, hangs or is refused something: one sentence, and nothing left behind. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { isGone } from './death.ts';
import { Kernel, type KernelOptions, ownUid } from './kernel.ts';
import { whyNotLive } from './live_kernel.ts';
import { OracleError, deniedCall } from './oracle_error.ts';
import { requestCall } from './request.ts';
import { startSubjects } from './subject.ts';
import { openSubjectFiles } from './subject_files.ts';
import { SYSCALLS } from './syscalls.ts';
import { ioctlUserfault } from './userfault.ts';

const reason = whyNotLive();
const why = reason === undefined ? '' : ` (skipped: ${reason})`;
const PAUSE = 34;
const SIGSTOP = 19;
const NOFILE = 7;
const NPROC = 6;
const EPERM = 1;
const NOBODY = 65534;
const IMPATIENT = { patience: 0.3 };

const started: Kernel[] = [];

function start(options: KernelOptions = {}): Kernel {
  const kernel = Kernel.start(options);
  started.push(kernel);
  return kernel;
}

/** What is thrown has this kind, and says this in one sentence. */
function expectError(act: () => unknown, kind: string, sentence: string | RegExp): void {
  let caught: unknown;
  try {
    act();
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(OracleError);
  const { kind: found, message } = caught as OracleError;
  expect(found).toBe(kind);
  expect(message).toMatch(sentence);
  expect(message).toMatch(/^[^\n]*\.$/u);
}

/** Processes of this test's that are still there: alive, or dead and not init's to bury. */
function stubs(): number[] {
  return [...known].filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      return !stat.includes(') Z 1 ');
    } catch {
      return false; // gone meanwhile
    }
  });
}

const known = new Set<number>();

function remember(...kernels: readonly Kernel[]): void {
  for (const { pid } of kernels) known.add(pid);
}

/** Looks until none is left: Node buries its children when it has nothing else to do. */
async function noneLeft(): Promise<void> {
  for (let i = 0; i < 300 && stubs().length > 0; i++) await sleep(10);
  expect(stubs()).toEqual([]);
}

/** From now on the kernel refuses a call to this process, as a sandbox does. */
function filter(kernel: Kernel, nr: number, errno: number): void {
  const code = Buffer.alloc(32);
  [
    [0x20, 0, 0, 0], // load the call's number
    [0x15, 0, 1, nr], // the one?
    [0x06, 0, 0, 0x50000 + errno], // refused
    [0x06, 0, 0, 0x7fff0000], // allowed
  ].forEach(([op = 0, yes = 0, no = 0, k = 0], i) => {
    code.writeUInt16LE(op, i * 8);
    code.writeUInt8(yes, i * 8 + 2);
    code.writeUInt8(no, i * 8 + 3);
    code.writeUInt32LE(k, i * 8 + 4);
  });
  const program = Buffer.alloc(16);
  program.writeUInt16LE(4);
  program.writeBigUInt64LE(BigInt(kernel.poke(64, code)), 8);
  expect(kernel.call('prctl', 38, 1, 0, 0, 0)).toBe(0); // no new privileges
  expect(kernel.call('prctl', 22, 2, kernel.poke(0, program), 0, 0)).toBe(0); // a filter
}

function limit(kernel: Kernel, resource: number, soft: number): void {
  const words = Buffer.alloc(16);
  words.writeBigUInt64LE(BigInt(soft));
  words.writeBigUInt64LE(BigInt(soft), 8);
  kernel.must('prlimit64', 0, resource, kernel.poke(0, words), 0);
}

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  remember(...started);
  for (const kernel of started.splice(0)) kernel.stop();
  await noneLeft();
});

describe.skipIf(reason !== undefined)(`killed${why}`, () => {
  test('from outside: which process, by which signal', () => {
    const kernel = start();
    process.kill(kernel.pid, 'SIGKILL');
    const sentence = `process ${kernel.pid} was killed by signal 9`;
    expectError(() => kernel.call('getpid'), 'killed', sentence);
    expectError(() => kernel.call('getpid'), 'killed', sentence);
    expectError(() => kernel.fork(), 'killed', sentence);
  });

  test('from outside: a copy, and a thread with its process', () => {
    const kernel = start();
    const child = kernel.fork() as Kernel;
    const thread = child.thread() as Kernel;
    remember(child, thread);
    process.kill(child.pid, 'SIGKILL');
    const sentence = `process ${child.pid} was killed by signal 9`;
    expectError(() => thread.call('getpid'), 'killed', sentence);
    expectError(() => child.call('getpid'), 'killed', sentence);
    expect(kernel.call('getpid')).toBe(kernel.pid);
    thread.stop();
    child.stop();
  });

  test('by what it was asked to do', () => {
    const kernel = start();
    const act = (): unknown => kernel.call('munmap', 0, 0x7fffffff0000);
    expectError(act, 'killed', 'the stub died: a request destroyed what it runs on (signal 11).');
  });
});

describe.skipIf(reason !== undefined)(`hung${why}`, () => {
  test('a call that never returns', () => {
    const kernel = start(IMPATIENT);
    const sentence = `process ${kernel.pid} hung in a call and was killed after 0.3 seconds.`;
    expectError(() => kernel.call(PAUSE), 'hung', sentence);
  });

  test('in a copy, and in a thread of it', () => {
    const kernel = start(IMPATIENT);
    const child = kernel.fork() as Kernel;
    const other = kernel.fork() as Kernel;
    const thread = other.thread() as Kernel;
    remember(child, other, thread);
    expectError(() => child.call(PAUSE), 'hung', `process ${child.pid} hung`);
    expectError(() => thread.call(PAUSE), 'hung', `process ${other.pid} hung`);
    expect(kernel.call('getpid')).toBe(kernel.pid);
    for (const one of [child, thread, other]) one.stop();
  });

  test('stopped in the middle of a call', () => {
    const kernel = start(IMPATIENT);
    kernel.post([requestCall(SYSCALLS.kill, [kernel.pid, SIGSTOP]), requestCall(PAUSE, [])]);
    expectError(() => kernel.take(2), 'hung', 'hung in a call');
  });

  test('waiting between calls is no hanging', async () => {
    const kernel = start({ patience: 0.05 });
    const child = kernel.fork() as Kernel;
    await sleep(120);
    expect(child.call('getpid')).toBe(child.pid);
    expect(kernel.call('getpid')).toBe(kernel.pid);
    child.stop();
  });

  test('nothing is left when the one who asks is killed while it waits', async () => {
    const kernel = start(IMPATIENT);
    const copy = kernel.fork() as Kernel;
    remember(copy);
    copy.post([requestCall(PAUSE, [])]);
    process.kill(kernel.pid, 'SIGKILL'); // as its parent-death signal does
    for (let i = 0; i < 300 && stubs().length > 0; i++) await sleep(10);
    expect(isGone(copy.pid)).toBe(true);
    copy.stop();
  });
});

describe.skipIf(reason !== undefined)(`denied${why}`, () => {
  test.each(['memfd_secret', 'memfd_create', 'dup'] as const)('%s, by a filter', (call) => {
    const kernel = start();
    filter(kernel, SYSCALLS[call], EPERM);
    const sentence = `${call} is refused here with EPERM: a sandbox filters it`;
    expectError(() => openSubjectFiles(kernel), 'denied', sentence);
  });

  test('memfd_secret, by the kernel it was not built into', () => {
    const kernel = start();
    filter(kernel, SYSCALLS.memfd_secret, 38);
    const sentence = 'this kernel has no memfd_secret(): boot with secretmem.enable=1';
    expectError(() => openSubjectFiles(kernel), 'absent', sentence);
  });

  test.skipIf(ownUid() !== 0)('userfaultfd, to root', () => {
    const kernel = start();
    filter(kernel, SYSCALLS.userfaultfd, EPERM);
    const files = { fds: [], numbers: new Map<string, number>() };
    const subject = { kernel, files, userfault: { fd: undefined } };
    const act = (): unknown => ioctlUserfault(subject, 'register', []);
    expectError(act, 'denied', 'userfaultfd is refused here with EPERM');
  });

  test('timers: without them nobody would end what hangs', () => {
    const kernel = start();
    filter(kernel, SYSCALLS.timer_create, EPERM);
    expectError(() => kernel.fork(), 'denied', 'timer_create is refused here with EPERM');
    expect(kernel.call('getpid')).toBe(kernel.pid);
  });

  test('fork, by a filter: a number, as the kernel gives it', () => {
    const kernel = start();
    filter(kernel, SYSCALLS.fork, EPERM);
    expect(kernel.fork()).toBe(-EPERM);
    expect(kernel.call('getpid')).toBe(kernel.pid);
  });

  test('descriptors of the child', () => {
    const kernel = start();
    limit(kernel, NOFILE, 6);
    expectError(() => kernel.fork(), 'denied', 'pipe2 is refused here with EMFILE: no file desc');
    expect(kernel.call('getpid')).toBe(kernel.pid);
  });

  test.skipIf(ownUid() !== 0)('processes of a user', () => {
    const kernel = start({ uid: NOBODY });
    limit(kernel, NPROC, 0);
    expect(kernel.fork()).toBe(-11);
    expect(deniedCall('fork', -11).message).toMatch('no processes or timers are left');
  });

  test('another user, to who is not root', () => {
    const kernel = start();
    filter(kernel, SYSCALLS.setresuid, EPERM);
    const sentence = `becoming user ${NOBODY} is refused here: run as root.`;
    expectError(() => kernel.becomeUser(NOBODY), 'denied', sentence);
  });
});

describe.skipIf(reason !== undefined)(`denied to this program${why}`, () => {
  test('descriptors', () => {
    const fds: number[] = [];
    try {
      for (;;) fds.push(openSync('/dev/null', 'r'));
    } catch {
      expectError(() => Kernel.start(), 'denied', 'open is refused here with EMFILE');
      closeSync(fds.pop() ?? -1);
      expectError(() => startSubjects(ownUid()), 'denied', /with EMFILE: no file descriptors/u);
    } finally {
      for (const fd of fds) closeSync(fd);
    }
    expect(start().call('getppid')).toBe(process.pid);
  });

  test('a temporary folder', () => {
    vi.stubEnv('TMPDIR', '/nowhere');
    expectError(() => Kernel.start(), 'denied', 'nothing can be written to /nowhere: set TMPDIR');
  });

  test('executing what is in the temporary folder', (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'vmaspace-noexec-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'noexec', 'none', folder], { stdio: 'ignore' });
    } catch {
      rmSync(folder, { recursive: true });
      context.skip('mounting is refused here');
    }
    try {
      vi.stubEnv('TMPDIR', folder);
      const sentence = `programs in ${folder} may not be executed: set TMPDIR`;
      expectError(() => Kernel.start(), 'denied', sentence);
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true });
    }
  });
});

test('absent: another system, another processor', () => {
  const platform = vi.spyOn(process, 'platform', 'get').mockReturnValue('darwin');
  expectError(() => Kernel.start(), 'absent', 'the oracle is a Linux program, not darwin.');
  platform.mockReturnValue('linux');
  vi.spyOn(process, 'arch', 'get').mockReturnValue('arm64');
  expectError(() => Kernel.start(), 'absent', 'the oracle is an x86-64 program, not arm64.');
});
