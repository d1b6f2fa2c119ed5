/** execve() of processes with threads, of vforks, and the end of those that it kills. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  EACCES,
  ENOENT,
  isErr,
  Machine,
  type Process,
  RLIMIT_AS,
  SIGSEGV,
} from '../../src/index.ts';
import { made } from '../made.ts';
import { load, makeElf } from '../exec/elf_maker.ts';

const SEGMENT = load({ vaddr: 0n, filesz: 0x900n });
const PROGRAM = makeElf({ type: 3, entry: 16n, size: 0x1000, phdrs: [SEGMENT] });
/** Asks for more zeroes than it is allowed: that is found out when the old memory is gone. */
const HUGE = load({ vaddr: 0n, filesz: 0x900n, memsz: 2n ** 40n, flags: 6 });
const GREEDY = makeElf({ type: 3, entry: 16n, size: 0x1000, phdrs: [HUGE] });

let machine: Machine;
let parent: Process;

beforeEach(() => {
  machine = Machine.create({ seed: 1, bytes: 16 * 2 ** 20 });
  parent = machine.spawn();
});

afterEach(() => {
  parent.exit();
  machine.tearDown();
});

function execve(process: Process, contents = PROGRAM): unknown {
  const fd = machine.open({ kind: 'regular', path: '/program', contents });
  if (isErr(fd)) throw new Error(`open gave ${fd}`);
  return process.execve({ fd, path: '/program', argv: [], envp: [], open: () => ENOENT });
}

it('a program of a thread has the number of its process, whose leader has ended', () => {
  const child = made(parent.fork());
  const thread = made(child.clone(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD));
  child.exit(1);
  expect(execve(thread)).toMatchObject({ entry: expect.any(Number) as number });
  expect([thread.id, thread.pid]).toEqual([child.id, child.id]);
  expect(parent.setpgid(thread.id, 0)).toBe(EACCES);
  thread.exit(2);
  expect(parent.wait()).toEqual({ pid: child.id, status: 0x200 });
});

it('a vfork is over with the exec, not with one that fails', () => {
  const child = made(parent.vfork());
  expect(child.execve({ fd: 99, path: '', argv: [], envp: [], open: () => ENOENT })).toBeLessThan(
    0,
  );
  expect(child.vmas()).toEqual(parent.vmas());
  expect(execve(child)).toMatchObject({ entry: expect.any(Number) as number });
  expect(parent.awaitVfork(child)).toBe(0);
  expect(parent.vmas()).toEqual([]);
  child.exit();
});

it('who dies past the point of no return, dies of SIGSEGV with all that waits for it', () => {
  const child = made(parent.vfork());
  child.setRlimit(RLIMIT_AS, { soft: 2 ** 30, hard: 2 ** 30 });
  expect(execve(child, GREEDY)).toBeLessThan(0);
  expect(child.fatalSignal()).toBe(SIGSEGV);
  expect(parent.awaitVfork(child)).toBe(0);
  child.exit(7);
  expect(parent.wait()).toEqual({ pid: child.id, status: SIGSEGV });
});
