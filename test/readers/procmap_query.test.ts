/** PROCMAP_QUERY: by table in every mode, and at random beside the ioctl of the live kernel. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  E2BIG,
  EINVAL,
  ENAMETOOLONG,
  ENOENT,
  ESRCH,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  PAGE_SIZE,
  type Process,
  PROCMAP_QUERY_COVERING_OR_NEXT_VMA as NEXT,
  PROCMAP_QUERY_FILE_BACKED_VMA as FILE,
  PROCMAP_QUERY_VMA_EXECUTABLE as EXECUTABLE,
  PROCMAP_QUERY_VMA_READABLE as READABLE,
  PROCMAP_QUERY_VMA_SHARED as SHARED,
  PROCMAP_QUERY_VMA_WRITABLE as WRITABLE,
  type ProcmapAnswer,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  type Protocol,
  PROTOCOL_AXES,
} from '../../src/index.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import type { Kernel } from '../../src/lab/oracle/kernel.ts';
import { Random } from '../../src/lab/oracle/random.ts';
import { Twin } from '../twin.ts';

const SEED = Number(env['SEED'] ?? Date.now() % 1_000_000);
const REPEAT = `SEED=${SEED} npx vitest run test/readers/procmap_query.test.ts`;
const BASE = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const RX = PROT_READ | PROT_EXEC;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const at = (page: number): number => BASE + page * PAGE_SIZE;
const pageOf = (answer: ProcmapAnswer | number): unknown =>
  typeof answer === 'number' ? answer : (answer.start - BASE) / PAGE_SIZE;

describe.each(PROTOCOL_AXES.mapsReader)('PROCMAP_QUERY, mapsReader %s', (mapsReader) => {
  let machine: Machine;
  let process: Process;

  beforeEach(() => {
    machine = Machine.create({ protocol: { mapsReader } as Partial<Protocol> });
    process = machine.spawn();
    const fd = machine.open({
      kind: 'regular',
      path: '/a/file',
      ino: 77,
      devMajor: 8,
      devMinor: 2,
    });
    process.mmap(at(0), 2 * PAGE_SIZE, RW, ANON, -1, 0);
    process.mmap(at(4), 2 * PAGE_SIZE, RX, MAP_PRIVATE | MAP_FIXED, fd, 3 * PAGE_SIZE);
    process.mmap(at(6), 2 * PAGE_SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, PAGE_SIZE);
    process.mmap(at(8), PAGE_SIZE, PROT_NONE, ANON, -1, 0);
    process.setAnonName(at(8), PAGE_SIZE, 'guard');
    machine.close(fd);
  });

  afterEach(() => {
    if (process.isAlive) process.exit();
    machine.tearDown();
  });

  it.each([
    ['inside one', at(1), 0, 0],
    ['its last byte', at(2) - 1, 0, 0],
    ['just behind it', at(2), 0, ENOENT],
    ['a hole, or the next', at(2), NEXT, 4],
    ['before the first', 0, 0, ENOENT],
    ['before the first, or the next', 0, NEXT, 0],
    ['behind the last', at(9), NEXT, ENOENT],
    ['the last', at(8), NEXT, 8],
    ['beyond all addresses', -1, NEXT, ENOENT],
    ['rights that it has', at(0), READABLE | WRITABLE, 0],
    ['rights that it has not', at(0), EXECUTABLE, ENOENT],
    ['or the next with them', at(0), EXECUTABLE | NEXT, 4],
    ['shared', at(4), SHARED, ENOENT],
    ['or the next shared', at(0), SHARED | NEXT, 6],
    ['of a file', at(4), FILE, 4],
    ['not of a file', at(8), FILE, ENOENT],
    ['or the next of a file', at(0), FILE | NEXT, 4],
    ['all that no VMA is', 0, 0x3f, ENOENT],
    ['an unknown flag', at(0), 0x40, EINVAL],
  ])('X-14 S0-12 %s', (_, addr, flags, expected) => {
    expect(pageOf(process.procmapQuery({ addr, flags }))).toBe(expected);
  });

  it('X-14 tells all of a VMA', () => {
    expect(process.procmapQuery({ addr: at(5) })).toEqual({
      start: at(4),
      end: at(6),
      flags: READABLE | EXECUTABLE,
      pageSize: PAGE_SIZE,
      offset: 3 * PAGE_SIZE,
      ino: 77,
      devMajor: 8,
      devMinor: 2,
      name: '/a/file',
    });
    expect(process.procmapQuery({ addr: at(8) })).toMatchObject({
      flags: 0,
      offset: 0,
      ino: 0,
      name: '[anon:guard]',
    });
  });

  it('X-14 bad sizes, names without room, and nobody there', () => {
    const query = { addr: at(4) };
    expect(process.procmapQuery({ ...query, size: 23 })).toBe(EINVAL);
    expect(process.procmapQuery({ ...query, size: 4097 })).toBe(E2BIG);
    expect(process.procmapQuery({ ...query, size: 0.5 })).toBe(EINVAL);
    expect(process.procmapQuery({ ...query, nameSize: 7 })).toBe(ENAMETOOLONG);
    expect(process.procmapQuery({ ...query, nameSize: 8 })).toMatchObject({ name: '/a/file' });
    expect(process.procmapQuery({ ...query, nameSize: 0 })).toMatchObject({ name: '' });
    process.exit();
    expect(process.procmapQuery(query)).toBe(ESRCH);
  });
});

/** The numbers of objects in memory come from a counter that all processes share. */
const unnumbered = (answer: ProcmapAnswer | number): ProcmapAnswer | number =>
  typeof answer === 'object' && answer.devMinor === 1 ? { ...answer, ino: 0 } : answer;

/** _IOWR('f', 17, struct procmap_query) */
const PROCMAP_QUERY = 0xc0686611;
const STRUCT = 104;
const NAME_AT = 128;
const NAME_ROOM = 128;

interface RawQuery {
  readonly addr: number;
  readonly flags: number;
  readonly nameSize: number;
  readonly size: number;
}

/** The ioctl, made by the live process itself. */
function ioctl(kernel: Kernel, fd: number, query: RawQuery): ProcmapAnswer | number {
  const struct = Buffer.alloc(STRUCT);
  [query.size, query.flags, query.addr].forEach((value, i) =>
    struct.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), 8 * i),
  );
  const start = kernel.poke(0, struct);
  struct.writeUInt32LE(query.nameSize, 80);
  if (query.nameSize > 0) struct.writeBigUInt64LE(BigInt(start + NAME_AT), 88);
  kernel.poke(0, struct);
  const result = Number(kernel.call('ioctl', fd, PROCMAP_QUERY, start));
  if (result < 0) return result;
  const filled = kernel.peek(0, STRUCT);
  const long = (i: number): number => Number(filled.readBigUInt64LE(8 * i));
  const nameSize = filled.readUInt32LE(80);
  return {
    start: long(3),
    end: long(4),
    flags: long(5),
    pageSize: long(6),
    offset: long(7),
    ino: long(8),
    devMajor: filled.readUInt32LE(72),
    devMinor: filled.readUInt32LE(76),
    name: nameSize === 0 ? '' : kernel.peek(NAME_AT, nameSize - 1).toString(),
  };
}

const reason = whyNotLive();

describe.skipIf(reason !== undefined)(
  `PROCMAP_QUERY beside the live kernel${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let folder = '';
    let twin: Twin;
    let fd = -1;

    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'vmaspace-query-'));
      twin = Twin.start();
      fd = Number(twin.kernel.call('open', twin.kernel.poke(0, SELF_MAPS), 0));
      expect(fd).toBeGreaterThan(0);
    });

    afterEach(() => {
      twin.stop();
      rmSync(folder, { recursive: true });
    });

    function expectSame(query: RawQuery): ProcmapAnswer | number {
      const theirs = ioctl(twin.kernel, fd, query);
      const ours = twin.process.procmapQuery(query);
      expect(unnumbered(ours), `${JSON.stringify(query)} (${REPEAT})`).toEqual(unnumbered(theirs));
      return theirs;
    }

    const WHOLE = { nameSize: NAME_ROOM, size: STRUCT };

    it('X-14 what a started process has, the gate too', () => {
      for (const { start, end } of twin.kernel.vmas()) {
        for (const addr of [Number(start), Number(end) - 1, Number(end)]) {
          if (!Number.isSafeInteger(addr)) continue;
          for (const flags of [0, NEXT, NEXT | FILE, WRITABLE]) {
            expectSame({ ...WHOLE, addr, flags });
          }
        }
      }
      expectSame({ ...WHOLE, addr: -0xa00000, flags: 0 }); // [vsyscall]
      expectSame({ ...WHOLE, addr: -1, flags: NEXT });
    });

    it('X-14 errors, and which comes first', () => {
      const addr = Number(twin.kernel.vmas()[0]?.start);
      for (const size of [0, 8, 23, STRUCT, 4097, 2 ** 40]) {
        for (const flags of [0, 0x40, 0x80000000]) {
          expectSame({ addr, flags, nameSize: NAME_ROOM, size });
        }
      }
      expectSame({ addr, flags: 0, nameSize: 1, size: STRUCT });
      expectSame({ addr: 0, flags: 0, nameSize: 1, size: STRUCT });
      expectSame({ addr: 0, flags: 0x40, nameSize: 1, size: 8 });
    });

    it('X-14 random address spaces and queries', () => {
      const random = new Random(SEED);
      const path = join(folder, 'a file, two\nlines');
      writeFileSync(path, Buffer.alloc(16 * PAGE_SIZE));
      const files = [twin.memfd('m', 32), twin.file(path, 'rw')];
      const prots = [PROT_NONE, PROT_READ, RW, RX, PROT_WRITE];
      const found = new Set<number>();
      for (let round = 0; round < 60; round++) {
        const [addr, len] = [at(random.below(64)), (1 + random.below(8)) * PAGE_SIZE];
        const prot = random.pick(prots);
        const share = (random.chance(0.5) ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED;
        const kind = random.below(4);
        if (kind === 0) twin.call('munmap', addr, len);
        else if (kind === 1) twin.call('mmap', addr, len, prot, share | MAP_ANONYMOUS, -1, 0);
        else if (kind === 2)
          twin.call(
            'mmap',
            addr,
            len,
            prot,
            share,
            random.pick(files),
            random.below(8) * PAGE_SIZE,
          );
        else twin.call('mprotect', addr, len, prot);
        for (let i = 0; i < 12; i++) {
          const answer = expectSame({
            addr: at(random.below(72)) - random.below(2),
            flags: random.below(0x40),
            nameSize: random.pick([0, 1, 16, 100, NAME_ROOM]),
            size: STRUCT,
          });
          found.add(typeof answer === 'number' ? answer : 0);
        }
      }
      expect([...found].toSorted((a, b) => b - a)).toEqual([0, ENOENT, ENAMETOOLONG]);
    });
  },
);

const SELF_MAPS = Buffer.from('/proc/self/maps\0');
