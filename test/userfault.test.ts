/**
 * Faults that a userfaultfd is asked about: what it is told, how it answers, and who waits. Loads
 * and stores against the kernel are in live/userfaultfd.test.ts; there nobody can answer.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  EAGAIN,
  EBADF,
  EEXIST,
  ENOENT,
  ENOMEM,
  ENOTTY,
  ESRCH,
  FAULT_BUS_ADRERR,
  Machine,
  MADV_DONTNEED,
  MADV_GUARD_INSTALL,
  MADV_POPULATE_WRITE,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  O_NONBLOCK,
  type Process,
  PROT_READ,
  PROT_WRITE,
  UFFD_FEATURE_EVENT_REMOVE,
  UFFD_FEATURE_EXACT_ADDRESS,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_THREAD_ID,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_UNPOPULATED,
  UFFD_PAGEFAULT_FLAG_MINOR,
  UFFD_PAGEFAULT_FLAG_WP,
  UFFD_PAGEFAULT_FLAG_WRITE,
  UFFD_USER_MODE_ONLY,
  UFFDIO_COPY_MODE_DONTWAKE,
  UFFDIO_COPY_MODE_WP,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
  UFFDIO_WRITEPROTECT_MODE_WP,
  type Userfault,
} from '../src/index.ts';

const P = 4096;
const BASE = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const SHARED = MAP_SHARED | MAP_ANONYMOUS;
const MISSING = UFFDIO_REGISTER_MODE_MISSING;
const WP = UFFDIO_REGISTER_MODE_WP;
const KINDS = [
  ['private memory', ANON],
  ['shared memory', SHARED],
] as const;

let machine: Machine;
let process: Process;
/** A page of 7s, outside of all that is watched. */
let source: number;

const page = (number: number): number => BASE + number * P;

beforeEach(() => {
  machine = Machine.create({ bytes: 16 * 2 ** 20 });
  process = machine.spawn();
  source = process.mmap(0, P, RW, ANON, -1, 0);
  process.write(source, new Uint8Array(P).fill(7));
});

afterEach(() => {
  process.verify();
  process.exit();
  machine.tearDown(); // throws when anything is left
});

function watch(kind: number, { features = 0, mode = MISSING, flags = O_NONBLOCK } = {}): number {
  process.mmap(page(0), 8 * P, RW, kind | MAP_FIXED, -1, 0);
  const fd = process.userfaultfd(flags);
  expect(process.uffdApi(fd, features)).toBe(0);
  expect(process.uffdRegister(fd, page(0), 8 * P, mode)).toBe(0);
  return fd;
}

/** Answers every fault with a copy of the source, or by ending the protection; keeps them. */
function answerAll(fd: number): Userfault[] {
  const faults: Userfault[] = [];
  process.onUserfault(fd, (fault) => {
    faults.push(fault);
    const at = fault.address - (fault.address % P);
    if ((fault.flags & UFFD_PAGEFAULT_FLAG_WP) !== 0) process.uffdWriteprotect(fd, at, P, 0);
    else process.uffdCopy(fd, at, source, P);
  });
  return faults;
}

describe('a handler of the worker that faults', () => {
  it.each(KINDS)('gives %s its bytes, once a page', (_name, kind) => {
    const fd = watch(kind);
    const faults = answerAll(fd);
    expect(process.load(page(1) + 5, 1)).toBe(7);
    expect(process.load(page(1) + 6, 1)).toBe(7);
    expect(process.store(page(2) + 8, 0x0101, 2)).toBe(0);
    expect(process.load(page(2) + 8, 4)).toBe(0x0707_0101);
    expect(faults).toEqual([
      { address: page(1), flags: 0, ptid: 0 },
      { address: page(2), flags: UFFD_PAGEFAULT_FLAG_WRITE, ptid: 0 },
    ]);
  });

  it.each(KINDS)('hears of the first store to protected %s', (_name, kind) => {
    const fd = watch(kind, { mode: WP });
    const faults = answerAll(fd);
    process.store(page(0), 1);
    process.load(page(1));
    expect(process.uffdWriteprotect(fd, page(0), 4 * P, UFFDIO_WRITEPROTECT_MODE_WP)).toBe(0);
    expect([process.load(page(0)), faults.length]).toEqual([1, 0]);
    expect([process.store(page(0), 2), process.store(page(0), 3)]).toEqual([0, 0]);
    expect(process.load(page(0))).toBe(3);
    const flags = UFFD_PAGEFAULT_FLAG_WP | UFFD_PAGEFAULT_FLAG_WRITE;
    expect(faults).toEqual([{ address: page(0), flags, ptid: 0 }]);
    process.store(page(5), 1);
    expect(faults).toHaveLength(1);
  });

  it('hears of absent pages of files too, and not of those of private memory', () => {
    for (const [kind, count] of [
      [ANON, 0],
      [SHARED, 1],
    ] as const) {
      const fd = watch(kind, { mode: WP });
      const faults = answerAll(fd);
      process.uffdWriteprotect(fd, page(3), P, UFFDIO_WRITEPROTECT_MODE_WP);
      process.store(page(3), 1);
      expect(faults).toHaveLength(count);
      machine.close(fd);
    }
  });

  it('is asked about what is in the file but not here', () => {
    const file = machine.open({
      kind: 'shmem',
      path: '/memfd:m (deleted)',
      size: 8 * P,
      writable: true,
    });
    machine.pwrite(file, new Uint8Array(P).fill(9), 0);
    process.mmap(page(0), 8 * P, RW, MAP_SHARED | MAP_FIXED, file, 0);
    const fd = process.userfaultfd(O_NONBLOCK);
    process.uffdApi(fd, 0);
    process.uffdRegister(fd, page(0), 8 * P, UFFDIO_REGISTER_MODE_MINOR);
    const faults: Userfault[] = [];
    process.onUserfault(fd, (fault) => {
      faults.push(fault);
      process.uffdUnregister(fd, page(0), P);
    });
    expect([process.load(page(0), 1), process.load(page(1), 1)]).toEqual([9, 0]);
    expect(faults).toEqual([{ address: page(0), flags: UFFD_PAGEFAULT_FLAG_MINOR, ptid: 0 }]);
  });

  it('is told the byte and the task when it asked for them', () => {
    const fd = watch(ANON, { features: UFFD_FEATURE_EXACT_ADDRESS | UFFD_FEATURE_THREAD_ID });
    const faults = answerAll(fd);
    process.load(page(1) + 77, 1);
    expect(faults).toEqual([{ address: page(1) + 77, flags: 0, ptid: process.id }]);
  });

  it('may run other processes meanwhile', () => {
    const fd = watch(ANON);
    const other = machine.spawn();
    process.onUserfault(fd, (fault) => {
      other.mmap(0, P, RW, ANON, -1, 0);
      process.uffdZeropage(fd, fault.address, P);
    });
    expect(process.load(page(0))).toBe(0);
    expect([process.mapCount(), other.mapCount()]).toEqual([2, 1]);
    other.exit();
  });

  it('that faults in what it watches gets a signal: nobody would answer', () => {
    const fd = watch(ANON);
    let met = 0;
    process.onUserfault(fd, (fault) => {
      met = process.load(page(7));
      process.uffdZeropage(fd, fault.address, P);
    });
    expect([process.load(page(0)), met]).toEqual([0, FAULT_BUS_ADRERR]);
  });

  it('of a descriptor that was closed is not called for its successor', () => {
    const fd = watch(ANON);
    const faults = answerAll(fd);
    machine.close(fd);
    const again = watch(ANON);
    const later = answerAll(again);
    process.load(page(0));
    expect([faults.length, later.length]).toEqual([0, 1]);
  });

  it('is set for userfaultfds', () => {
    const file = machine.open({ kind: 'shmem', path: '/memfd:x (deleted)', size: P });
    expect(process.onUserfault(99, null)).toBe(EBADF);
    expect(process.onUserfault(file, null)).toBe(ENOTTY);
  });

  it.each([
    ['mlock', () => process.mlock(page(0), 8 * P)],
    ['madvise', () => process.madvise(page(0), 8 * P, MADV_POPULATE_WRITE)],
  ])('answers %s as well, page by page', (_name, populate) => {
    const faults = answerAll(watch(ANON));
    expect(populate()).toBe(0);
    expect(faults.map(({ address }) => address)).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map(page));
    expect(process.load(page(7), 1)).toBe(7);
  });

  it('hears nothing of the kernel when it asked for faults in user mode only', () => {
    const faults = answerAll(watch(ANON, { flags: UFFD_USER_MODE_ONLY }));
    expect(process.mlock(page(0), P)).toBe(ENOMEM);
    expect(process.load(page(0), 1)).toBe(7);
    expect(faults).toHaveLength(1);
  });
});

describe('without anybody to answer', () => {
  it('UFFD_FEATURE_SIGBUS is the signal at once', () => {
    watch(ANON, { features: UFFD_FEATURE_SIGBUS });
    expect(process.load(page(0))).toBe(FAULT_BUS_ADRERR);
    expect(process.store(page(0), 1)).toBe(FAULT_BUS_ADRERR);
    expect(process.mlock(page(0), P)).toBe(ENOMEM);
  });

  it('UFFD_FEATURE_WP_ASYNC lets stores through', () => {
    const fd = watch(ANON, { features: UFFD_FEATURE_WP_ASYNC, mode: WP });
    process.uffdWriteprotect(fd, page(0), 8 * P, UFFDIO_WRITEPROTECT_MODE_WP);
    expect(process.store(page(0), 5)).toBe(0);
    expect(process.uffdRead(fd)).toBe(EAGAIN);
  });
});

describe('filling', () => {
  it.each(KINDS)('stops at the first page of %s that is there', (_name, kind) => {
    const fd = watch(kind, { features: UFFD_FEATURE_SIGBUS });
    process.mmap(page(20), 4 * P, RW, ANON | MAP_FIXED | MAP_POPULATE, -1, 0);
    expect(process.uffdZeropage(fd, page(2), P)).toBe(P);
    expect(process.uffdCopy(fd, page(0), page(20), 4 * P)).toBe(2 * P);
    expect(process.uffdCopy(fd, page(0), page(20), 4 * P)).toBe(EEXIST);
    expect(process.rss().anon + process.rss().shmem).toBe(3 + 5 - (kind === ANON ? 1 : 0));
  });

  it('needs one watched VMA for all of it', () => {
    const fd = watch(ANON);
    expect(process.uffdCopy(fd, page(7), source, 2 * P)).toBe(ENOENT);
    expect(process.uffdZeropage(fd, page(50), P)).toBe(ENOENT);
    expect(process.uffdWriteprotect(fd, page(0), P, 0)).toBe(ENOENT);
  });

  it('protects at once what it copies, if asked', () => {
    const fd = watch(ANON, { mode: MISSING | WP });
    const faults = answerAll(fd);
    expect(process.uffdCopy(fd, page(0), source, P, UFFDIO_COPY_MODE_WP)).toBe(P);
    expect([process.load(page(0), 1), faults.length]).toEqual([7, 0]);
    process.store(page(0), 1);
    expect(faults).toHaveLength(1);
  });

  it('waits for events to be read', () => {
    const fd = watch(ANON, { features: UFFD_FEATURE_EVENT_REMOVE });
    process.madvise(page(0), P, MADV_DONTNEED);
    expect(process.uffdCopy(fd, page(0), source, P)).toBe(EAGAIN);
    expect(process.uffdZeropage(fd, page(0), P)).toBe(EAGAIN);
    expect(process.uffdWriteprotect(fd, page(0), P, 0)).toBe(EAGAIN);
    process.uffdRead(fd);
    expect(process.uffdCopy(fd, page(0), source, P)).toBe(P);
  });

  it('ends with the address space', () => {
    const fd = watch(ANON);
    const other = machine.spawn();
    const bytes = other.mmap(0, P, RW, ANON, -1, 0);
    process.exec({ vmas: [], layout: {} });
    expect(other.uffdCopy(fd, page(0), bytes, P)).toBe(ESRCH);
    expect(other.uffdZeropage(fd, page(0), P)).toBe(ESRCH);
    expect(other.uffdWriteprotect(fd, page(0), P, 0)).toBe(ESRCH);
    expect(other.uffdWake(fd, page(0), P)).toBe(0);
    other.exit();
  });

  it('copies out of the process that calls', () => {
    const fd = watch(ANON);
    const other = machine.spawn();
    const bytes = other.mmap(0, P, RW, ANON, -1, 0);
    other.write(bytes, new Uint8Array(P).fill(3));
    expect(other.uffdCopy(fd, page(0), bytes, P, UFFDIO_COPY_MODE_DONTWAKE)).toBe(P);
    expect(process.load(page(0), 1)).toBe(3);
    other.exit();
  });

  it('without memory leaves nothing behind, and says so', () => {
    const fd = watch(SHARED);
    for (const cache of ['page', 'xa_node', 'page_table']) {
      machine.failAllocations(cache, 0, -1);
      const result = process.uffdCopy(fd, page(0), source, P);
      machine.failAllocations(cache, 0, 0);
      if (result === P) process.madvise(page(0), P, 9);
      else expect(result).toBe(ENOMEM);
    }
    process.verify();
  });
});

describe('protection', () => {
  const SIGBUS = { features: UFFD_FEATURE_SIGBUS, mode: WP };
  const protect = (fd: number, first: number, count: number): void =>
    expect(process.uffdWriteprotect(fd, page(first), count * P, UFFDIO_WRITEPROTECT_MODE_WP)).toBe(
      0,
    );
  const stores = (...pages: readonly number[]): number[] =>
    pages.map((number) => process.store(page(number), 1));

  it.each([
    ['private memory forgets it', ANON, 0],
    ['a file remembers it', SHARED, FAULT_BUS_ADRERR],
  ])('of pages that MADV_DONTNEED takes away: %s', (_name, kind, result) => {
    const fd = watch(kind, SIGBUS);
    stores(0, 1);
    protect(fd, 0, 2);
    process.madvise(page(0), 2 * P, MADV_DONTNEED);
    expect(stores(0)).toEqual([result]);
    expect(process.load(page(1))).toBe(kind === ANON ? 0 : 1);
    expect(stores(1)).toEqual([result]);
  });

  it.each(KINDS)('of %s ends with the registration, for good', (_name, kind) => {
    const fd = watch(kind, SIGBUS);
    stores(0);
    protect(fd, 0, 3);
    process.uffdUnregister(fd, page(0), 2 * P);
    process.uffdRegister(fd, page(0), 2 * P, WP);
    expect(stores(0, 1)).toEqual([0, 0]);
  });

  it.each(KINDS)('of %s does not move to where nobody watches', (_name, kind) => {
    const fd = watch(kind, SIGBUS);
    stores(0);
    protect(fd, 0, 2);
    process.mremap(page(0), 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, page(40));
    process.uffdRegister(fd, page(40), 2 * P, WP);
    expect(stores(40, 41)).toEqual([0, 0]);
  });

  it.each(KINDS)('of %s is not inherited', (_name, kind) => {
    const fd = watch(kind, SIGBUS);
    stores(0);
    protect(fd, 0, 2);
    const child = process.fork() as Process;
    expect([child.store(page(0), 2), child.store(page(1), 2)]).toEqual([0, 0]);
    expect(stores(0)).toEqual([FAULT_BUS_ADRERR]);
    child.verify();
    child.exit();
  });

  it.each(KINDS)('of %s outlives a change of access', (_name, kind) => {
    const fd = watch(kind, SIGBUS);
    stores(0);
    protect(fd, 0, 1);
    process.mprotect(page(0), P, PROT_READ);
    process.mprotect(page(0), P, RW);
    expect([process.load(page(0)), ...stores(0)]).toEqual([1, FAULT_BUS_ADRERR]);
  });

  it.each([
    ['private', ANON, EEXIST],
    ['shared', SHARED, P],
  ])(
    'gives way to a copy, as a guard does, and of %s memory to zeroes or not',
    (_n, kind, zero) => {
      const features = UFFD_FEATURE_SIGBUS | UFFD_FEATURE_WP_UNPOPULATED;
      const fd = watch(kind, { features, mode: MISSING | WP });
      protect(fd, 0, 2);
      process.madvise(page(2), 2 * P, MADV_GUARD_INSTALL);
      expect([0, 2].map((at) => process.uffdCopy(fd, page(at), source, P))).toEqual([P, P]);
      expect([1, 3].map((at) => process.uffdZeropage(fd, page(at), P))).toEqual([zero, zero]);
      expect([process.load(page(0), 1), process.load(page(2), 1)]).toEqual([7, 7]);
      expect(stores(0, 2)).toEqual([0, 0]);
    },
  );
});
