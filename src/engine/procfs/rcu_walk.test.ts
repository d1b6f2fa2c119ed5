/** What another does while a VMA is being copied under RCU. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { asAnother } from '../../../test/cpus.ts';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../index.ts';
import type * as files from '../file/file_struct.ts';

const hooks = vi.hoisted(() => ({ copying: null as (() => void) | null }));

vi.mock('../file/file_struct.ts', async (original) => {
  const real = await original<typeof files>();
  return {
    ...real,
    getFileUnlessGone(file: Parameters<typeof real.getFileUnlessGone>[0]) {
      const hook = hooks.copying;
      hooks.copying = null;
      hook?.();
      return real.getFileUnlessGone(file);
    },
  };
});

const BASE = 0x200000000000;
const at = (page: number): number => BASE + page * PAGE_SIZE;

let machine: Machine;
let process: Process;

const mapFile = (page: number, path: string): void => {
  const fd = machine.open({ kind: 'regular', path, ino: 7 });
  process.mmap(at(page), 2 * PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0);
  machine.close(fd);
};

/** "0-2 /a", of each. */
const shown = (): string[] =>
  process.vmas().map(({ start, end, file }) => {
    const [from, to] = [start, end].map((addr) => (addr - BASE) / PAGE_SIZE);
    return `${from}-${to} ${file?.path ?? ''}`;
  });

beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20, protocol: { mapsReader: 'rcu' } });
  process = machine.spawn();
  mapFile(0, '/a');
  mapFile(4, '/b');
});

afterEach(() => {
  process.verify();
  process.exit();
  const { caches } = machine.report();
  expect(caches.find(({ name }) => name === 'file')?.live, 'every reference was dropped').toBe(0);
  machine.tearDown();
});

describe('rcuWalk()', () => {
  const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

  it.each<[what: string, change: () => unknown, then: string[]]>([
    ['nothing', () => 0, ['0-2 /a', '4-6 /b']],
    ['it goes, and so does its file', () => process.munmap(at(0), 2 * PAGE_SIZE), ['4-6 /b']],
    ['it is cut', () => process.munmap(at(1), PAGE_SIZE), ['0-1 /a', '4-6 /b']],
    [
      'it is split',
      () => process.mprotect(at(0), PAGE_SIZE, PROT_READ | PROT_WRITE),
      ['0-1 /a', '1-2 /a', '4-6 /b'],
    ],
    [
      'its memory and its file are used for another',
      () => {
        process.munmap(at(0), 2 * PAGE_SIZE);
        mapFile(2, '/c');
      },
      ['2-4 /c', '4-6 /b'],
    ],
    [
      'memory of no file takes its place',
      () => process.mmap(at(0), 2 * PAGE_SIZE, PROT_READ, ANON, -1, 0),
      ['0-2 ', '4-6 /b'],
    ],
  ])('X-13 S0-12 while the first is copied, %s', (_, change, then) => {
    hooks.copying = () => void asAnother(change);
    expect(shown()).toEqual(then);
    expect(hooks.copying).toBeNull();
  });

  it('copies under the VMA locks when there is no memory for a copy', () => {
    const before = process.maps();
    machine.failAllocations({ cache: 'vm_area_struct', count: 1 });
    expect(process.maps()).toBe(before);
  });
});
