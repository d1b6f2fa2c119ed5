/** Private memory: zero page, copy-on-write, fork, and what a program may do to it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  FAULT_BUS_ADRERR,
  FAULT_OOM,
  FAULT_SEGV_ACCERR,
  FAULT_SEGV_MAPERR,
  Machine,
  MADV_DONTNEED,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_WIPEONFORK,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_POPULATE,
  MAP_PRIVATE,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  type Process,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const RW = PROT_READ | PROT_WRITE;
const AT = 0x10_0000_0000;
const page = (n: number): number => AT + n * PAGE_SIZE;

let machine: Machine;
let process: Process;
const living = new Set<Process>();

beforeEach(() => {
  machine = Machine.create({ ramBytes: 16 * 2 ** 20 });
  process = keep(machine.spawn());
});

/** Everything that was mapped is whole, and nothing is left when all is over. */
afterEach(() => {
  for (const each of living) {
    each.verify();
    each.exit();
  }
  living.clear();
  machine.tearDown();
});

function keep(each: Process | number): Process {
  if (typeof each === 'number') throw new Error(`no process: ${each}`);
  living.add(each);
  return each;
}

function map(pages: number, { prot = RW, flags = 0, at = AT } = {}): number {
  return process.mmap(
    at,
    pages * PAGE_SIZE,
    prot,
    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | flags,
    -1,
    0,
  );
}

describe('memory that was never written', () => {
  it('reads as zeroes, and no page is counted for it', () => {
    map(4);
    for (let n = 0; n < 4; n++) expect(process.load(page(n) + 8)).toBe(0);
    expect(process.rss()).toMatchObject({ anon: 0, file: 0, shmem: 0 });
    expect(process.vmas()[0]?.anonVma).toBe(0);
    expect(process.faults()).toEqual({ minor: 4, major: 0 });
  });

  it('takes two faults to read and then to write, and one to write at once', () => {
    map(2);
    process.load(page(0));
    process.store(page(0), 1);
    expect(process.faults().minor).toBe(2);
    process.store(page(1), 1);
    expect(process.faults().minor).toBe(3);
    expect(process.rss().anon).toBe(2);
  });

  it('faults once for many accesses', () => {
    map(1);
    for (let i = 0; i < 1024; i++) process.store(page(0) + i * 4, i);
    for (let i = 0; i < 1024; i++) expect(process.load(page(0) + i * 4)).toBe(i);
    expect(process.faults().minor).toBe(1);
  });

  it('is the zero page for all, which a store does not change for others', () => {
    map(2);
    process.load(page(0));
    process.load(page(1));
    process.store(page(0), 0xdead);
    expect(process.load(page(0))).toBe(0xdead);
    expect(process.load(page(1))).toBe(0);
  });
});

describe('loads and stores', () => {
  it('of every width, wherever they begin, little endian', () => {
    map(2);
    process.store64(page(0), 0x8877665544332211n);
    expect(process.load(page(0), 1)).toBe(0x11);
    expect(process.load(page(0) + 1, 2)).toBe(0x3322);
    expect(process.load(page(0) + 1)).toBe(0x55443322);
    expect(process.load64(page(0) + 1)).toBe(0x0088776655443322n);
    process.store(page(0) + 3, 0xffff_ffff);
    expect(process.load64(page(0))).toBe(0x88ffffffff332211n);
  });

  it('across two pages', () => {
    map(2);
    expect(process.store(page(1) - 2, 0x11223344)).toBe(0);
    expect(process.load(page(1) - 2, 2)).toBe(0x3344);
    expect(process.load(page(1), 2)).toBe(0x1122);
    expect(process.load(page(1) - 2)).toBe(0x11223344);
    expect(process.store64(page(1) - 4, 0x1122334455667788n)).toBe(0);
    expect(process.load64(page(1) - 4)).toBe(0x1122334455667788n);
  });

  it('across the end of a mapping change nothing', () => {
    map(1);
    process.store(page(1) - 4, 7);
    expect(process.store(page(1) - 2, 0x11223344)).toBe(FAULT_SEGV_MAPERR);
    expect(process.load(page(1) - 2)).toBe(FAULT_SEGV_MAPERR);
    expect(process.load(page(1) - 4)).toBe(7);
  });

  it('of bytes stop where the memory does, and say how far they came', () => {
    map(2);
    const bytes = new Uint8Array(3 * PAGE_SIZE).fill(9);
    expect(process.write(page(0) + 100, bytes)).toBe(2 * PAGE_SIZE - 100);
    const back = new Uint8Array(3 * PAGE_SIZE);
    expect(process.read(page(0), back)).toBe(2 * PAGE_SIZE);
    expect(back[99]).toBe(0);
    expect(back[100]).toBe(9);
    expect(process.read(page(2), back)).toBe(FAULT_SEGV_MAPERR);
  });

  it('of words that are no addresses fault', () => {
    for (const addr of [-1, 2 ** 47, 2 ** 60, 0.5, Number.NaN]) {
      expect(process.load(addr), String(addr)).toBe(FAULT_SEGV_MAPERR);
      expect(process.store(addr, 1), String(addr)).toBe(FAULT_SEGV_MAPERR);
    }
  });
});

describe('protections, as x86 has them', () => {
  it.each([
    ['none', PROT_NONE, { read: false, write: false, exec: false }],
    ['read', PROT_READ, { read: true, write: false, exec: false }],
    ['write, which can be read too', PROT_WRITE, { read: true, write: true, exec: false }],
    ['exec, which can be read too', PROT_EXEC, { read: true, write: false, exec: true }],
    ['read and exec', PROT_READ | PROT_EXEC, { read: true, write: false, exec: true }],
  ])('%s', (_name, prot, allowed) => {
    map(1, { prot });
    for (const [access, isAllowed] of Object.entries(allowed)) {
      const touch = process.touch(AT, access as 'read' | 'write' | 'exec');
      expect(touch, access).toBe(isAllowed ? 'done' : 'SEGV_ACCERR');
    }
  });

  it('take effect at once, and what is there survives them', () => {
    map(1);
    process.store(AT, 42);
    process.mprotect(AT, PAGE_SIZE, PROT_READ);
    expect(process.store(AT, 43)).toBe(FAULT_SEGV_ACCERR);
    expect(process.load(AT)).toBe(42);
    process.mprotect(AT, PAGE_SIZE, PROT_NONE);
    expect(process.load(AT)).toBe(FAULT_SEGV_ACCERR);
    process.mprotect(AT, PAGE_SIZE, RW);
    const before = process.faults().minor;
    expect(process.load(AT)).toBe(42);
    expect(process.store(AT, 43)).toBe(0);
    expect(process.faults().minor, 'no copy and no fault: the page is its own').toBe(before);
  });
});

describe('what ends pages', () => {
  it('munmap: they are gone, and tables with them', () => {
    map(1024);
    for (let n = 0; n < 1024; n += 8) process.store(page(n), n);
    expect(process.rss()).toMatchObject({ anon: 128, tables: 4 });
    process.munmap(AT, 1024 * PAGE_SIZE);
    expect(process.rss()).toMatchObject({ anon: 0, tables: 0, hiwater: 128 });
    expect(process.load(AT)).toBe(FAULT_SEGV_MAPERR);
  });

  it('munmap of a part: a table that a neighbour needs stays', () => {
    map(16);
    for (let n = 0; n < 16; n++) process.store(page(n), n + 1);
    process.munmap(page(4), 8 * PAGE_SIZE);
    expect(process.load(page(3))).toBe(4);
    expect(process.load(page(4))).toBe(FAULT_SEGV_MAPERR);
    expect(process.load(page(12))).toBe(13);
    expect(process.rss().anon).toBe(8);
  });

  it('MAP_FIXED: the new mapping begins with zeroes', () => {
    map(4);
    process.store(page(1), 5);
    map(4);
    expect(process.load(page(1))).toBe(0);
  });

  it('MADV_DONTNEED: they read as zeroes again', () => {
    map(4);
    for (let n = 0; n < 4; n++) process.store(page(n), 7);
    expect(process.madvise(page(1), 2 * PAGE_SIZE, MADV_DONTNEED)).toBe(0);
    expect([0, 1, 2, 3].map((n) => process.load(page(n)))).toEqual([7, 0, 0, 7]);
  });
});

describe('guards', () => {
  it('destroy what is there, survive DONTNEED and mprotect, and end with REMOVE as zeroes', () => {
    map(4);
    for (let n = 0; n < 4; n++) process.store(page(n), 7);
    expect(process.madvise(page(1), PAGE_SIZE, MADV_GUARD_INSTALL)).toBe(0);
    expect(process.load(page(1))).toBe(FAULT_SEGV_MAPERR);
    process.madvise(AT, 4 * PAGE_SIZE, MADV_DONTNEED);
    process.mprotect(AT, 4 * PAGE_SIZE, PROT_READ);
    process.mprotect(AT, 4 * PAGE_SIZE, RW);
    expect(process.store(page(1), 1)).toBe(FAULT_SEGV_MAPERR);
    process.madvise(AT, 4 * PAGE_SIZE, MADV_GUARD_REMOVE);
    expect(process.load(page(1))).toBe(0);
    expect(process.vmas()).toHaveLength(1);
  });

  it('are in the way of populating', () => {
    map(4);
    process.madvise(page(2), PAGE_SIZE, MADV_GUARD_INSTALL);
    expect(process.madvise(AT, 4 * PAGE_SIZE, MADV_POPULATE_WRITE)).toBe(-14);
    expect(process.rss().anon).toBe(2);
  });
});

describe('populating', () => {
  it('MAP_POPULATE makes private memory writable without a fault of the program', () => {
    map(8, { flags: MAP_POPULATE });
    expect(process.rss().anon).toBe(8);
    for (let n = 0; n < 8; n++) process.store(page(n), n);
    expect(process.faults()).toEqual({ minor: 0, major: 0 });
  });

  it('MADV_POPULATE_READ maps the zero page, MADV_POPULATE_WRITE pages', () => {
    map(4);
    process.madvise(AT, 4 * PAGE_SIZE, MADV_POPULATE_READ);
    expect(process.rss().anon).toBe(0);
    process.madvise(AT, 4 * PAGE_SIZE, MADV_POPULATE_WRITE);
    expect(process.rss().anon).toBe(4);
  });
});

describe('fork', () => {
  it('shares pages until one of both writes', () => {
    map(2);
    process.store(page(0), 1);
    process.store(page(1), 2);
    const child = keep(process.fork());
    expect(child.rss().anon).toBe(2);
    child.store(page(0), 10);
    process.store(page(1), 20);
    expect([child.load(page(0)), child.load(page(1))]).toEqual([10, 2]);
    expect([process.load(page(0)), process.load(page(1))]).toEqual([1, 20]);
  });

  it('the last one that has a page writes to it without a copy', () => {
    map(1);
    process.store(AT, 1);
    const child = keep(process.fork());
    child.exit();
    living.delete(child);
    const pages = pagesAllocated();
    process.store(AT, 2);
    expect(pagesAllocated()).toBe(pages);
  });

  it('does not copy what was only read', () => {
    map(4);
    process.load(page(0));
    const child = keep(process.fork());
    expect(child.rss().tables).toBe(0);
    expect(child.load(page(0))).toBe(0);
  });

  it('wipes what asks for it, and copies guards', () => {
    map(4);
    for (let n = 0; n < 4; n++) process.store(page(n), 7);
    process.madvise(page(2), PAGE_SIZE, MADV_GUARD_INSTALL);
    process.madvise(page(0), PAGE_SIZE, MADV_WIPEONFORK);
    const child = keep(process.fork());
    expect([0, 1, 2].map((n) => child.load(page(n)))).toEqual([0, 7, FAULT_SEGV_MAPERR]);
  });

  it('of a fork: three generations each have their own after writing', () => {
    map(1);
    process.store(AT, 1);
    const child = keep(process.fork());
    const grandchild = keep(child.fork());
    process.store(AT, 2);
    grandchild.store(AT, 3);
    expect([process.load(AT), child.load(AT), grandchild.load(AT)]).toEqual([2, 1, 3]);
    child.store(AT, 4);
    expect([process.load(AT), child.load(AT), grandchild.load(AT)]).toEqual([2, 4, 3]);
  });
});

const pagesAllocated = (): number =>
  machine.report().caches.find(({ name }) => name === 'page')?.allocs ?? Number.NaN;

describe('mremap', () => {
  it('takes the pages along, guards included', () => {
    map(600);
    for (let n = 0; n < 600; n += 50) process.store(page(n), n + 1);
    process.madvise(page(51), PAGE_SIZE, MADV_GUARD_INSTALL);
    const to = page(5000);
    const size = 600 * PAGE_SIZE;
    expect(process.mremap(AT, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to)).toBe(to);
    for (let n = 0; n < 600; n += 50) expect(process.load(to + n * PAGE_SIZE)).toBe(n + 1);
    expect(process.load(to + 51 * PAGE_SIZE)).toBe(FAULT_SEGV_MAPERR);
    expect(process.load(AT)).toBe(FAULT_SEGV_MAPERR);
    expect(process.rss().anon).toBe(12);
  });

  it('MREMAP_DONTUNMAP leaves a source that reads as zeroes', () => {
    map(2);
    process.store(page(0), 5);
    const flags = MREMAP_MAYMOVE | MREMAP_DONTUNMAP;
    const to = process.mremap(AT, 2 * PAGE_SIZE, 2 * PAGE_SIZE, flags, 0);
    expect(process.load(to)).toBe(5);
    expect(process.load(AT)).toBe(0);
  });
});

describe('a stack', () => {
  it('grows to where it is touched', () => {
    map(1, { flags: MAP_GROWSDOWN, at: page(1000) });
    expect(process.store(page(990), 3)).toBe(0);
    expect(process.load(page(990))).toBe(3);
    expect(process.vmas()[0]?.start).toBe(page(990));
  });
});

describe('physical memory that runs out', () => {
  it('is an OOM of the access; nothing is lost, and what is freed can be had again', () => {
    const pages = 8192;
    map(pages);
    let got = 0;
    while (got < pages && process.store(page(got), got) === 0) got++;
    expect(got).toBeGreaterThan(2000);
    expect(process.store(page(got), 1)).toBe(FAULT_OOM);
    expect(process.load(page(got - 1))).toBe(got - 1);
    process.madvise(AT, 100 * PAGE_SIZE, MADV_DONTNEED);
    expect(process.store(page(got), 1)).toBe(0);
  });

  it('fails a fork, a copy and a populate with ENOMEM or OOM, and the ledger is zero', () => {
    map(4096);
    for (let n = 0; n < 4096; n++) if (process.store(page(n), n) !== 0) break;
    const child = process.fork();
    if (typeof child !== 'number') {
      expect(keep(child).store(AT, 1)).toBe(FAULT_OOM);
    }
    expect(process.madvise(page(4000), 96 * PAGE_SIZE, MADV_POPULATE_WRITE)).toBe(-12);
  });

  it('of a machine without any pages is told by every store', () => {
    const bare = Machine.create({ ramBytes: 0 });
    const alone = bare.spawn();
    alone.mmap(AT, PAGE_SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    expect(alone.store(AT, 1)).toBe(FAULT_OOM);
    alone.exit();
    bare.tearDown();
  });
});

it('a page behind the end of a file is a SIGBUS, private or shared', () => {
  const fd = machine.open({ kind: 'shmem', path: '/memfd:x', size: PAGE_SIZE, writable: true });
  process.mmap(AT, 2 * PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0);
  expect(process.store(page(0), 1)).toBe(0);
  expect(process.load(page(1))).toBe(FAULT_BUS_ADRERR);
  expect(process.store(page(1), 1)).toBe(FAULT_BUS_ADRERR);
});
