/** What the calls on files refuse, and what they leave. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  EBADF,
  EBUSY,
  EFBIG,
  EINVAL,
  EISDIR,
  ENODEV,
  ENOMEM,
  ENOSPC,
  EOPNOTSUPP,
  EPERM,
  ESPIPE,
  ETXTBSY,
  F_SEAL_EXEC,
  F_SEAL_FUTURE_WRITE,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  type FileSpec,
  I_APPEND,
  I_SWAPFILE,
  Machine,
  MAP_SHARED,
  PROT_READ,
} from '../../src/index.ts';

let machine: Machine;
beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20, ramBytes: 2 ** 20 });
});
afterEach(() => machine.tearDown());

const open = (spec: Partial<FileSpec> = {}): number =>
  machine.open({ kind: 'shmem', path: '/memfd:f (deleted)', writable: true, ...spec });
const bytes = (length: number, byte = 120): Uint8Array => new Uint8Array(length).fill(byte);

function read(fd: number, position: number, length: number): number[] {
  const into = bytes(length, 0xee);
  const count = machine.pread(fd, into, position);
  return [...into.subarray(0, Math.max(0, count))];
}

describe('pread and pwrite', () => {
  it.each([
    ['shmem', { writable: false }, [1, EBADF]],
    ['shmem', { readable: false }, [EBADF, 1]],
    ['secretmem', {}, [ESPIPE, ESPIPE]],
    ['directory', { writable: false }, [EISDIR, EBADF]],
    ['zero', {}, [1, 1]],
    ['regular', { flags: I_SWAPFILE }, [1, ETXTBSY]],
  ] as const)('of %s opened with %o answer %o', (kind, access, answers) => {
    const fd = open({ kind, size: 10, ...access });
    expect([machine.pread(fd, bytes(1), 0), machine.pwrite(fd, bytes(1), 0)]).toEqual(answers);
  });

  it('refuse a position that is none', () => {
    const fd = open();
    for (const position of [-1, 0.5, Number.NaN, 2 ** 60]) {
      expect(machine.pread(fd, bytes(1), position)).toBe(EINVAL);
      expect(machine.pwrite(fd, bytes(1), position)).toBe(EINVAL);
    }
    expect(machine.pwrite(fd, bytes(2), Number.MAX_SAFE_INTEGER - 1)).toBe(EFBIG);
    expect([machine.pread(99, bytes(1), 0), machine.pwrite(99, bytes(1), 0)]).toEqual([
      EBADF,
      EBADF,
    ]);
  });

  it('of no bytes do nothing, but for a file that is not open for it', () => {
    const fd = open();
    expect(machine.pwrite(fd, bytes(0), 100)).toBe(0);
    expect(machine.fileSize(fd)).toBe(0);
    expect(machine.pwrite(open({ writable: false }), bytes(0), 0)).toBe(EBADF);
  });

  it('show zeroes between the old end and the new', () => {
    const fd = open();
    machine.pwrite(fd, bytes(2), 10);
    machine.pwrite(fd, bytes(1), 20);
    expect(read(fd, 8, 20)).toEqual([0, 0, 120, 120, 0, 0, 0, 0, 0, 0, 0, 0, 120]);
  });

  it('of /dev/zero know nothing but zeroes', () => {
    const fd = open({ kind: 'zero' });
    expect(machine.pwrite(fd, bytes(5000), 3)).toBe(5000);
    expect(read(fd, 0, 5)).toEqual([0, 0, 0, 0, 0]);
  });

  it('write what fits when frames run out, and give all of them back', () => {
    const fd = open();
    const frames = 2 ** 20 / 4096 - 8;
    expect(machine.pwrite(fd, bytes(2 ** 20), 0)).toBe(frames * 4096);
    expect(machine.pwrite(fd, bytes(1), frames * 4096)).toBe(ENOMEM);
    expect(machine.fileSize(fd)).toBe(frames * 4096);
    machine.truncate(fd, 4096);
    expect(machine.pwrite(fd, bytes(100), 2 ** 30)).toBe(100);
  });
});

describe('memory that was not promised as a whole', () => {
  const live = (): number => machine.report().committedPages;

  it('is charged page by page, as memfds are', () => {
    const fd = open();
    machine.truncate(fd, 2 ** 20);
    expect(live()).toBe(0);
    machine.pwrite(fd, bytes(10_000), 0);
    expect(live()).toBe(3);
    machine.truncate(fd, 4096);
    expect(live()).toBe(1);
    machine.close(fd);
    expect(live()).toBe(0);
  });

  it('is refused with ENOSPC when overcommit does not allow it', () => {
    machine.setSysctl('overcommit_memory', 2);
    machine.setSysctl('overcommit_kbytes', 16);
    machine.setSysctl('total_swap_pages', 0);
    const fd = open();
    expect(machine.pwrite(fd, bytes(2 ** 16), 0)).toBe(3 * 4096);
    expect(machine.pwrite(fd, bytes(1), 2 ** 20)).toBe(ENOSPC);
    expect(live()).toBe(3);
  });
});

describe('truncate', () => {
  it.each([
    ['shmem', { writable: false }, 1, EINVAL],
    ['shmem', {}, -1, EINVAL],
    ['shmem', {}, 0.5, EINVAL],
    ['zero', {}, 1, EINVAL],
    ['directory', {}, 1, EINVAL],
    ['regular', { flags: I_APPEND }, 1, EPERM],
    ['regular', { flags: I_SWAPFILE }, 1, ETXTBSY],
    ['regular', { flags: I_SWAPFILE }, 100, 0],
    ['secretmem', {}, 5000, EINVAL],
    ['secretmem', {}, 10, EINVAL],
    ['secretmem', { size: 0 }, 5000, 0],
  ] as const)('of %s opened with %o to %d answers %d', (kind, access, size, answer) => {
    const fd = open({ kind, size: 10, ...access });
    const before = machine.fileSize(fd);
    expect(machine.truncate(fd, size)).toBe(answer);
    expect(machine.fileSize(fd)).toBe(answer === 0 ? size : before);
  });

  it('gives the pages back', () => {
    const fd = open();
    machine.pwrite(fd, bytes(40_000), 0);
    machine.truncate(fd, 4097);
    const pages = machine.report().caches.find(({ name }) => name === 'page');
    expect(pages?.live).toBe(2);
  });
});

describe('punchHole', () => {
  it.each([
    ['shmem', { writable: false }, [0, 1], EBADF],
    ['shmem', {}, [-1, 1], EINVAL],
    ['shmem', {}, [0, 0], EINVAL],
    ['shmem', {}, [0, -5], EINVAL],
    ['zero', {}, [0, 1], ENODEV],
    ['secretmem', {}, [0, 1], EOPNOTSUPP],
    ['shmem', {}, [2 ** 40, 5], 0],
  ] as const)('of %s opened with %o at %o answers %d', (kind, access, [start, len], answer) => {
    expect(machine.punchHole(open({ kind, size: 10, ...access }), start, len)).toBe(answer);
  });

  it('leaves what is beside it, and the size', () => {
    const fd = open();
    machine.pwrite(fd, bytes(3 * 4096), 0);
    machine.punchHole(fd, 100, 9000);
    expect([read(fd, 99, 2), read(fd, 9099, 2)]).toEqual([
      [120, 0],
      [0, 120],
    ]);
    expect(machine.fileSize(fd)).toBe(3 * 4096);
    expect(machine.report().caches.find(({ name }) => name === 'page')?.live).toBe(2);
  });
});

describe('seals', () => {
  const sealed = (seals: number): number => {
    const fd = open();
    machine.pwrite(fd, bytes(6000), 0);
    expect(machine.addSeals(fd, seals)).toBe(0);
    return fd;
  };

  it('F_SEAL_SHRINK keeps a file from being cut', () => {
    const fd = sealed(F_SEAL_SHRINK);
    expect([5999, 6000, 7000].map((size) => machine.truncate(fd, size))).toEqual([EPERM, 0, 0]);
  });

  it('F_SEAL_GROW keeps it from growing; a write stops at the page that would', () => {
    const fd = sealed(F_SEAL_GROW);
    expect([6001, 6000].map((size) => machine.truncate(fd, size))).toEqual([EPERM, 0]);
    expect(machine.pwrite(fd, bytes(10), 5990)).toBe(10);
    expect(machine.pwrite(fd, bytes(11), 5990)).toBe(EPERM);
    expect(machine.pwrite(fd, bytes(8192), 0)).toBe(4096);
    expect(machine.truncate(fd, 10)).toBe(0);
  });

  it.each([F_SEAL_WRITE, F_SEAL_FUTURE_WRITE])('%d keeps it from being written', (seal) => {
    const fd = sealed(seal);
    expect(machine.pwrite(fd, bytes(1), 0)).toBe(EPERM);
    expect(machine.pwrite(fd, bytes(0), 0)).toBe(0);
    expect(machine.punchHole(fd, 0, 4096)).toBe(EPERM);
    expect(machine.truncate(fd, 100)).toBe(0);
    expect(read(fd, 0, 2)).toEqual([120, 120]);
  });

  it('F_SEAL_SEAL ends sealing, whatever is asked for', () => {
    const fd = sealed(F_SEAL_SEAL);
    for (const seals of [F_SEAL_SEAL, F_SEAL_GROW, 0])
      expect(machine.addSeals(fd, seals)).toBe(EPERM);
  });

  it('need a memfd that is open for writing, and known seals', () => {
    expect(machine.addSeals(open({ writable: false }), F_SEAL_GROW)).toBe(EPERM);
    expect(machine.addSeals(open({ kind: 'regular' }), F_SEAL_GROW)).toBe(EINVAL);
    expect(machine.addSeals(open(), 0x1000)).toBe(EINVAL);
  });

  it('F_SEAL_EXEC ends writing too, but not of what was made with it', () => {
    const fd = sealed(F_SEAL_EXEC);
    expect(machine.pwrite(fd, bytes(1), 0)).toBe(EPERM);
    expect(machine.truncate(fd, 8192)).toBe(EPERM);
    const made = open({ size: 4096, seals: F_SEAL_EXEC });
    expect(machine.addSeals(made, F_SEAL_EXEC)).toBe(0);
    expect(machine.truncate(made, 8192)).toBe(0);
  });

  it('are all refused when one is', () => {
    const fd = open({ size: 4096 });
    const process = machine.spawn();
    const at = process.mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
    expect(machine.addSeals(fd, F_SEAL_WRITE | F_SEAL_GROW)).toBe(EBUSY);
    expect(machine.truncate(fd, 8192)).toBe(0);
    process.munmap(at, 4096);
    expect(machine.addSeals(fd, F_SEAL_WRITE | F_SEAL_GROW)).toBe(0);
    process.exit();
  });
});

describe('open', () => {
  it('takes the first bytes of a file', () => {
    const contents = Uint8Array.from([1, 2, 3]);
    const fd = open({ kind: 'regular', contents, writable: false });
    expect(read(fd, 0, 10)).toEqual([1, 2, 3]);
    expect(machine.fileSize(open({ contents, size: 5000 }))).toBe(5000);
    expect(read(open({ contents, seals: F_SEAL_WRITE }), 1, 9)).toEqual([2, 3]);
  });

  it('leaves nothing when there is no memory for them', () => {
    machine.failAllocations('page', 2, 1);
    expect(open({ contents: bytes(20_000) })).toBe(ENOMEM);
    machine.failAllocations('page', 0, 1);
    expect(open({ contents: bytes(1) })).toBe(ENOMEM);
  });

  it('refuses a file of a host that there is not', () => {
    expect(open({ kind: 'regular', hostFd: 0 })).toBe(EINVAL);
  });
});
