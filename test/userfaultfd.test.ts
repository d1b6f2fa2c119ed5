/**
 * userfaultfd as a program sees it: who may have one, what it watches, what it hears of. The
 * answers and the order of events are those of Linux 6.18, asked by hand: events make the call that
 * causes them wait in the kernel, so no recording has them.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  EAGAIN,
  EBADF,
  EBUSY,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOMEM,
  ENOTTY,
  ENXIO,
  EPERM,
  type Errno,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_REMOVE,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  O_CLOEXEC,
  O_NONBLOCK,
  type Process,
  PROT_READ,
  PROT_WRITE,
  UFFD_API_FEATURES,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_EVENT_REMAP,
  UFFD_FEATURE_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_UNMAP,
  UFFD_FEATURE_WP_ASYNC,
  type UffdMessage,
  UFFD_USER_MODE_ONLY,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
  VM_READ,
  vmFlagsText,
} from '../src/index.ts';
import { made } from './made.ts';

const P = 4096;
const BASE = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const EVENTS = UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE | UFFD_FEATURE_EVENT_UNMAP;
const MISSING = UFFDIO_REGISTER_MODE_MISSING;
const WP = UFFDIO_REGISTER_MODE_WP;
const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED;

let machine: Machine;
let process: Process;

const page = (number: number): number => BASE + number * P;

beforeEach(() => {
  machine = Machine.create({ bytes: 16 * 2 ** 20 });
  process = machine.spawn();
});

afterEach(() => {
  process.verify();
  process.exit();
  machine.tearDown(); // throws when anything is left
});

function map(first: number, count: number, flags = ANON): void {
  expect(process.mmap(page(first), count * P, RW, flags | MAP_FIXED, -1, 0)).toBe(page(first));
}

function open(features = 0, flags = O_NONBLOCK): number {
  const fd = process.userfaultfd(flags);
  expect(process.uffdApi(fd, features)).toBe(0);
  return fd;
}

/** Pages and, of the flags, those of a userfaultfd: `10-16 um`. */
function watched(of = process): string[] {
  return of.vmas().map(({ start, end, flags }) => {
    const range = `${(start - BASE) / P}-${(end - BASE) / P}`;
    return [range, ...(vmFlagsText(flags).match(/u[mwi]/gu) ?? [])].join(' ');
  });
}

const n = (addr: number): number => (addr - BASE) / P;

function tell(message: UffdMessage): string {
  if (message.event === 'fork') return 'fork';
  if (message.event === 'pagefault') return `fault ${n(message.address)}`;
  if (message.event === 'remap') {
    return `remap ${n(message.from)} to ${n(message.to)} len ${message.len / P}`;
  }
  return `${message.event} ${n(message.start)}-${n(message.end)}`;
}

/** All that can be read. */
function heard(fd: number): string[] {
  const told: string[] = [];
  for (let message = process.uffdRead(fd); ; message = process.uffdRead(fd)) {
    if (typeof message === 'number') {
      expect(message).toBe(EAGAIN);
      return told;
    }
    told.push(tell(message));
  }
}

describe('userfaultfd(2)', () => {
  it.each<[flags: number, result: number]>([
    [0, 0],
    [O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY, 1],
    [2, EINVAL],
    [0o2000, EINVAL],
  ])('flags %i give %i', (flags, result) => {
    const first = result === 1 ? process.userfaultfd(0) : -1;
    expect(process.userfaultfd(flags) - (first >= 0 ? first : 0)).toBe(result);
  });

  it('takes CAP_SYS_PTRACE, or a promise not to see the faults of the kernel, or the setting', () => {
    process.setCapabilities(0);
    expect(process.userfaultfd(0)).toBe(EPERM);
    expect(process.userfaultfd(2)).toBe(EPERM);
    expect(process.userfaultfd(UFFD_USER_MODE_ONLY)).toBeGreaterThanOrEqual(0);
    machine.setSysctl('unprivileged_userfaultfd', 1);
    expect(process.userfaultfd(0)).toBeGreaterThanOrEqual(0);
  });

  it('is no file to map, nor to open again', () => {
    const fd = open();
    expect(process.mmap(0, P, PROT_READ, MAP_PRIVATE, fd, 0)).toBe(ENODEV);
    expect(
      process.exec({ vmas: [{ start: BASE, end: page(1), flags: VM_READ, fd }], layout: {} }),
    ).toBe(EINVAL);
    expect(machine.reopen(fd)).toBe(ENXIO);
  });
});

describe('UFFDIO_API', () => {
  it('comes first, and once', () => {
    map(0, 2);
    const fd = process.userfaultfd(O_NONBLOCK);
    expect(process.uffdRegister(fd, page(0), P, MISSING)).toBe(EINVAL);
    expect(process.uffdUnregister(fd, page(0), P)).toBe(EINVAL);
    expect(process.uffdRead(fd)).toBe(EINVAL);
    expect(process.uffdApi(fd, 0, 0xab)).toBe(EINVAL);
    expect(process.uffdApi(fd, UFFD_API_FEATURES + 1)).toBe(EINVAL);
    expect(process.uffdApi(fd, -1)).toBe(EINVAL);
    expect(process.uffdApi(fd, UFFD_API_FEATURES)).toBe(0);
    expect(process.uffdApi(fd, 0)).toBe(EINVAL);
    expect(process.uffdRead(fd)).toBe(EAGAIN);
  });

  it('gives events of forks to those with CAP_SYS_PTRACE only', () => {
    process.setCapabilities(0);
    const fd = process.userfaultfd(UFFD_USER_MODE_ONLY);
    expect(process.uffdApi(fd, UFFD_FEATURE_EVENT_FORK)).toBe(EPERM);
    expect(process.uffdApi(fd, EVENTS)).toBe(0);
  });

  it('is for userfaultfds', () => {
    const file = machine.open({ kind: 'shmem', path: '/memfd:x (deleted)', size: P });
    for (const [fd, error] of [
      [file, ENOTTY],
      [99, EBADF],
      [-1, EBADF],
    ] as const) {
      expect(process.uffdApi(fd, 0)).toBe(error);
      expect(process.uffdRegister(fd, page(0), P, MISSING)).toBe(error);
      expect(process.uffdUnregister(fd, page(0), P)).toBe(error);
    }
    expect(process.uffdRead(file)).toBe(EINVAL);
    expect(process.uffdRead(99)).toBe(EBADF);
  });
});

describe('UFFDIO_REGISTER', () => {
  it.each<[first: number, second: number, picture: string[]]>([
    [1, 1, ['0-4 um']],
    [1, 2, ['0-1 um', '1-2 uw', '2-4 um']],
    [1, 3, ['0-1 um', '1-2 um uw', '2-4 um']],
    [2, 1, ['0-1 uw', '1-2 um', '2-4 uw']],
    [2, 2, ['0-4 uw']],
    [2, 3, ['0-1 uw', '1-2 um uw', '2-4 uw']],
    [3, 1, ['0-4 um uw']],
    [3, 2, ['0-4 um uw']],
    [3, 3, ['0-4 um uw']],
  ])(
    'mode %i, then %i in the middle: a mode that is there already is not taken away',
    (first, second, picture) => {
      map(0, 4);
      const fd = open();
      expect(process.uffdRegister(fd, page(0), 4 * P, first)).toBe(0);
      expect(process.uffdRegister(fd, page(1), P, second)).toBe(0);
      expect(watched()).toEqual(picture);
    },
  );

  it.each<[what: string, addr: number, len: number, mode: number]>([
    ['no mode', page(0), P, 0],
    ['an unknown mode', page(0), P, 9],
    ['a mode for page caches on anonymous memory', page(0), P, UFFDIO_REGISTER_MODE_MINOR],
    ['half a page', page(0) + 1, P, 1],
    ['a length of half a page', page(0), P + 1, 1],
    ['no length', page(0), 0, 1],
    ['what is below the lowest address', 4096, P, 1],
    ['what is beyond the highest', 0x7ffffffff000, P, 1],
    ['a length beyond it', page(0), 0x7ffffffff000, 1],
    ['a range that wraps', page(0), -P, 1],
    ['a hole', page(100), P, 1],
  ])('refuses %s', (_what, addr, len, mode) => {
    map(0, 4);
    expect(process.uffdRegister(open(), addr, len, mode)).toBe(EINVAL);
    expect(watched()).toEqual(['0-4']);
  });

  it('passes over holes, and merges with what it made alike', () => {
    map(0, 2);
    map(4, 2);
    const fd = open();
    expect(process.uffdRegister(fd, page(-2), 10 * P, MISSING)).toBe(0);
    expect(watched()).toEqual(['0-2 um', '4-6 um']);
    map(2, 2);
    expect(process.uffdRegister(fd, page(2), 2 * P, MISSING)).toBe(0);
    expect(watched()).toEqual(['0-6 um']);
    expect(process.uffdUnregister(fd, page(1), 4 * P)).toBe(0);
    expect(watched()).toEqual(['0-1 um', '1-5', '5-6 um']);
    expect(process.uffdUnregister(fd, page(-2), 10 * P)).toBe(0);
    expect(process.uffdUnregister(fd, page(0), 6 * P)).toBe(0);
    expect(process.uffdUnregister(fd, page(50), 6 * P)).toBe(EINVAL);
    expect(watched()).toEqual(['0-6']);
  });

  it('changes nothing when some of the range cannot be watched', () => {
    map(0, 2);
    const file = machine.open({ kind: 'regular', path: '/f', size: 4 * P, writable: true });
    process.mmap(page(2), P, RW, MAP_PRIVATE | MAP_FIXED, file, 0);
    const fd = open();
    expect(process.uffdRegister(fd, page(0), 3 * P, MISSING)).toBe(EINVAL);
    expect(process.uffdUnregister(fd, page(0), 3 * P)).toBe(EINVAL);
    expect(watched()).toEqual(['0-2', '2-3']);
  });

  it('watches files only for writes that nobody waits for', () => {
    const file = machine.open({ kind: 'regular', path: '/f', size: 4 * P, writable: true });
    process.mmap(page(2), P, RW, MAP_SHARED | MAP_FIXED, file, 0);
    const fd = open(UFFD_FEATURE_WP_ASYNC);
    expect(process.uffdRegister(fd, page(2), P, MISSING | WP)).toBe(EINVAL);
    expect(process.uffdRegister(fd, page(2), P, WP)).toBe(0);
    expect(watched()).toEqual(['2-3 uw']);
    expect(process.uffdUnregister(fd, page(2), P)).toBe(0);
  });

  it('leaves what another one watches to it, and two never merge', () => {
    map(0, 6);
    const [one, two] = [open(), open()];
    process.uffdRegister(one, page(2), 2 * P, MISSING);
    expect(process.uffdRegister(two, page(0), 6 * P, MISSING)).toBe(EBUSY);
    expect(process.uffdUnregister(two, page(0), 6 * P)).toBe(EINVAL);
    expect(process.uffdRegister(two, page(0), 2 * P, MISSING)).toBe(0);
    expect(watched()).toEqual(['0-2 um', '2-4 um', '4-6']);
    expect(process.uffdUnregister(one, page(0), 6 * P)).toBe(EINVAL);
    expect(machine.close(two)).toBe(0);
    expect(watched()).toEqual(['0-2', '2-4 um', '4-6']);
    machine.close(one);
    expect(watched()).toEqual(['0-6']);
  });

  it('watches sealed memory as any other', () => {
    map(0, 4);
    process.mseal(page(0), 4 * P, 0);
    const fd = open();
    expect(process.uffdRegister(fd, page(1), P, MISSING)).toBe(0);
    expect(process.uffdUnregister(fd, page(1), P)).toBe(0);
    expect(watched()).toEqual(['0-4']);
  });

  it('works for its own address space, whoever calls, and no longer than that lives', () => {
    map(0, 4);
    const other = machine.spawn();
    const fd = open();
    expect(other.uffdRegister(fd, page(0), P, MISSING)).toBe(0);
    expect(watched()).toEqual(['0-1 um', '1-4']);
    expect(process.exec({ vmas: [], layout: {} })).toBe(0);
    expect(other.uffdRegister(fd, page(0), P, MISSING)).toBe(ENOMEM);
    expect(other.uffdUnregister(fd, page(0), P)).toBe(ENOMEM);
    other.exit();
  });

  it('stays in force on a duplicate of the descriptor', () => {
    map(0, 2);
    const fd = open();
    const again = machine.dup(fd);
    process.uffdRegister(fd, page(0), P, MISSING);
    machine.close(fd);
    expect(watched()).toEqual(['0-1 um', '1-2']);
    machine.close(again);
    expect(watched()).toEqual(['0-2']);
  });
});

/** Calls on six watched pages, 10 to 15: what a watcher with all three features hears. */
interface Case {
  readonly name: string;
  readonly act: () => number;
  readonly result?: number;
  readonly heard: readonly string[];
  readonly picture: readonly string[];
  /** Without the features: what is then watched otherwise. */
  readonly unheard?: readonly string[];
}

const SIX = ['10-16 um'];

const CASES: readonly Case[] = [
  {
    name: 'mprotect',
    act: () => process.mprotect(page(11), P, PROT_READ),
    heard: [],
    picture: ['10-11 um', '11-12 um', '12-16 um'],
  },
  {
    name: 'munmap of the middle',
    act: () => process.munmap(page(11), P),
    heard: ['unmap 11-12'],
    picture: ['10-11 um', '12-16 um'],
  },
  {
    name: 'munmap of more: the range that was asked for',
    act: () => process.munmap(page(8), 20 * P),
    heard: ['unmap 8-28'],
    picture: [],
  },
  {
    name: 'munmap of no length',
    act: () => process.munmap(page(10), 0),
    result: EINVAL,
    heard: [],
    picture: SIX,
  },
  {
    name: 'munmap that a sealed VMA stops: told all the same',
    act: () => {
      map(17, 1);
      process.mseal(page(17), P, 0);
      return process.munmap(page(10), 10 * P);
    },
    result: EPERM,
    heard: ['unmap 10-20'],
    picture: ['10-16 um', '17-18'],
  },
  {
    name: 'mmap over the middle',
    act: () => process.mmap(page(11), 2 * P, RW, ANON | MAP_FIXED, -1, 0),
    heard: ['unmap 11-13'],
    picture: ['10-11 um', '11-13', '13-16 um'],
  },
  {
    name: 'mmap beside it: does not merge',
    act: () => process.mmap(page(16), P, RW, ANON | MAP_FIXED, -1, 0),
    heard: [],
    picture: ['10-16 um', '16-17'],
  },
  {
    name: 'mremap that grows in place',
    act: () => process.mremap(page(14), 2 * P, 8 * P, 0),
    heard: [],
    picture: ['10-22 um'],
  },
  {
    name: 'mremap that shrinks',
    act: () => process.mremap(page(10), 6 * P, 3 * P, 0),
    heard: ['unmap 13-16'],
    picture: ['10-13 um'],
  },
  {
    name: 'mremap that shrinks and moves: the move first',
    act: () => process.mremap(page(10), 6 * P, 3 * P, MOVE, page(40)),
    heard: ['remap 10 to 40 len 3', 'unmap 13-16', 'unmap 10-13'],
    picture: ['40-43 um'],
    unheard: ['40-43'],
  },
  {
    name: 'mremap that grows and moves: the old length',
    act: () => process.mremap(page(10), 6 * P, 8 * P, MOVE, page(40)),
    heard: ['remap 10 to 40 len 6', 'unmap 10-16'],
    picture: ['40-48 um'],
    unheard: ['40-48'],
  },
  {
    name: 'mremap over other watched memory: that first',
    act: () => {
      map(40, 2);
      process.uffdRegister(0, page(40), 2 * P, MISSING);
      return process.mremap(page(11), 2 * P, 2 * P, MOVE, page(40));
    },
    heard: ['unmap 40-42', 'remap 11 to 40 len 2', 'unmap 11-13'],
    picture: ['10-11 um', '13-16 um', '40-42 um'],
    unheard: ['10-11 um', '13-16 um', '40-42'],
  },
  {
    name: 'mremap that leaves its source: the source stays watched',
    act: () => process.mremap(page(10), 6 * P, 6 * P, MOVE | MREMAP_DONTUNMAP, page(40)),
    heard: ['remap 10 to 40 len 6'],
    picture: ['10-16 um', '40-46 um'],
    unheard: ['10-16 um', '40-46'],
  },
  {
    name: 'mremap of several VMAs, one of them watched',
    act: () => {
      map(17, 2);
      return process.mremap(page(12), 7 * P, 7 * P, MOVE, page(40));
    },
    result: EFAULT,
    heard: [],
    picture: ['10-16 um', '17-19'],
  },
  {
    name: 'mremap back to between watched neighbours: who is not told loses all of it',
    act: () => {
      process.mremap(page(12), 2 * P, 2 * P, MOVE, page(40));
      process.uffdRegister(0, page(40), 2 * P, MISSING);
      return process.mremap(page(40), 2 * P, 2 * P, MOVE, page(12));
    },
    heard: ['remap 12 to 40 len 2', 'unmap 12-14', 'remap 40 to 12 len 2', 'unmap 40-42'],
    picture: SIX,
    unheard: ['10-16'],
  },
  {
    name: 'madvise(MADV_DONTNEED) with holes: each VMA',
    act: () => process.madvise(page(8), 20 * P, MADV_DONTNEED),
    result: ENOMEM,
    heard: ['remove 10-16'],
    picture: SIX,
  },
  {
    name: 'madvise(MADV_FREE)',
    act: () => process.madvise(page(11), 2 * P, MADV_FREE),
    heard: ['remove 11-13'],
    picture: SIX,
  },
  {
    name: 'madvise(MADV_REMOVE) of private memory',
    act: () => process.madvise(page(11), 2 * P, MADV_REMOVE),
    result: EINVAL,
    heard: [],
    picture: SIX,
  },
  {
    name: 'madvise(MADV_DONTNEED) of a locked part',
    act: () => {
      process.mlock2(page(11), P, 1);
      return process.madvise(page(10), 3 * P, MADV_DONTNEED);
    },
    result: EINVAL,
    heard: ['remove 10-11'],
    picture: ['10-11 um', '11-12 um', '12-16 um'],
  },
  {
    name: 'guards',
    act: () => process.madvise(page(11), 2 * P, MADV_GUARD_INSTALL),
    heard: [],
    picture: SIX,
  },
];

describe('S0-29 events', () => {
  for (const { name, act, result, heard: expected, picture, unheard } of CASES) {
    for (const features of [EVENTS, 0]) {
      it(`${name}; ${features === 0 ? 'without' : 'with'} the features`, () => {
        const fd = open(features);
        expect(fd).toBe(0);
        map(10, 6);
        process.uffdRegister(fd, page(10), 6 * P, MISSING);
        const got = act();
        if (result === undefined) expect(got).toBeGreaterThanOrEqual(0);
        else expect(got).toBe(result);
        expect(heard(fd)).toEqual(features === 0 ? [] : expected);
        expect(watched()).toEqual(features === 0 ? (unheard ?? picture) : picture);
      });
    }
  }

  it('tell of shared memory: MADV_REMOVE, and MADV_FREE, though it is refused', () => {
    const fd = open(EVENTS);
    map(10, 6, MAP_SHARED | MAP_ANONYMOUS);
    process.uffdRegister(fd, page(10), 6 * P, MISSING);
    expect(process.madvise(page(11), P, MADV_REMOVE)).toBe(0);
    expect(process.madvise(page(11), P, MADV_FREE)).toBe(EINVAL);
    expect(heard(fd)).toEqual(['remove 11-12', 'remove 11-12']);
    expect(process.remapFilePages(page(11), P, 0, 0, 0)).toBe(0);
    expect(heard(fd)).toEqual([]);
    expect(watched()).toEqual(['10-11 um', '11-12', '12-16 um']);
  });

  it('S0-29 tell each watcher of the same unmapping once', () => {
    const [one, two] = [open(EVENTS), open(EVENTS)];
    map(10, 9);
    process.uffdRegister(one, page(10), P, MISSING);
    process.uffdRegister(two, page(12), P, MISSING);
    process.uffdRegister(one, page(14), P, WP);
    process.munmap(page(5), 30 * P);
    expect([heard(one), heard(two)]).toEqual([['unmap 5-35'], ['unmap 5-35']]);
  });

  it('tell of a heap that shrinks, and not of one that cannot', () => {
    const fd = open(EVENTS);
    process.setLayout({ startBrk: page(0), brk: page(0) });
    process.brk(page(10));
    process.uffdRegister(fd, page(5), 2 * P, MISSING);
    process.mseal(page(8), P, 0);
    expect(process.brk(page(6))).toBe(page(10));
    expect(heard(fd)).toEqual([]);
    expect(process.uffdUnregister(fd, page(6), P)).toBe(0);
    expect(watched()).toEqual(['0-5', '5-6 um', '6-8', '8-9', '9-10']);
    process.uffdRegister(fd, page(9), P, MISSING);
    expect(process.brk(page(9))).toBe(page(9));
    expect(heard(fd)).toEqual(['unmap 9-10']);
  });

  it('S0-29 that nobody reads fill the queue: then what they tell of is not done', () => {
    const fd = open(EVENTS);
    map(0, 200);
    process.uffdRegister(fd, page(0), 200 * P, MISSING);
    let count = 0;
    let result: 0 | Errno = 0;
    while (result === 0) result = process.munmap(page(3 * count++), P);
    expect([count, result]).toEqual([65, ENOMEM]);
    expect(process.madvise(page(199), P, MADV_DONTNEED)).toBe(EAGAIN);
    expect(process.mremap(page(199), P, P, MOVE, page(300))).toBe(ENOMEM);
    expect(process.find(page(199))).not.toBeNull();
    expect(heard(fd)).toHaveLength(64);
    expect(process.munmap(page(192), P)).toBe(0);
    expect(heard(fd)).toEqual(['unmap 192-193']);
  });
});

describe('fork', () => {
  it('leaves the watcher with the parent', () => {
    const fd = open();
    map(10, 6);
    process.uffdRegister(fd, page(10), 3 * P, MISSING);
    const child = made(process.fork());
    expect([watched(), watched(child)]).toEqual([
      ['10-13 um', '13-16'],
      ['10-13', '13-16'],
    ]);
    expect(process.uffdRead(fd)).toBe(EAGAIN);
    child.exit();
  });

  it('gives the child one of its own, if the parent is told of forks', () => {
    const fd = open(UFFD_FEATURE_EVENT_FORK | EVENTS);
    map(10, 6);
    map(20, 2);
    process.uffdRegister(fd, page(10), 3 * P, MISSING);
    process.uffdRegister(fd, page(20), P, WP);
    const child = made(process.fork());
    const message = process.uffdRead(fd);
    if (typeof message === 'number' || message.event !== 'fork') throw new Error('no fork is told');
    expect(watched(child)).toEqual(['10-13 um', '13-16', '20-21 uw', '21-22']);
    child.munmap(page(10), P);
    expect([heard(fd), heard(message.fd)]).toEqual([[], ['unmap 10-11']]);
    expect(process.uffdUnregister(message.fd, page(20), P)).toBe(0);
    expect(watched(child)).toEqual(['11-13 um', '13-16', '20-22']);
    expect(watched()).toEqual(['10-13 um', '13-16', '20-21 uw', '21-22']);
    machine.close(message.fd);
    expect(watched(child)).toEqual(['11-16', '20-22']);
    child.verify();
    child.exit();
  });

  it("that nobody read of ends with the parent's descriptor, over generations", () => {
    const fd = open(UFFD_FEATURE_EVENT_FORK);
    map(10, 2);
    process.uffdRegister(fd, page(10), P, MISSING);
    const child = made(process.fork());
    const grandchild = child.fork() as Process;
    expect(watched(grandchild)).toEqual(['10-11 um', '11-12']);
    machine.close(fd);
    for (const each of [process, child, grandchild]) expect(watched(each)).toEqual(['10-12']);
    child.exit();
    grandchild.exit();
  });

  it('without a place for the event has no memory', () => {
    const fd = open(UFFD_FEATURE_EVENT_FORK | EVENTS);
    map(0, 200);
    process.uffdRegister(fd, page(0), 200 * P, MISSING);
    for (let i = 0; i < 64; i++) process.madvise(page(i), P, MADV_DONTNEED);
    expect(process.fork()).toBe(ENOMEM);
    expect(heard(fd)).toHaveLength(64);
    made(process.fork()).exit();
    expect(heard(fd)).toEqual(['fork']);
  });
});
