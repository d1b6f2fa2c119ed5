/**
 * S1-30: the same suite of merges and refusals in every combination of the machine's switches that
 * are about mapping: how VMAs are locked is test/locks/. The table of what each combination gave is
 * printed, and what must be alike is compared.
 */
import { expect, it } from 'vitest';
import {
  type Driver,
  EIO,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
  type Protocol,
  PROTOCOL_AXES,
  unconverted,
  usbStreamDriver,
} from '../../src/index.ts';
import { Stage } from './stage.ts';

const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;

const old = unconverted(usbStreamDriver);
const refusing: Driver = {
  name: 'refusing',
  fileOperations: {
    prepare: { mmapPrepare: () => EIO },
    proto: { mmapProto: () => EIO },
    legacy: { mmap: () => EIO },
  },
};

/** Each prepares a window of eight pages and says what became of it. */
const SUITE: Readonly<Record<string, (stage: Stage) => string>> = {
  'anonymous, three in a row': (stage) => {
    for (const at of [0, 4, 2]) stage.map(-1, at, 2, { prot: RW, flags: ANON });
    return stage.picture(8);
  },
  'anonymous, over the middle': (stage) => {
    stage.map(-1, 0, 8, { prot: RW, flags: ANON });
    stage.map(-1, 2, 3, { flags: ANON });
    return stage.picture(8);
  },
  'file, three in a row': (stage) => {
    const fd = stage.machine.open({ kind: 'regular', path: '/f', size: 2 ** 20 });
    for (const at of [0, 4, 2]) stage.map(fd, at, 2, { flags: MAP_PRIVATE });
    return stage.picture(8);
  },
  'memfd_secret, beside itself': (stage) => {
    const fd = stage.machine.open({ kind: 'secretmem', path: '/s', size: 2 ** 20, writable: true });
    for (const at of [0, 4, 2]) stage.map(fd, at, 2, { prot: RW });
    return stage.picture(8);
  },
  'converted driver': (stage) => {
    const fd = stage.open(usbStreamDriver);
    for (const at of [0, 4, 2]) stage.map(fd, at, 2);
    return stage.picture(8);
  },
  'driver with .mmap': (stage) => {
    const fd = stage.open(old);
    for (const at of [0, 4, 2]) stage.map(fd, at, 2);
    return stage.picture(8);
  },
  'a refusal': (stage) => String(stage.map(stage.open(refusing), 0, 2)),
  'a refused replacement': (stage) => {
    stage.map(-1, 0, 2, { prot: RW, flags: ANON });
    expect(stage.map(stage.open(refusing), 0, 2)).toBe(EIO);
    return stage.picture(8);
  },
};

/** Where the generations are meant to differ; everything else is alike in all of them. */
function expected(name: string, { mmapHook, mapFixedFailure, munmap }: Protocol): string {
  switch (name) {
    case 'anonymous, over the middle':
      return 'AABBBCCC';
    case 'driver with .mmap':
      return mmapHook === 'legacy' ? 'AAAAAA..' : 'AABBCC..';
    case 'a refusal':
      return String(EIO);
    case 'a refused replacement':
      if (munmap === 'two-step') return '........';
      return mmapHook === 'legacy' || mapFixedFailure === 'leave-gap' ? '........' : 'AA......';
    default:
      return 'AAAAAA..';
  }
}

/** Decide who sees a VMA, and not what becomes of it. */
const LOCKS = new Set(['vmaLock', 'vmaLockSeq', 'endReadRcu', 'vmaFreePointer']);

/** Every combination of the values of every axis but the locks, which have their defaults. */
function combinations(): Protocol[] {
  let all: Readonly<Record<string, string>>[] = [{}];
  for (const [axis, values] of Object.entries(PROTOCOL_AXES)) {
    const tried = LOCKS.has(axis) ? values.slice(0, 1) : values;
    const withValue = (value: string): typeof all =>
      all.map((chosen) => Object.assign({}, chosen, { [axis]: value }));
    all = tried.flatMap(withValue);
  }
  return all as unknown as Protocol[];
}

it('S1-30 every combination of switches passes the suite; the table shows what it gave', () => {
  const table: Record<string, Record<string, string>> = {};
  for (const protocol of combinations()) {
    const column = Object.values(protocol).join(' ');
    for (const [name, run] of Object.entries(SUITE)) {
      using stage = new Stage([usbStreamDriver, old, refusing], protocol);
      expect(stage.machine.protocol()).toEqual(protocol);
      const result = run(stage);
      stage.process.verify();
      expect(result, `${name}, ${column}`).toBe(expected(name, protocol));
      (table[name] ??= {})[column] = result;
    }
  }
  expect(Object.keys(table['a refusal'] ?? {})).toHaveLength(combinations().length);
  console.table(table);
});

it('a protocol that does not exist is refused when the machine is made', () => {
  const make = (protocol: object): Stage => new Stage([], protocol);
  expect(() => make({ mmapHook: 'modern' })).toThrow('one of prepare, proto, legacy');
  expect(() => make({ forks: 'none' })).toThrow('no axis "forks"');
});
