/** Files of a host: what is read and written when, and what happens when the host fails. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  EACCES,
  EFBIG,
  EIO,
  ENOSPC,
  FAULT_BUS_ADRERR,
  Machine,
  MAP_PRIVATE,
  MAP_SHARED,
  MS_SYNC,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';
import { machineWithHost, MemoryHost } from './memory_host.ts';

const P = 4096;
const RW = PROT_READ | PROT_WRITE;

let machine: Machine;
let host: MemoryHost;
let process: Process;
beforeEach(() => {
  ({ machine, host } = machineWithHost());
  process = machine.spawn();
});
afterEach(() => {
  process.verify();
  process.exit();
  machine.tearDown();
});

const filled = (size: number): Uint8Array => new Uint8Array(size).fill(120);

function open(hostFd: number, access: { ino?: number; writable?: boolean } = {}): number {
  const { ino = 1 + hostFd, writable = true } = access;
  return machine.open({ kind: 'regular', path: '/f', hostFd, ino, writable });
}

/** A file of so many bytes, and its shared mapping. */
function mapped(size: number): { fd: number; at: number } {
  const fd = open(host.add(filled(size)));
  return { fd, at: process.mmap(0, size, RW, MAP_SHARED, fd, 0) };
}

describe('a mapped file of a host', () => {
  it('is read when it is touched, once, with a major fault', () => {
    const { at } = mapped(2 * P);
    expect(host.calls['read']).toBeUndefined();
    expect(process.load(at + 5, 1)).toBe(120);
    expect(process.load(at + 6, 1)).toBe(120);
    expect([host.calls['read'], process.faults().major]).toEqual([1, 1]);
  });

  it('that a call has read makes no fault major', () => {
    const { fd, at } = mapped(2 * P);
    machine.pread(fd, new Uint8Array(1), 0);
    process.load(at, 1);
    expect([host.calls['read'], process.faults()]).toEqual([1, { minor: 1, major: 0 }]);
  });

  it('is written by msync(), the pages that are dirty and no others', () => {
    const { at } = mapped(8 * P);
    for (let page = 0; page < 8; page++) process.load(at + page * P, 1);
    process.store(at + 2 * P, 1, 1);
    process.store(at + 5 * P, 2, 1);
    expect([host.file(0)[2 * P], host.calls['write']]).toEqual([120, undefined]);
    expect(process.msync(at, 4 * P, MS_SYNC)).toBe(0);
    expect([host.file(0)[2 * P], host.file(0)[5 * P]]).toEqual([1, 120]);
    expect([host.calls['write'], host.calls['sync']]).toEqual([1, 1]);
    expect(process.msync(at, 8 * P, MS_SYNC)).toBe(0);
    expect([host.file(0)[5 * P], host.calls['write']]).toEqual([2, 2]);
  });

  it('is dirty again after a store that follows msync()', () => {
    const { at } = mapped(P);
    for (const value of [1, 2, 3]) {
      process.store(at, value, 1);
      process.msync(at, P, MS_SYNC);
      expect([host.file(0)[0], host.calls['write']]).toEqual([value, value]);
    }
    process.msync(at, P, MS_SYNC);
    expect(host.calls['write']).toBe(3);
  });

  it('is dirty again through every mapping that was cleaned', () => {
    const { fd, at } = mapped(P);
    const other = process.mmap(0, P, RW, MAP_SHARED, fd, 0);
    process.store(at, 1, 1);
    process.store(other + 1, 2, 1);
    process.msync(at, P, MS_SYNC);
    process.store(other + 1, 3, 1);
    machine.fsync(fd);
    expect([...host.file(0).subarray(0, 2)]).toEqual([1, 3]);
  });

  it('is not changed through a private mapping', () => {
    const { fd } = mapped(P);
    const copy = process.mmap(0, P, RW, MAP_PRIVATE, fd, 0);
    process.store(copy, 1, 1);
    expect([process.msync(copy, P, MS_SYNC), machine.fsync(fd)]).toEqual([0, 0]);
    expect(host.file(0)[0]).toBe(120);
  });

  it('is written when the last of descriptors and mappings is gone, and closed', () => {
    const { fd, at } = mapped(P);
    machine.close(fd);
    process.store(at, 1, 1);
    expect([host.file(0)[0], host.closed]).toEqual([120, []]);
    process.munmap(at, P);
    expect([host.file(0)[0], host.closed]).toEqual([1, [0]]);
  });

  it('is written by sync(), and by a worker that leaves', () => {
    const { at } = mapped(P);
    process.store(at, 1, 1);
    machine.sync();
    expect(host.file(0)[0]).toBe(1);
    process.store(at, 2, 1);
    const second = new MemoryHost();
    second.files.push(...host.files);
    const again = Machine.attach(machine.share(), { host: second });
    again.detach();
    expect(second.file(0)[0]).toBe(2);
  });

  it('follows the size of the file', () => {
    const { fd } = mapped(P);
    machine.truncate(fd, 10);
    expect(host.file(0).length).toBe(10);
    machine.truncate(fd, 2 * P);
    expect([host.file(0).length, host.file(0)[10]]).toEqual([2 * P, 0]);
    machine.pwrite(fd, filled(1), 3 * P);
    expect(host.file(0).length).toBe(3 * P + 1);
  });

  it('reads and writes as often as a host does less than it is asked for', () => {
    host.portion = 1000;
    const { at } = mapped(2 * P);
    process.store(at + P, 1, 1);
    expect(process.load(at + 2 * P - 1, 1)).toBe(120);
    process.msync(at, 2 * P, MS_SYNC);
    expect(host.file(0)[P]).toBe(1);
    expect(
      host
        .file(0)
        .subarray(P + 1)
        .every((byte) => byte === 120),
    ).toBe(true);
  });
});

describe('two openings of one file', () => {
  it('share its pages, whatever number the host gave each', () => {
    const first = open(host.add(filled(P)), { ino: 9 });
    const second = open(host.add(filled(P)), { ino: 9 });
    expect(host.closed).toEqual([1]);
    machine.pwrite(first, Uint8Array.of(1), 0);
    const seen = new Uint8Array(1);
    machine.pread(second, seen, 0);
    expect(seen[0]).toBe(1);
  });

  it('write by the first number that is for writing', () => {
    const first = open(host.add(filled(P)), { ino: 9, writable: false });
    expect(machine.reopen(first, { writable: true })).toBe(EACCES);
    const second = open(host.add(filled(P)), { ino: 9 });
    expect(host.closed).toEqual([]);
    machine.pwrite(second, Uint8Array.of(1), 0);
    machine.fsync(first);
    expect([host.file(0)[0], host.file(1)[0]]).toEqual([120, 1]);
    machine.close(first);
    machine.close(second);
    expect(host.closed).toEqual([0, 1]);
  });
});

describe('a host that fails', () => {
  it('to read gives SIGBUS and EIO, and the page is read when it can be', () => {
    const { fd, at } = mapped(P);
    host.fail.read = EIO;
    expect(process.load(at, 1)).toBe(FAULT_BUS_ADRERR);
    expect(machine.pread(fd, new Uint8Array(1), 0)).toBe(EIO);
    expect(machine.pwrite(fd, new Uint8Array(1), 0)).toBe(EIO);
    delete host.fail.read;
    expect(process.load(at, 1)).toBe(120);
  });

  it('to write tells every opening once, and the bytes are lost as on Linux', () => {
    const { fd, at } = mapped(P);
    const other = open(0, { ino: 1 });
    process.store(at, 1, 1);
    host.fail.write = EIO;
    expect(process.msync(at, P, MS_SYNC)).toBe(EIO);
    delete host.fail.write;
    expect([process.msync(at, P, MS_SYNC), machine.fsync(fd)]).toEqual([0, 0]);
    expect([machine.fsync(other), machine.fsync(other)]).toEqual([EIO, 0]);
    expect([host.file(0)[0], process.load(at, 1)]).toEqual([120, 1]);
  });

  it('for want of room says so', () => {
    const { fd } = mapped(P);
    machine.pwrite(fd, Uint8Array.of(1), 0);
    host.fail.write = ENOSPC;
    expect(machine.fsync(fd)).toBe(ENOSPC);
    host.fail.truncate = ENOSPC;
    expect(machine.pwrite(fd, filled(P), P)).toBe(ENOSPC);
    expect(machine.pwrite(fd, filled(2 * P), 0)).toBe(P);
    host.fail.truncate = EFBIG;
    expect(machine.truncate(fd, 2 * P)).toBe(EFBIG);
    expect(machine.fileSize(fd)).toBe(P);
  });

  it('to cut leaves the file as it is', () => {
    const { fd, at } = mapped(2 * P);
    process.store(at + P, 1, 1);
    host.fail.truncate = EIO;
    expect(machine.truncate(fd, 1)).toBe(EIO);
    expect([machine.fileSize(fd), process.load(at + P, 1)]).toEqual([2 * P, 1]);
  });

  it('to sync is told too', () => {
    const { fd } = mapped(P);
    host.fail.sync = EIO;
    expect([machine.fsync(fd), host.calls['sync']]).toEqual([EIO, 1]);
    delete host.fail.sync;
    expect(machine.fsync(fd)).toBe(0);
  });

  it('with an exception or nonsense counts as EIO', () => {
    const { fd } = mapped(P);
    host.read = (): number => {
      throw new Error('no');
    };
    expect(machine.pread(fd, new Uint8Array(1), 0)).toBe(EIO);
    for (const answer of [Number.NaN, 1e6, 0.5]) {
      host.read = (): number => answer;
      expect(machine.pread(fd, new Uint8Array(1), 0)).toBe(EIO);
    }
  });
});

describe('a page that cannot be had', () => {
  it.each(['page', 'xa_node', 'inode', 'file', 'text'])(
    'for want of a %s leaks nothing',
    (cache) => {
      machine.failAllocations(cache, 0, -1);
      const hostFd = host.add(filled(P));
      const fd = open(hostFd);
      if (fd >= 0) expect(machine.pread(fd, new Uint8Array(1), 0)).toBeLessThan(0);
      else expect(host.closed).toEqual([hostFd]);
      machine.failAllocations(cache, 0, 0);
    },
  );
});

it('a machine without a host, and one with, are attached as they were made', () => {
  expect(() => Machine.attach(machine.share())).toThrow(TypeError);
  machine.enter();
  const plain = Machine.create({ bytes: 8 * 2 ** 20 });
  expect(() => Machine.attach(plain.share(), { host })).toThrow(TypeError);
  plain.tearDown();
});
