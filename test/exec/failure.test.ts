/**
 * An exec that fails: every allocation in turn, once and for ever. Before the point of no return
 * the old address space is as it was; after it the task is condemned. Nothing is left in the end.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  ADDR_NO_RANDOMIZE,
  E2BIG,
  EBADF,
  EFAULT,
  EINTR,
  EINVAL,
  EIO,
  ELIBBAD,
  ELOOP,
  ENOENT,
  ENOEXEC,
  ENOMEM,
  type ExecveRequest,
  hasFlag,
  isErr,
  Machine,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
  RLIMIT_AS,
  SIGSEGV,
  VM_ACCOUNT,
} from '../../src/index.ts';
import { load, makeElf } from './elf_maker.ts';

const RW = PROT_READ | PROT_WRITE;
const LOADER = '/lib/loader';
const SEGMENTS = [
  load({ vaddr: 0n, filesz: 0x900n }),
  load({ vaddr: 0x2000n, offset: 0x1000n, flags: 6, filesz: 0x800n, memsz: 0x3000n }),
];
const INTERP = load({ type: 3, offset: 0x800n, vaddr: 0n, filesz: BigInt(LOADER.length + 1) });
const strings = [{ at: 0x800, text: `${LOADER}\0` }];
const PROGRAM = makeElf({
  type: 3,
  entry: 16n,
  size: 0x3000,
  phdrs: [INTERP, ...SEGMENTS],
  strings,
});
/** Long enough for three pages of stack. */
const ARGV = ['program', 'x'.repeat(9000)];

let machine: Machine;
let files: Map<string, number>;

function addFile(path: string, contents: Uint8Array): void {
  const fd = machine.open({ kind: 'regular', path, contents });
  if (isErr(fd)) throw new Error(`open gave ${fd}`);
  files.set(path, fd);
}

/** Another number for an opening: nothing is allocated. */
function open(path: string): number {
  const fd = files.get(path);
  return fd === undefined ? ENOENT : machine.dup(fd);
}

beforeEach(() => {
  machine = Machine.create({ seed: 1, bytes: 8 * 2 ** 20, ramBytes: 8 * 2 ** 20 });
  files = new Map();
  addFile('/bin/program', PROGRAM);
  addFile('/bin/script', Buffer.from(`#!/bin/program -x\n`));
  addFile('/bin/loop', Buffer.from('#!/bin/loop\n'));
  addFile(LOADER, makeElf({ type: 3, entry: 16n, size: 0x3000, phdrs: SEGMENTS }));
});

/** A process with something to lose. */
function start(persona = 0): Process {
  const process = machine.spawn();
  process.setPersonality(persona);
  const at = process.mmap(0x10000000, 4 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  process.store(at, 42);
  return process;
}

/** All that can be told of an address space from outside. */
const portrait = (process: Process): unknown => ({
  smaps: process.smaps(),
  layout: process.layout(),
  rss: process.rss(),
  word: process.load(0x10000000),
});

function execveOf(process: Process, path: string, argv = ARGV): number {
  const fd = files.get(path) ?? -1;
  const started = process.execve({ fd, path, argv, envp: ['A=b'], open });
  return typeof started === 'number' ? started : 0;
}

const CACHES = [
  'maple_node',
  'vm_area_struct',
  'mm_struct',
  'file',
  'inode',
  'anon_vma',
  'anon_vma_chain',
  'page_table',
  'page',
  'xa_node',
  'text',
];

describe('an exec without memory', () => {
  for (const [how, count] of [
    ['once', 1],
    ['for ever', -1],
  ] as const) {
    for (const persona of [0, ADDR_NO_RANDOMIZE]) {
      it.each(CACHES)(`X-9 every %s fails ${how}, under personality ${persona}`, (cache) => {
        const outcomes = new Set<string>();
        for (let skip = 0; ; skip++) {
          const process = start(persona);
          const before = portrait(process);
          machine.failAllocations(cache, skip, count);
          const result = execveOf(process, '/bin/script');
          machine.failAllocations(cache, 0, 0);
          if (result === 0) {
            process.verify();
            process.exit();
            break;
          }
          outcomes.add(judge(process, result, before));
          process.exit();
        }
        machine.tearDown();
        if (cache === 'vm_area_struct') expect([...outcomes]).toEqual(['refused', 'killed']);
      });
    }
  }

  function judge(process: Process, result: number, before: unknown): 'refused' | 'killed' {
    if (process.fatalSignal() !== 0) {
      expect(process.fatalSignal()).toBe(SIGSEGV);
      expect([ENOMEM, EFAULT]).toContain(result);
      process.verify();
      return 'killed';
    }
    expect([ENOMEM, E2BIG]).toContain(result);
    expect(portrait(process)).toEqual(before);
    process.verify();
    return 'refused';
  }
});

describe('an exec that is refused', () => {
  it.each([
    ['/bin/absent', ARGV, EBADF],
    ['/bin/loop', ARGV, ELOOP],
    ['/bin/program', ['x'.repeat(2 ** 17)], E2BIG],
  ])('X-9 %s leaves the old address space as it was', (path, argv, errno) => {
    const process = start();
    const before = portrait(process);
    expect(execveOf(process, path, argv)).toBe(errno);
    expect(process.fatalSignal()).toBe(0);
    expect(portrait(process)).toEqual(before);
    process.exit();
    machine.tearDown();
  });

  it('X-9 of a loader that is missing, or none, says which', () => {
    const process = start();
    const before = portrait(process);
    addFile('/bin/text', Buffer.from('just text'));
    expect(execveOf(process, '/bin/text')).toBe(ENOEXEC);
    const loader = files.get(LOADER) ?? -1;
    files.delete(LOADER);
    expect(execveOf(process, '/bin/program')).toBe(ENOENT);
    files.set(LOADER, files.get('/bin/text') ?? -1);
    addFile(LOADER, new Uint8Array(64));
    expect(execveOf(process, '/bin/program')).toBe(ELIBBAD);
    expect(portrait(process)).toEqual(before);
    files.set(LOADER, loader);
    expect(execveOf(process, '/bin/program')).toBe(0);
    process.exit();
    machine.tearDown();
  });
});

describe('a request that is none', () => {
  const right = { fd: 0, path: '/bin/program', argv: ['x'], envp: [], open };

  it.each<[Partial<Record<keyof ExecveRequest, unknown>>, number]>([
    [{ fd: NaN }, EINVAL],
    [{ fd: '3' }, EINVAL],
    [{ fd: -1 }, EBADF],
    [{ fd: 10_000 }, EBADF],
    [{ path: 5 }, EFAULT],
    [{ argv: null }, EFAULT],
    [{ argv: ['x', undefined] }, EFAULT],
    [{ argv: [new Uint16Array(2)] }, EFAULT],
    [{ envp: 'A=b' }, EFAULT],
    [{ open: undefined }, EIO],
    [{ open: () => 'no number' }, EIO],
    [{ open: () => -5000 }, EIO],
    [{ open: () => 1.5 }, EIO],
    [{ open: () => 10_000 }, EBADF],
    [{ open: () => raise() }, EIO],
  ])('X-9 of an exec: %o', (wrong, errno) => {
    const process = start();
    const before = portrait(process);
    const fd = files.get('/bin/program') ?? -1;
    expect(process.execve({ ...right, fd, ...wrong } as ExecveRequest)).toBe(errno);
    expect(portrait(process)).toEqual(before);
    process.exit();
    machine.tearDown();
  });

  it('X-9 opens with the help of another machine, and of another process', () => {
    const other = Machine.create({ seed: 2, bytes: 8 * 2 ** 20 });
    const stranger = other.spawn();
    const process = start(ADDR_NO_RANDOMIZE);
    const child = start();
    const elsewhere = (path: string): number => {
      const fd = open(path);
      child.mmap(0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      stranger.mmap(0, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      return fd;
    };
    const fd = files.get('/bin/program') ?? -1;
    const started = process.execve({ ...right, fd, open: elsewhere });
    expect(started).toMatchObject({ entry: 0x7ffff7ffa010 });
    for (const each of [process, child]) {
      each.verify();
      each.exit();
    }
    stranger.exit();
    other.tearDown();
    machine.tearDown();
  });

  it('X-9 of a task that is dying is EINTR', () => {
    const process = start();
    // That there is no room for a GiB of zeros shows when they are mapped.
    const big = load({ vaddr: 0n, filesz: 0x900n, memsz: 2n ** 30n });
    addFile('/bin/big', makeElf({ type: 3, entry: 16n, size: 0x3000, phdrs: [big] }));
    process.setRlimit(RLIMIT_AS, { soft: 2 ** 28, hard: 2 ** 28 });
    expect(execveOf(process, '/bin/big')).toBe(ENOMEM);
    expect(process.fatalSignal()).toBe(SIGSEGV);
    expect(execveOf(process, '/bin/program')).toBe(EINTR);
    process.exit();
    machine.tearDown();
  });
});

function raise(): never {
  throw new Error('the opener failed');
}

describe('many arguments', () => {
  it('X-9 of an exec are taken up to a quarter of the stack, with their pointers', () => {
    const process = start(ADDR_NO_RANDOMIZE);
    const most = Math.floor((2 ** 21 - '/bin/program'.length - 1) / 10);
    expect(execveOf(process, '/bin/program', Array<string>(most + 1).fill('y'))).toBe(E2BIG);
    expect(execveOf(process, '/bin/program', Array<string>(most - 1).fill('y'))).toBe(0);
    process.exit();
    machine.tearDown();
  });
});

describe('the old address space', () => {
  it('X-9 stays with who shares it', () => {
    const process = start();
    const other = process.vfork();
    if (typeof other === 'number') throw new Error('no memory for another task');
    const before = portrait(other);
    expect(execveOf(process, '/bin/program')).toBe(0);
    expect(portrait(other)).toEqual(before);
    expect(process.load(0x10000000)).toBeLessThan(0);
    process.exit();
    other.exit();
    machine.tearDown();
  });

  it('X-9 gives back what it was charged, and the new one is charged in its place', () => {
    const process = start(ADDR_NO_RANDOMIZE);
    process.mmap(0, 1000 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(execveOf(process, '/bin/program', ['x'])).toBe(0);
    const charged = process
      .vmas()
      .filter(({ flags }) => hasFlag(flags, VM_ACCOUNT))
      .reduce((sum, { start: from, end }) => sum + (end - from) / PAGE_SIZE, 0);
    expect(machine.report().committedPages).toBe(charged);
    process.exit();
    machine.tearDown();
  });
});
