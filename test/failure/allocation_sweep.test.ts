/**
 * Every allocation of every call fails once, and from every point on for ever. After each failure
 * the address space is what the call's contract says, and in the end nothing is left.
 */
import { describe, expect, it } from 'vitest';
import {
  EAGAIN,
  ENOMEM,
  MADV_DONTFORK,
  MADV_GUARD_INSTALL,
  MADV_WIPEONFORK,
  Machine,
  type MachineImage,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_LOCKED,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  Process,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  UFFD_FEATURE_EVENT_FORK,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
  VM_ACCOUNT,
  hasFlag,
} from '../../src/index.ts';

const BASE = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const START_BRK = BASE + 100 * PAGE_SIZE;

const page = (number: number): number => BASE + number * PAGE_SIZE;
const pages = (count: number): number => count * PAGE_SIZE;

interface Scenario {
  readonly name: string;
  /** Draws the picture that `act` changes. */
  readonly before: (machine: Machine, process: Process) => void;
  readonly act: (process: Process) => number | Process;
  /** What `act` says when it fails for want of memory. */
  readonly errors: readonly number[];
  /** Pages that a failure may have unmapped, from and to: a documented hole. */
  readonly hole?: readonly [from: number, to: number];
  /** A success may leave its source mapped as well: there was no memory to split it. */
  readonly maySucceedInPart?: boolean;
  /** As in Linux, a copy whose removal finds no memory either stays. */
  readonly mayLeaveCopy?: readonly [from: number, to: number];
  /** A merge that cannot be made is a VMA of its own instead. */
  readonly hasOtherWay?: boolean;
}

/** A touched mapping of ten pages. */
function ten(_machine: Machine, process: Process): void {
  process.mmap(page(0), pages(10), RW, ANON | MAP_FIXED, -1, 0);
  process.touch(page(0), 'write');
}

/** Files, anonymous memory, holes: one of each. */
function motley(machine: Machine, process: Process): void {
  const fd = machine.open({ kind: 'regular', path: '/f', size: 1 << 20, writable: true });
  process.mmap(page(0), pages(3), RW, ANON | MAP_FIXED, -1, 0);
  process.touch(page(1), 'write');
  process.mmap(page(3), pages(2), PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
  process.mmap(page(6), pages(2), RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  process.mmap(page(8), pages(2), RW, MAP_PRIVATE | MAP_FIXED, fd, pages(4));
  process.touch(page(8), 'write');
}

/** Two mappings that one in between makes one. */
function apart(_machine: Machine, process: Process): void {
  process.mmap(page(0), pages(3), RW, ANON | MAP_FIXED, -1, 0);
  process.mmap(page(5), pages(3), RW, ANON | MAP_FIXED, -1, 0);
  process.touch(page(6), 'write');
}

/** Everything a fork treats in its own way. */
function household(machine: Machine, process: Process): void {
  motley(machine, process);
  process.mmap(page(12), pages(2), RW, ANON | MAP_FIXED, -1, 0);
  process.madvise(page(12), pages(1), MADV_DONTFORK);
  process.madvise(page(13), pages(1), MADV_WIPEONFORK);
  process.mmap(page(20), pages(2), RW, ANON | MAP_FIXED | MAP_LOCKED, -1, 0);
  process.mmap(page(30), pages(4), RW, ANON | MAP_FIXED, -1, 0);
  process.madvise(page(31), pages(2), MADV_GUARD_INSTALL);
  process.setAnonName(page(30), pages(4), 'named');
}

const NOMEM = [ENOMEM];

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'mmap of private memory',
    before: ten,
    act: (process) => process.mmap(page(20), pages(2), RW, ANON | MAP_FIXED, -1, 0),
    errors: NOMEM,
  },
  {
    name: 'mmap of shared memory',
    before: ten,
    act: (process) =>
      process.mmap(page(20), pages(2), RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
    errors: NOMEM,
  },
  {
    name: 'mmap of a file',
    before: motley,
    act: (process) => process.mmap(page(20), pages(2), RW, MAP_SHARED | MAP_FIXED, 0, 0),
    errors: NOMEM,
  },
  {
    name: 'mmap over several VMAs',
    before: motley,
    act: (process) => process.mmap(page(2), pages(7), PROT_READ, ANON | MAP_FIXED, -1, 0),
    errors: NOMEM,
  },
  {
    name: 'mmap of shared memory over the middle of one',
    before: ten,
    act: (process) =>
      process.mmap(page(4), pages(2), RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
    errors: NOMEM,
  },
  {
    name: 'mmap that merges to both sides',
    before: apart,
    act: (process) => process.mmap(page(3), pages(2), RW, ANON | MAP_FIXED, -1, 0),
    errors: NOMEM,
    hasOtherWay: true,
  },
  {
    name: 'mmap over the middle, that merges to both sides',
    before: (machine, process) => {
      ten(machine, process);
      process.mprotect(page(4), pages(2), PROT_READ);
    },
    act: (process) => process.mmap(page(4), pages(2), RW, ANON | MAP_FIXED, -1, 0),
    errors: NOMEM,
    hasOtherWay: true,
  },
  {
    name: 'munmap of the middle',
    before: ten,
    act: (process) => process.munmap(page(4), pages(2)),
    errors: NOMEM,
  },
  {
    name: 'munmap across several VMAs',
    before: motley,
    act: (process) => process.munmap(page(1), pages(8)),
    errors: NOMEM,
  },
  {
    name: 'munmap of guarded pages',
    before: household,
    act: (process) => process.munmap(page(32), pages(1)),
    errors: NOMEM,
  },
  {
    name: 'mprotect of the middle',
    before: ten,
    act: (process) => process.mprotect(page(4), pages(2), PROT_READ),
    errors: NOMEM,
  },
  {
    name: 'mprotect that makes memory writable and charges it',
    before: (_machine, process) =>
      void process.mmap(page(0), pages(10), PROT_READ, ANON | MAP_FIXED, -1, 0),
    act: (process) => process.mprotect(page(4), pages(2), RW),
    errors: NOMEM,
  },
  {
    name: 'mprotect that merges',
    before: (machine, process) => {
      ten(machine, process);
      process.mprotect(page(4), pages(2), PROT_READ);
    },
    act: (process) => process.mprotect(page(4), pages(2), RW),
    errors: NOMEM,
  },
  {
    name: 'mremap that grows in place',
    before: apart,
    act: (process) => process.mremap(page(0), pages(3), pages(5), 0),
    errors: NOMEM,
  },
  {
    name: 'mremap that grows and moves',
    before: apart,
    act: (process) => process.mremap(page(0), pages(3), pages(7), MREMAP_MAYMOVE),
    errors: NOMEM,
    maySucceedInPart: true,
  },
  {
    name: 'mremap of the middle to another place',
    before: ten,
    act: (process) =>
      process.mremap(page(4), pages(2), pages(2), MREMAP_MAYMOVE | MREMAP_FIXED, page(40)),
    errors: NOMEM,
    maySucceedInPart: true,
  },
  {
    name: 'mremap over something else',
    before: motley,
    act: (process) =>
      process.mremap(page(1), pages(1), pages(1), MREMAP_MAYMOVE | MREMAP_FIXED, page(7)),
    errors: NOMEM,
    hole: [7, 8],
    maySucceedInPart: true,
  },
  {
    name: 'mremap of several VMAs',
    before: apart,
    act: (process) =>
      process.mremap(page(5), pages(3), pages(3), MREMAP_MAYMOVE | MREMAP_FIXED, page(40)),
    errors: NOMEM,
    maySucceedInPart: true,
  },
  {
    name: 'mremap that leaves its source',
    before: ten,
    act: (process) =>
      process.mremap(page(2), pages(3), pages(3), MREMAP_MAYMOVE | MREMAP_DONTUNMAP, page(50)),
    errors: NOMEM,
  },
  {
    name: 'mremap that shrinks',
    before: ten,
    act: (process) => process.mremap(page(2), pages(5), pages(2), 0),
    errors: NOMEM,
  },
  {
    name: 'mremap of guarded memory',
    before: household,
    act: (process) =>
      process.mremap(page(30), pages(4), pages(4), MREMAP_MAYMOVE | MREMAP_FIXED, page(60)),
    errors: NOMEM,
    mayLeaveCopy: [60, 64],
    maySucceedInPart: true,
  },
  {
    name: 'brk that makes a heap',
    before: ten,
    act: (process) => (process.brk(START_BRK + pages(3)) === START_BRK ? ENOMEM : 0),
    errors: NOMEM,
  },
  {
    name: 'brk that grows a heap',
    before: (_machine, process) => void process.brk(START_BRK + pages(2)),
    act: (process) => (process.brk(START_BRK + pages(5)) === START_BRK + pages(2) ? ENOMEM : 0),
    errors: NOMEM,
  },
  {
    name: 'brk that shrinks a heap',
    before: (_machine, process) => void process.brk(START_BRK + pages(5)),
    act: (process) => (process.brk(START_BRK + pages(2)) === START_BRK + pages(5) ? ENOMEM : 0),
    errors: NOMEM,
  },
  {
    name: 'madvise of the middle',
    before: ten,
    act: (process) => process.madvise(page(4), pages(2), MADV_DONTFORK),
    errors: [EAGAIN],
  },
  {
    name: 'mlock of the middle',
    before: ten,
    act: (process) => process.mlock(page(4), pages(2)),
    errors: [ENOMEM, EAGAIN],
  },
  {
    name: 'mseal of the middle',
    before: ten,
    act: (process) => process.mseal(page(4), pages(2), 0),
    errors: NOMEM,
  },
  {
    name: 'a name for the middle',
    before: ten,
    act: (process) => process.setAnonName(page(4), pages(2), 'n'),
    errors: NOMEM,
  },
  {
    name: 'a first write',
    before: apart,
    act: (process) => (process.touch(page(1), 'write') === 'oom' ? ENOMEM : 0),
    errors: NOMEM,
  },
  {
    name: 'fork',
    before: household,
    act: (process) => process.fork(),
    errors: NOMEM,
  },
  {
    name: 'fork of a fork',
    before: (machine, process) => {
      household(machine, process);
      const child = process.fork() as Process;
      relatives.push(child);
    },
    act: () => (relatives.at(-1) as Process).fork(),
    errors: NOMEM,
  },
  {
    name: 'fork that a userfaultfd is told of',
    before: watched,
    act: (process) => process.fork(),
    errors: NOMEM,
  },
  {
    name: 'userfaultfd',
    before: ten,
    act: (process) => process.userfaultfd(0),
    errors: NOMEM,
  },
  {
    name: 'registering the middle with a userfaultfd',
    before: watched,
    act: (process) => process.uffdRegister(0, page(4), pages(2), UFFDIO_REGISTER_MODE_WP),
    errors: NOMEM,
  },
  {
    name: 'unregistering the middle from a userfaultfd',
    before: watched,
    act: (process) => process.uffdUnregister(0, page(4), pages(2)),
    errors: NOMEM,
  },
  {
    name: 'closing a userfaultfd, which merges where it can',
    before: (machine, process) => {
      watched(machine, process);
      process.uffdUnregister(0, page(4), pages(2));
    },
    act: (process) => process.machine.close(0),
    errors: NOMEM,
    hasOtherWay: true,
  },
  {
    name: 'reading that there was a fork',
    before: (machine, process) => {
      watched(machine, process);
      relatives.push(process.fork() as Process);
    },
    act: (process) => {
      const message = process.uffdRead(0);
      return typeof message === 'number' ? message : 0;
    },
    errors: NOMEM,
  },
];

/** Ten pages watched by descriptor 0. */
function watched(machine: Machine, process: Process): void {
  ten(machine, process);
  process.uffdApi(process.userfaultfd(0), UFFD_FEATURE_EVENT_FORK);
  process.uffdRegister(0, page(0), pages(10), UFFDIO_REGISTER_MODE_MISSING);
}

/** Children of the run, to be ended with it. */
let relatives: Process[] = [];

/** As many other VMAs as fill leaves of the tree to different heights. */
const CROWDS = [0, 9, 14, 31];

function crowd(process: Process, count: number): void {
  for (let i = 0; i < count; i++) {
    process.mmap(page(200 + 2 * i), PAGE_SIZE, PROT_NONE, ANON | MAP_FIXED, -1, 0);
  }
}

/** What every page is, whatever the boundaries are. */
function coverage(process: Process): Map<number, string> {
  const seen = new Map<number, string>();
  for (const { start, end, flags, pgoff, file, name } of process.vmas()) {
    for (let at = start; at < end; at += PAGE_SIZE) {
      const offset = pgoff + (at - start) / PAGE_SIZE;
      seen.set(
        (at - BASE) / PAGE_SIZE,
        `${flags} ${offset} ${file?.ino ?? ''} ${file?.path ?? ''} ${name}`,
      );
    }
  }
  return seen;
}

function chargedPages(process: Process): number {
  return process
    .vmas()
    .filter(({ flags }) => hasFlag(flags, VM_ACCOUNT))
    .reduce((sum, { start, end }) => sum + (end - start) / PAGE_SIZE, 0);
}

interface Run {
  readonly machine: Machine;
  readonly process: Process;
  readonly family: readonly Process[];
  readonly before: Map<number, string>;
  /** Committed pages that no VMA of these processes accounts for: shared objects. */
  readonly objects: number;
  /** The state before the call: each failure starts from it. */
  readonly image: MachineImage;
}

function startRun(scenario: Scenario, others: number): Run {
  relatives = [];
  const machine = Machine.create({ bytes: 4 * 2 ** 20, sysctl: { mmap_min_addr: 4096 } });
  const process = machine.spawn();
  process.setLayout({ startBrk: START_BRK, brk: START_BRK });
  scenario.before(machine, process);
  crowd(process, others);
  const objects = machine.report().committedPages - chargedToAll(process);
  const before = coverage(process);
  return { machine, process, family: [...relatives], before, objects, image: machine.save() };
}

function rewind({ machine, family, image }: Run): void {
  machine.restore(image);
  relatives = [...family];
}

/** Ends it all: the ledger must be empty. */
function endRun({ machine, process }: Run): void {
  for (const each of [process, ...relatives]) {
    each.verify();
    each.exit();
  }
  for (let fd = 0; machine.close(fd) === 0; fd++);
  const { caches, committedPages } = machine.report();
  const left = caches.filter(({ live }) => live !== 0).map(({ name, live }) => `${live} ${name}`);
  expect(left, 'what is still alive').toEqual([]);
  expect(committedPages, 'what is still charged').toBe(0);
}

const chargedToAll = (process: Process): number =>
  [process, ...relatives].reduce((sum, each) => sum + chargedPages(each), 0);

interface CleanRun {
  readonly result: number;
  readonly after: Map<number, string>;
  readonly allocs: Map<string, number>;
  /** Committed pages of objects that the call made. */
  readonly objects: number;
}

function allocsOf(machine: Machine): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { name, allocs } of machine.report().caches) {
    counts.set(name, (counts.get(name) ?? 0) + allocs);
  }
  return counts;
}

const livesOf = (machine: Machine): string =>
  machine
    .report()
    .caches.map(({ name, live }) => `${name} ${live}`)
    .join(', ');

function perform(scenario: Scenario, process: Process): number {
  const result = scenario.act(process);
  if (!(result instanceof Process)) return result;
  relatives.push(result);
  return 0;
}

/** The same without a failure: what success looks like, and how much it allocates. */
function cleanRun(scenario: Scenario, run: Run): CleanRun {
  const before = allocsOf(run.machine);
  const result = perform(scenario, run.process);
  const allocs = allocsOf(run.machine);
  for (const [name, count] of allocs) allocs.set(name, count - (before.get(name) ?? 0));
  const objects = run.machine.report().committedPages - chargedToAll(run.process);
  const after = coverage(run.process);
  endRun(run);
  rewind(run);
  return { result, after, allocs, objects };
}

interface Failure {
  readonly others: number;
  readonly cache: string;
  readonly skip: number;
  readonly count: number;
}

/** @returns whether the call failed. */
function fail(
  scenario: Scenario,
  { run, clean }: { run: Run; clean: CleanRun },
  failure: Failure,
): boolean {
  const { others, cache, skip, count } = failure;
  const where = `with ${others} others, ${cache} failing ${count} after ${skip}`;
  rewind(run);
  const lives = livesOf(run.machine);
  run.machine.failAllocations(failure.cache, failure.skip, failure.count);
  const result = perform(scenario, run.process);
  run.machine.failAllocations(failure.cache, 0, 0);

  const hasFailed = scenario.errors.includes(result);
  if (!hasFailed) expect(result, `the result ${where}`).toBe(clean.result);
  const after = coverage(run.process);
  if (hasFailed) expectUnchanged(scenario, { before: run.before, after, where });
  else if (scenario.maySucceedInPart === true) {
    for (const [number, look] of clean.after)
      expect(after.get(number), `page ${number} ${where}`).toBe(look);
  } else expect(after, `success ${where}`).toEqual(clean.after);

  const extra = run.machine.report().committedPages - chargedToAll(run.process);
  expect([run.objects, clean.objects], `charges ${where}`).toContain(extra);
  if (hasFailed && scenario.name.startsWith('fork')) {
    expect(livesOf(run.machine), `what a failed fork left ${where}`).toBe(lives);
  }
  try {
    endRun(run);
  } catch (error) {
    expect.fail(`${String(error)} ${where}`);
  }
  return hasFailed;
}

function expectUnchanged(
  { hole, mayLeaveCopy, name }: Scenario,
  {
    before,
    after,
    where,
  }: { before: Map<number, string>; after: Map<number, string>; where: string },
): void {
  const isHole = hole !== undefined && after.size < before.size;
  const expected = new Map(before);
  if (isHole) for (let number = hole[0]; number < hole[1]; number++) expected.delete(number);
  if (mayLeaveCopy !== undefined && after.size > before.size) {
    for (let number = mayLeaveCopy[0]; number < mayLeaveCopy[1]; number++) after.delete(number);
  }
  // mlock marks first: a page that cannot be had stays marked.
  if (name.startsWith('mlock') && after.size === before.size) return;
  expect(after, `${isHole ? 'a hole' : 'nothing changed'} ${where}`).toEqual(expected);
}

const CACHES = [
  'maple_node',
  'vm_area_struct',
  'anon_vma',
  'anon_vma_chain',
  'file',
  'inode',
  'text',
  'mm_struct',
  'task_struct',
  'userfaultfd_ctx',
  'page_table',
  'page',
  'xa_node',
];

describe('X-4 X-9 S0-20 S0-24: every allocation fails', () => {
  it.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    'X-4 X-9 %s',
    (_name, scenario) => {
      let failures = 0;
      let allocations = 0;
      for (const others of CROWDS) {
        const run = startRun(scenario, others);
        const clean = cleanRun(scenario, run);
        expect(scenario.errors).not.toContain(clean.result);
        for (const cache of CACHES) {
          const allocs = clean.allocs.get(cache) ?? 0;
          allocations += allocs;
          for (let skip = 0; skip <= allocs; skip++) {
            for (const count of [1, -1]) {
              if (fail(scenario, { run, clean }, { others, cache, skip, count })) failures++;
            }
          }
        }
        run.machine.detach();
      }
      expect(allocations, 'a call that allocates').toBeGreaterThan(0);
      if (scenario.hasOtherWay !== true) expect(failures, 'and fails').toBeGreaterThan(0);
    },
  );
});
