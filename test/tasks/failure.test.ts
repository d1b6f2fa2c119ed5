/** Making a task when one of its objects, each in turn, is not to be had: nothing is left behind. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VM,
  ENOMEM,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  type Process,
  PROT_READ,
  PROT_WRITE,
  SIGCHLD,
} from '../../src/index.ts';
import { made } from '../made.ts';

const AT = 0x200000000000;
const OBJECTS = ['task_struct', 'signal_struct', 'sighand_struct', 'mm_struct'];
const NOTHING = { vmas: [], layout: {} };

let machine: Machine;
let process: Process;

beforeEach(() => {
  machine = Machine.create({ bytes: 16 * 2 ** 20 });
  process = machine.spawn();
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  process.mmap(AT, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
  process.store(AT, 1);
});

afterEach(() => {
  process.exit();
  machine.tearDown();
});

/** Objects in use, and pages charged. */
function books(): unknown {
  const { caches, committedPages } = machine.report();
  return [caches.map(({ name, words, live }) => [name, words, live]), committedPages];
}

describe('X-4 a task is made whole or not at all', () => {
  it.each([
    ['fork', OBJECTS, () => process.fork()],
    ['vfork', OBJECTS.slice(0, 3), () => process.vfork()],
    [
      'clone of a thread',
      ['task_struct'],
      () => process.clone(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD),
    ],
    [
      'clone with common handlers',
      ['task_struct', 'signal_struct'],
      () => process.clone(CLONE_VM | CLONE_SIGHAND | SIGCHLD),
    ],
  ])('%s without %j', (_what, objects, make) => {
    const before = books();
    for (const name of objects) {
      machine.failAllocations(name, 0, 1);
      expect(make(), name).toBe(ENOMEM);
      expect(books(), name).toEqual(before);
    }
    const child = made(make());
    child.exit();
  });

  it('spawn', () => {
    const before = books();
    for (const name of OBJECTS) {
      machine.failAllocations(name, 0, 1);
      expect(() => machine.spawn(), name).toThrow('no memory for another process');
      expect(books(), name).toEqual(before);
    }
  });

  it('exec of a process that shares its handlers', () => {
    const child = made(process.clone(CLONE_VM | CLONE_SIGHAND | SIGCHLD));
    const before = books();
    for (const name of ['mm_struct', 'sighand_struct']) {
      machine.failAllocations(name, 0, 1);
      expect(child.exec(NOTHING), name).toBe(ENOMEM);
      expect(books(), name).toEqual(before);
      expect(child.load(AT), 'the old address space stays').toBe(1);
    }
    expect(child.exec(NOTHING)).toBe(0);
    child.ignoreChildren(); // and nobody else does, now
    child.exit(2);
    expect(process.wait()).toEqual({ pid: child.id, status: 0x200 });
  });
});
