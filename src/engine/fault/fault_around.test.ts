import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  I_CACHED,
  isErr,
  Machine,
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_WILLNEED,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  type Process,
  PROT_READ,
  PROT_WRITE,
  VM_EXEC,
  VM_PFNMAP,
  VM_READ,
  withFlags,
} from '../../index.ts';

const PAGE = 4096;
/** At the beginning of a page table, and so of a window. */
const AREA = 0x40000000;
const PAGES = 64;

let machine: Machine;
let process: Process;
beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20 });
  process = machine.spawn();
});
afterEach(() => {
  process.exit();
  machine.tearDown();
});

function openFile(pages: number, flags = I_CACHED): number {
  const fd = machine.open({ kind: 'regular', path: '/f', size: pages * PAGE, flags });
  if (isErr(fd)) throw new Error('no file');
  return fd;
}

function mapAt(page: number, fd: number): number {
  const prot = PROT_READ | PROT_WRITE;
  const at = AREA + page * PAGE;
  expect(process.mmap(at, PAGES * PAGE, prot, MAP_PRIVATE | MAP_FIXED, fd, 0)).toBe(at);
  return at;
}

/** `X` a page that is present, from the first page of the area on. */
function picture(count: number): string {
  let text = '';
  for (let page = 0; page < count; page++) text += present(AREA + page * PAGE) ? 'X' : '.';
  return text;
}

/** Takes one page away, and sees whether that made a difference: pagemap, so to say. */
function present(at: number): boolean {
  if (process.find(at) === null) return false;
  const before = process.rss();
  process.madvise(at, PAGE, 4);
  const after = process.rss();
  return before.file + before.anon > after.file + after.anon;
}

describe('a fault of a file that is wholly cached', () => {
  // Each picture was seen on Linux 6.18, in the process' pagemap.
  it.each([
    [0, 0, 'X'.repeat(16) + '.'.repeat(16)],
    [0, 26, '.'.repeat(16) + 'X'.repeat(16)],
    [5, 0, '.'.repeat(5) + 'X'.repeat(16) + '.'.repeat(11)],
    [5, 13, '.'.repeat(16) + 'X'.repeat(16)],
  ])('in a VMA that begins at page %d, of its page %d', (vmaStart, touched, wanted) => {
    const at = mapAt(vmaStart, openFile(PAGES));
    expect(process.touch(at + touched * PAGE, 'read')).toBe('done');
    expect(picture(32)).toBe(wanted);
  });

  it('ends with the page table', () => {
    const start = 492;
    const at = mapAt(start, openFile(PAGES));
    process.touch(at + 18 * PAGE, 'read');
    expect(picture(start + 40).slice(start)).toBe(`....${'X'.repeat(16)}${'.'.repeat(20)}`);
  });

  it('ends with the file', () => {
    const at = mapAt(0, openFile(5));
    process.touch(at, 'read');
    expect(picture(16)).toBe('XXXXX...........');
    expect(process.touch(at + 5 * PAGE, 'read')).toBe('BUS_ADRERR');
  });

  // 6.18.44 maps nothing around the last page where no table is, but of tmpfs.
  it.each([
    ['no page', 'regular', 'alone', 0],
    ['the last page', 'regular', 'beside other memory', 1],
    ['the last page', 'shmem', 'alone', 1],
  ] as const)('beyond the end maps %s of a %s file, %s', (_, kind, where, pages) => {
    const fd = machine.open({ kind, path: '/f', size: 4 * PAGE, flags: I_CACHED, writable: true });
    machine.pwrite(fd, new Uint8Array(8), 3 * PAGE);
    if (where !== 'alone') {
      const flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS;
      process.mmap(AREA + 64 * PAGE, PAGE, PROT_WRITE, flags, -1, 0);
      process.touch(AREA + 64 * PAGE, 'write');
    }
    process.mmap(AREA, 2 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 3 * PAGE);
    expect(process.touch(AREA + PAGE, 'read')).toBe('BUS_ADRERR');
    expect(process.pageStats()[0]?.rss).toBe(pages * PAGE);
  });

  it('maps around a page that was written before, and leaves its copy', () => {
    const at = mapAt(0, openFile(PAGES));
    process.touch(at + 3 * PAGE, 'write');
    expect(process.rss()).toMatchObject({ anon: 1, file: 0 });
    process.touch(at + 2 * PAGE, 'read');
    expect(process.rss()).toMatchObject({ anon: 1, file: 15 });
    expect(process.pageStats()).toMatchObject([
      { rss: 16 * PAGE, anonymous: PAGE, unused: 14 * PAGE },
    ]);
  });
});

describe('a fault of a file of which nothing is cached', () => {
  /** What mincore() sees, in runs: "8. 32X 24." */
  function cached(at: number): string {
    const vec = new Uint8Array(PAGES);
    expect(process.mincore(at, PAGES * PAGE, vec)).toBe(0);
    const runs = vec.join('').match(/0+|1+/gu) ?? [];
    return runs.map((run) => `${run.length}${run.startsWith('1') ? 'X' : '.'}`).join(' ');
  }

  // 128 kB are 32 pages. Each was seen on Linux 6.18, with that much of read-ahead.
  it.each([
    ['around the page', MADV_NORMAL, 40, '24. 32X 8.'],
    ['from the beginning of the file', MADV_NORMAL, 3, '32X 32.'],
    ['as far as the file goes', MADV_NORMAL, 60, '44. 20X'],
    ['from the page on, of what is read in order', MADV_SEQUENTIAL, 20, '20. 32X 12.'],
    ['only the page, of what is read at random', MADV_RANDOM, 20, '20. 1X 43.'],
  ])('reads %s', (_, advice, touched, wanted) => {
    const at = mapAt(0, openFile(PAGES, 0));
    process.madvise(at, PAGES * PAGE, advice);
    process.touch(at + touched * PAGE, 'read');
    expect(cached(at)).toBe(wanted);
  });

  it('maps what it read of its window, and finds it there as a store, too', () => {
    const at = mapAt(0, openFile(PAGES, 0));
    process.touch(at + 40 * PAGE, 'write');
    expect(process.rss()).toMatchObject({ anon: 1, file: 0 });
    expect(cached(at)).toBe('24. 32X 8.');
    process.touch(at + 41 * PAGE, 'read');
    expect(process.rss()).toMatchObject({ anon: 1, file: 15 });
  });

  it('is not needed behind MADV_WILLNEED, which reads up to 4 MiB', () => {
    const at = mapAt(0, openFile(PAGES, 0));
    expect(process.madvise(at, PAGES * PAGE, MADV_WILLNEED)).toBe(0);
    expect(cached(at)).toBe('64X');
  });
});

describe('a fault of what the kernel maps itself', () => {
  it('finds text, and nothing to count of data', () => {
    const text = { start: AREA, end: AREA + 2 * PAGE, flags: withFlags(VM_READ, VM_EXEC) };
    const data = { start: 0x50000000, end: 0x50001000, flags: withFlags(VM_READ, VM_PFNMAP) };
    const vmas = [
      { ...text, pgoff: 0, special: '[vdso]' },
      { ...data, pgoff: 0, special: '[vvar]' },
    ];
    expect(process.exec({ vmas, layout: {} })).toBe(0);
    expect(process.touch(AREA + PAGE, 'exec')).toBe('done');
    process.touch(0x50000000, 'read');
    expect(process.pageStats()).toMatchObject([{ rss: PAGE, anonymous: 0 }, { rss: 0 }]);
    const child = process.fork();
    if (typeof child === 'number') throw new Error('no child');
    expect(child.rss().file).toBe(0);
    child.exit();
  });
});
