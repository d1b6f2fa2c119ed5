/**
 * Two things about pages that recordings of holes and of mlockall showed: a hole punched within the
 * first page of a file takes every page behind it out of the page tables, and remap_file_pages()
 * populates what mlockall(MCL_FUTURE) locks, whatever its flags say.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NONBLOCK,
  MAP_POPULATE,
  MAP_SHARED,
  MCL_FUTURE,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const AT = 0x200000000000;
const PAGE = 4096;
const RW = PROT_READ | PROT_WRITE;

let machine: Machine;
let process: Process;

beforeEach(() => {
  machine = Machine.create();
  process = machine.spawn();
});

afterEach(() => {
  process.verify();
  process.exit();
  machine.tearDown();
});

const presentBytes = (): number | undefined => process.pageStats().at(0)?.rss;

describe('a hole within the first page', () => {
  it.each([
    [100, 50, 1],
    [0, 50, 0],
    [0, PAGE, 7],
    [PAGE + 100, 50, 8],
  ])('from %d, %d bytes long: %d of 8 pages stay mapped', (start, len, pages) => {
    const fd = machine.open({ kind: 'shmem', path: '/f', size: 8 * PAGE, writable: true });
    process.mmap(AT, 8 * PAGE, RW, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0);
    for (let i = 0; i < 8; i++) process.store(AT + i * PAGE, 7);
    expect(machine.punchHole(fd, start, len)).toBe(0);
    expect(presentBytes()).toBe(pages * PAGE);
    expect(process.load(AT + 3 * PAGE)).toBe(7);
  });
});

it('remap_file_pages under mlockall populates, MAP_NONBLOCK or not', () => {
  process.mmap(AT, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  process.mlockall(MCL_FUTURE);
  expect(process.remapFilePages(AT, PAGE, 0, 2, MAP_NONBLOCK)).toBe(0);
  expect(presentBytes()).toBe(PAGE);
});
