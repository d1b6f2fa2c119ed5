/** What the settings of a machine change: overcommit, the number of VMAs, the layout, names. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  EINVAL,
  ENOMEM,
  LIMIT_COMMIT,
  LIMIT_MAP_COUNT,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  type Process,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  READ_IMPLIES_EXEC,
  RLIMIT_NPROC,
  type Sysctls,
} from '../src/index.ts';

const GIB = 2 ** 30;
const RW = PROT_READ | PROT_WRITE;
const ANONYMOUS = MAP_PRIVATE | MAP_ANONYMOUS;
const RAM = { totalram_pages: (8 * GIB) / PAGE_SIZE };
const PLACE = 0x200000000000;

let machine: Machine;
let processes: Process[];

function start(sysctl: Sysctls): Process {
  machine = Machine.create({ sysctl });
  const process = machine.spawn();
  processes = [process];
  return process;
}

const map = (process: Process, bytes: number, prot = RW, flags = ANONYMOUS): number =>
  process.mmap(0, bytes, prot, flags, -1, 0);

afterEach(() => {
  for (const process of processes) {
    process.verify();
    process.exit();
  }
  machine.tearDown();
});

describe('vm.overcommit_memory', () => {
  it('0 refuses only what alone is more than RAM and swap', () => {
    const process = start({ overcommit_memory: 0, ...RAM });
    expect(map(process, 6 * GIB)).toBeGreaterThan(0);
    expect(map(process, 6 * GIB)).toBeGreaterThan(0);
    expect(map(process, 9 * GIB)).toBe(ENOMEM);
    expect(process.verdict()).toMatchObject({
      limit: LIMIT_COMMIT,
      wanted: (9 * GIB) / PAGE_SIZE,
      allowed: (8 * GIB) / PAGE_SIZE,
    });
    expect(map(process, 9 * GIB, PROT_READ)).toBeGreaterThan(0);
    expect(map(process, 9 * GIB, RW, ANONYMOUS | MAP_NORESERVE)).toBeGreaterThan(0);
    const readable = map(process, 9 * GIB, PROT_READ);
    expect(process.mprotect(readable, 9 * GIB, RW)).toBe(ENOMEM);
  });

  it('0 makes a fork fail whose one VMA is more than RAM, and nothing stays charged', () => {
    const process = start({ overcommit_memory: 0, ...RAM });
    const high = process.mmap(PLACE, 6 * GIB, RW, ANONYMOUS, -1, 0);
    expect(process.mmap(high - 6 * GIB, 6 * GIB, RW, ANONYMOUS | MAP_FIXED, -1, 0)).toBeGreaterThan(
      0,
    );
    expect(process.mapCount(), 'they merged').toBe(1);
    const before = machine.report().committedPages;
    expect(process.fork()).toBe(ENOMEM);
    expect(machine.report().committedPages).toBe(before);
    expect(process.mprotect(high, PAGE_SIZE, PROT_READ)).toBe(0); // no VMA is too large any more
    const child = process.fork();
    expect(child).not.toBe(ENOMEM);
    if (typeof child !== 'number') processes.push(child);
  });

  it('1 refuses nothing', () => {
    const process = start({ overcommit_memory: 1, ...RAM });
    expect(map(process, 100 * GIB)).toBeGreaterThan(0);
  });

  it('2 adds up what was promised, and ignores MAP_NORESERVE', () => {
    const process = start({ overcommit_memory: 2, overcommit_ratio: 50, ...RAM });
    expect(machine.report().commitLimit).toBe((4 * GIB) / PAGE_SIZE);
    const first = map(process, 3 * GIB);
    expect(first).toBeGreaterThan(0);
    expect(map(process, 2 * GIB)).toBe(ENOMEM);
    expect(map(process, 2 * GIB, RW, ANONYMOUS | MAP_NORESERVE)).toBe(ENOMEM);
    expect(map(process, 2 * GIB, PROT_NONE)).toBeGreaterThan(0);
    expect(map(process, 2 * GIB, RW, MAP_SHARED | MAP_ANONYMOUS)).toBe(ENOMEM);
    process.munmap(first, 3 * GIB);
    expect(map(process, 2 * GIB)).toBeGreaterThan(0);
  });

  it('2 takes kilobytes in place of the ratio, and keeps a reserve from all but root', () => {
    const limit = {
      overcommit_memory: 2,
      overcommit_kbytes: 100 * 1024,
      admin_reserve_kbytes: 8192,
    };
    const process = start({ ...limit, ...RAM });
    expect(machine.report().commitLimit).toBe((100 * 2 ** 20) / PAGE_SIZE);
    const all = map(process, 99 * 2 ** 20);
    expect(all).toBeGreaterThan(0);
    process.munmap(all, 99 * 2 ** 20);
    process.setCapabilities(0);
    expect(map(process, 95 * 2 ** 20)).toBe(ENOMEM);
    expect(map(process, 91 * 2 ** 20)).toBeGreaterThan(0);
  });
});

describe('vm.max_map_count', () => {
  /** Fills the process with VMAs of one page each that do not merge. */
  function fill(process: Process, count: number): void {
    for (let i = process.mapCount(); i < count; i++) {
      process.mmap(PLACE + i * 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ, ANONYMOUS | MAP_FIXED, -1, 0);
    }
  }

  it('allows one VMA more by mmap, since it asks before it adds', () => {
    const process = start({ max_map_count: 100 });
    fill(process, 100);
    expect(map(process, PAGE_SIZE)).toBeGreaterThan(0);
    expect(process.mapCount()).toBe(101);
    expect(process.mmap(PLACE - GIB, PAGE_SIZE, RW, ANONYMOUS, -1, 0)).toBe(ENOMEM);
    expect(process.verdict()).toMatchObject({ limit: LIMIT_MAP_COUNT, wanted: 102, allowed: 100 });
  });

  it('S0-26 refuses a hole inside a VMA at the limit, and lets an edge go', () => {
    const process = start({ max_map_count: 100 });
    const area = process.mmap(PLACE - GIB, 3 * PAGE_SIZE, RW, ANONYMOUS, -1, 0);
    fill(process, 100);
    expect(process.munmap(area + PAGE_SIZE, PAGE_SIZE)).toBe(ENOMEM);
    expect(process.munmap(area, PAGE_SIZE)).toBe(0);
  });

  it('refuses the splits of mprotect, and leaves the first of two', () => {
    const process = start({ max_map_count: 100 });
    const area = process.mmap(PLACE - GIB, 3 * PAGE_SIZE, RW, ANONYMOUS, -1, 0);
    fill(process, 99);
    expect(process.mprotect(area + PAGE_SIZE, PAGE_SIZE, PROT_READ)).toBe(ENOMEM);
    expect(process.find(area)?.end).toBe(area + PAGE_SIZE);
    expect(process.find(area + PAGE_SIZE)?.end).toBe(area + 3 * PAGE_SIZE);
  });
});

describe('vm.legacy_va_layout', () => {
  it('places upwards from a third of the address space', () => {
    const process = start({ legacy_va_layout: 1 });
    expect(map(process, PAGE_SIZE)).toBe(0x2aaaaaaab000);
    expect(map(process, PAGE_SIZE)).toBe(0x2aaaaaaac000);
    expect(process.mapCount(), 'a mapping after the last one merges').toBe(1);
  });
});

describe('names of anonymous memory', () => {
  it('split, merge and show in maps', () => {
    const process = start({});
    const area = process.mmap(PLACE, 3 * PAGE_SIZE, RW, ANONYMOUS, -1, 0);
    expect(process.setAnonName(area + PAGE_SIZE, PAGE_SIZE, 'my heap')).toBe(0);
    expect(process.mapCount()).toBe(3);
    expect(process.maps()).toContain('[anon:my heap]\n');
    expect(process.setAnonName(area, 3 * PAGE_SIZE, 'my heap')).toBe(0);
    expect(process.mapCount()).toBe(1);
    expect(process.setAnonName(area, 3 * PAGE_SIZE, null)).toBe(0);
    expect(process.maps()).not.toContain('anon');
    expect(process.setAnonName(area, PAGE_SIZE, 'x'.repeat(80))).toBe(EINVAL);
    expect(process.setAnonName(area, 5 * PAGE_SIZE, 'y')).toBe(ENOMEM);
  });

  it('are unknown without CONFIG_ANON_VMA_NAME', () => {
    const process = start({ anon_vma_name: 0 });
    process.mmap(PLACE, PAGE_SIZE, RW, ANONYMOUS, -1, 0);
    expect(process.setAnonName(PLACE, PAGE_SIZE, 'x')).toBe(EINVAL);
  });
});

it('a limit and a personality are told as they were set', () => {
  const process = start({});
  expect(process.setRlimit(RLIMIT_NPROC, { soft: 5, hard: Infinity })).toBe(0);
  expect(process.rlimit(RLIMIT_NPROC)).toEqual({ soft: 5, hard: Infinity });
  expect(process.rlimit(16)).toBe(EINVAL);
  expect(process.setPersonality(READ_IMPLIES_EXEC)).toBe(0);
  expect(process.setPersonality(0xffffffff)).toBe(READ_IMPLIES_EXEC);
  expect(process.setPersonality(0)).toBe(READ_IMPLIES_EXEC);
});

it.each([2, 4, 2 ** 32, 2n ** 64n - 1n])('no MDWE is asked for by %s', (bits) => {
  const process = start({});
  expect(process.setMdwe(bits)).toBe(EINVAL);
  expect(process.getMdwe()).toBe(0);
});
