import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  I_CACHED,
  isErr,
  Machine,
  MAP_FIXED,
  MAP_PRIVATE,
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

  it('maps one page of a file of which nothing is cached', () => {
    const at = mapAt(0, openFile(PAGES, 0));
    process.touch(at + 3 * PAGE, 'read');
    expect(picture(16)).toBe('...X............');
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
