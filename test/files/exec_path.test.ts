/** execPath(): programs of the system, with what they need from there. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { execPath, NodeFiles } from '../../src/host/node_files.ts';
import {
  ADDR_NO_RANDOMIZE,
  EACCES,
  ENOENT,
  ENOEXEC,
  type ExecStart,
  Machine,
  type Process,
} from '../../src/index.ts';
import { load, makeElf } from '../exec/elf_maker.ts';

let folder: string;
let machine: Machine;
let process: Process;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmaspace-exec-'));
  machine = Machine.create({ bytes: 8 * 2 ** 20, seed: 1, host: new NodeFiles() });
  process = machine.spawn();
  process.setPersonality(ADDR_NO_RANDOMIZE);
});

afterEach(() => {
  process.exit();
  machine.tearDown();
  rmSync(folder, { recursive: true });
});

const at = (name: string): string => join(folder, name);

function put(name: string, bytes: Uint8Array | string, mode = 0o755): string {
  writeFileSync(at(name), bytes);
  chmodSync(at(name), mode);
  return at(name);
}

const SEGMENTS = [
  load({ vaddr: 0n, filesz: 0x900n }),
  load({ vaddr: 0x2000n, offset: 0x1000n, flags: 6, filesz: 0x800n, memsz: 0x3000n }),
];
const LOADER = makeElf({ type: 3, entry: 0x40n, size: 0x3000, phdrs: SEGMENTS });

/** A program whose loader is `loader`. */
function programOf(loader: string): Uint8Array {
  const name = load({ type: 3, offset: 0x800n, vaddr: 0n, filesz: BigInt(loader.length + 1) });
  const strings = [{ at: 0x800, text: `${loader}\0` }];
  return makeElf({ type: 3, entry: 0n, size: 0x3000, phdrs: [name, ...SEGMENTS], strings });
}

function started(path: string, argv?: readonly string[]): ExecStart {
  const result = execPath(process, path, argv === undefined ? {} : { argv });
  if (typeof result === 'number') throw new Error(`execPath() gave ${result}`);
  return result;
}

/** The strings of argv, as the program finds them. */
function argumentsAt(sp: number): string[] {
  const argc = Number(process.load64(sp));
  return Array.from({ length: argc }, (_, i) => {
    const bytes = new Uint8Array(200);
    process.read(Number(process.load64(sp + 8 * (i + 1))), bytes);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  });
}

describe('execPath', () => {
  it('X-16 exec: maps a program and its loader from the files of the system', () => {
    const loader = put('loader', LOADER);
    const { entry } = started(put('program', programOf(loader)));
    expect(process.find(entry)?.start).toBe(entry - 0x40);
    const names = process
      .maps()
      .split('\n')
      .map((line) => line.split('/').at(-1));
    expect(names.filter((name) => name === 'program' || name === 'loader')).toEqual([
      'program',
      'program',
      'loader',
      'loader',
    ]);
    expect(process.load(entry)).toBe(LOADER.readUInt32LE(0x40));
  });

  it('X-16 exec: finds the reader of a script, and tells it so', () => {
    const reader = put('reader', LOADER);
    const script = put('script', `#!${reader} -x\n`);
    const { stackPointer } = started(script, ['me', 'one']);
    expect(argumentsAt(stackPointer)).toEqual([reader, '-x', script, 'one']);
  });

  it('X-16 exec: says what the system says, and nothing has happened', () => {
    process.mmap(0x10000000, 4096, 3, 0x22, -1, 0);
    const before = process.maps();
    expect(execPath(process, at('nothing'))).toBe(ENOENT);
    expect(execPath(process, folder)).toBe(EACCES);
    expect(execPath(process, put('data', LOADER, 0o644))).toBe(EACCES);
    expect(execPath(process, put('text', 'text'))).toBe(ENOEXEC);
    expect(execPath(process, put('program', programOf(at('nothing'))))).toBe(ENOENT);
    expect(execPath(process, put('again', programOf(at('data'))))).toBe(EACCES);
    expect(process.maps()).toBe(before);
    expect(process.fatalSignal()).toBe(0);
  });

  it.each([
    [0o755, false],
    [0o4755, true],
    [0o2755, true],
    [0o2745, false],
  ])('X-16 exec: with the mode %o the personality is lost: %s', (mode, isLost) => {
    const path = put('program', LOADER, mode);
    const first = started(path).entry;
    process.setPersonality(ADDR_NO_RANDOMIZE);
    expect(started(path).entry !== first).toBe(isLost);
  });

  it('X-9 closes what it has opened', () => {
    const loader = put('loader', LOADER);
    const first = machine.open({ kind: 'regular', path: '/first' });
    machine.close(first);
    for (const path of [put('program', programOf(loader)), put('text', 'text'), folder]) {
      execPath(process, path);
      const next = machine.open({ kind: 'regular', path: '/next' });
      expect(next).toBe(first);
      machine.close(next);
    }
  });
});
