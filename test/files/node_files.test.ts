/** Files of the system: mapped, changed, and there again when another program looks. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeFiles, openPath } from '../../src/host/node_files.ts';
import {
  EACCES,
  EISDIR,
  ENODEV,
  ENOENT,
  Machine,
  MAP_PRIVATE,
  MAP_SHARED,
  MS_SYNC,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../src/index.ts';

const P = 4096;
const RW = PROT_READ | PROT_WRITE;
const CHILD = fileURLToPath(new URL('./crash.child.mjs', import.meta.url));

let folder: string;
let machine: Machine;
let process: Process;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmaspace-files-'));
  machine = Machine.create({ bytes: 8 * 2 ** 20, host: new NodeFiles() });
  process = machine.spawn();
});
afterEach(() => {
  process.exit();
  machine.tearDown();
  rmSync(folder, { recursive: true });
});

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('openPath', () => {
  it('maps a file shared, which changes it', () => {
    const path = file('data', new Uint8Array(3 * P).fill(120));
    const fd = openPath(machine, path, { writable: true });
    const at = process.mmap(0, 3 * P, RW, MAP_SHARED, fd, 0);
    expect(process.load(at + P, 1)).toBe(120);
    process.store(at + P, 65, 1);
    expect(process.msync(at, 3 * P, MS_SYNC)).toBe(0);
    expect(readFileSync(path)[P]).toBe(65);
    expect(statSync(path).size).toBe(3 * P);
  });

  it('maps a file private, which does not', () => {
    const path = file('data', 'hello');
    const at = process.mmap(0, P, RW, MAP_PRIVATE, openPath(machine, path), 0);
    process.store(at, 65, 1);
    machine.sync();
    expect(readFileSync(path, 'utf8')).toBe('hello');
    const seen = new Uint8Array(8);
    process.read(at, seen);
    expect(new TextDecoder().decode(seen)).toBe('Aello\0\0\0');
  });

  it('writes no more than the file has, and what grew', () => {
    const path = file('data', 'hello');
    const fd = openPath(machine, path, { writable: true });
    const at = process.mmap(0, P, RW, MAP_SHARED, fd, 0);
    process.store(at + 4, 0x58585858);
    machine.fsync(fd);
    expect(readFileSync(path, 'utf8')).toBe('hellX');
    machine.truncate(fd, 7);
    expect(readFileSync(path, 'utf8')).toBe('hellX\0\0');
    machine.pwrite(fd, new TextEncoder().encode('wide'), 10);
    machine.close(fd);
    process.munmap(at, P);
    expect(readFileSync(path, 'utf8')).toBe('hellX\0\0\0\0\0wide');
  });

  it('tells maps where the file is', () => {
    const path = file('data', 'x');
    symlinkSync(path, join(folder, 'link'));
    process.mmap(0, P, PROT_READ, MAP_SHARED, openPath(machine, join(folder, 'link')), 0);
    const { ino } = statSync(path);
    expect(process.maps()).toMatch(new RegExp(` [0-9a-f]+:[0-9a-f]+ ${ino} +.*/data\\n`, 'u'));
  });

  it('knows a file again, by whatever name', () => {
    const path = file('data', 'x');
    symlinkSync(path, join(folder, 'link'));
    const first = openPath(machine, path, { writable: true });
    const second = openPath(machine, join(folder, 'link'));
    machine.pwrite(first, Uint8Array.of(65), 0);
    const seen = new Uint8Array(1);
    expect([machine.pread(second, seen, 0), seen[0]]).toEqual([1, 65]);
  });

  it('says what the system says of a path', () => {
    expect(openPath(machine, join(folder, 'nothing'))).toBe(ENOENT);
    expect(openPath(machine, folder, { writable: true })).toBe(EISDIR);
    expect(openPath(machine, '/dev/null')).toBe(ENODEV);
    expect(openPath(machine, 'no\0name')).toBeLessThan(0);
    const directory = openPath(machine, folder);
    expect(machine.pread(directory, new Uint8Array(1), 0)).toBe(EISDIR);
    expect(process.mmap(0, P, PROT_READ, MAP_PRIVATE, directory, 0)).toBe(ENODEV);
  });

  it('gives EACCES to map a file shared and writable that is open for reading', () => {
    const fd = openPath(machine, file('data', 'x'));
    expect(process.mmap(0, P, RW, MAP_SHARED, fd, 0)).toBe(EACCES);
  });

  it.runIf(statSync('/dev/zero', { throwIfNoEntry: false }) !== undefined)(
    'knows /dev/zero',
    () => {
      const fd = openPath(machine, '/dev/zero', { writable: true });
      const at = process.mmap(0, P, RW, MAP_SHARED, fd, 0);
      process.store(at, 5, 1);
      expect([process.load(at, 1), process.load(at + 1, 1)]).toEqual([5, 0]);
    },
  );
});

describe('a program that ends between a store and msync()', () => {
  it.each([
    ['throw', { status: 1, signal: null }],
    ['reject', { status: 1, signal: null }],
    ['exit', { status: 7, signal: null }],
    ['end', { status: 0, signal: null }],
    ['SIGTERM', { status: null, signal: 'SIGTERM' }],
    ['SIGINT', { status: null, signal: 'SIGINT' }],
    ['worker exit', { status: 7, signal: null }],
    ['worker terminated', { status: 7, signal: null }],
  ])('by %s loses nothing', (end, how) => {
    const path = file('data', new Uint8Array(5000).fill(120));
    const child = spawnSync(globalThis.process.execPath, [CHILD, path, end]);
    expect(child).toMatchObject(how);
    const bytes = readFileSync(path);
    expect(bytes.length).toBe(5000);
    expect([...bytes.subarray(0, 5)]).toEqual([0x44, 0x43, 0x42, 0x41, 120]);
    expect([...bytes.subarray(4096, 4101)]).toEqual([0x48, 0x47, 0x46, 0x45, 120]);
  });
});
