/** The live kernel still gives what the conformance pack says, to the letter. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownUid } from '../../src/lab/oracle/kernel.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { beginning, type Beginning, buildFile } from '../../src/lab/pack/build.ts';

const FOLDER = fileURLToPath(new URL('../../conformance/', import.meta.url));
const SOURCES = readdirSync(join(FOLDER, 'source'));
/** What a machine may have otherwise, and then answers otherwise. */
const SETTINGS = ['overcommit', 'max_map_count', 'mmap_min_addr', 'thp'];
const LIMITS = new Set(['AS', 'DATA', 'MEMLOCK', 'STACK']);

const builtOf = (topic: string): string[] =>
  readFileSync(join(FOLDER, `${topic}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n');

/** @returns why this machine cannot give the same, or how its processes begin. */
function here(): string | Beginning {
  const reason = whyNotLive() ?? (ownUid() === 0 ? undefined : 'scenarios need root.');
  if (reason !== undefined) return reason;
  const now = beginning();
  const built = JSON.parse(builtOf('mmap')[0] ?? '') as Record<string, unknown>;
  const isSame = (key: string) => JSON.stringify(built[key]) === JSON.stringify(now.header[key]);
  const other = SETTINGS.filter((key) => !isSame(key));
  if (other.length > 0) return `this machine has another ${other.join(', ')}.`;
  if (limitsOf(built) !== limitsOf(now.header)) return 'processes have other limits here.';
  const isAlike =
    JSON.stringify([built['base'], built['brk']]) === JSON.stringify([now.base, now.brk]);
  return isAlike ? now : 'a process begins with other mappings here.';
}

function limitsOf({ limits }: Readonly<Record<string, unknown>>): string {
  const all = Object.entries(limits ?? {}).filter(([name]) => LIMITS.has(name));
  return JSON.stringify(all);
}

const from = here();
function begun(): Beginning {
  if (typeof from === 'string') throw new Error(from);
  return from;
}

const why = typeof from === 'string' ? `; skipped: ${from}` : '';

describe.skipIf(typeof from === 'string')(`the pack, against the live kernel${why}`, () => {
  it.each(SOURCES)('gives what was written down, from %s', (file) => {
    const topic = file.replace('.txt', '');
    const text = readFileSync(join(FOLDER, 'source', file), 'utf8');
    const { lines, mistakes } = buildFile(text, { file, topic, from: begun() });
    expect(mistakes).toEqual([]);
    expect(lines.slice(1)).toEqual(builtOf(topic).slice(1));
  });

  it('says where a source expects what the kernel does not do', () => {
    const text = '# a/b\nIt does.\nsource: x\nmunmap W+1 1p -> 0 [1]\n';
    const { mistakes } = buildFile(text, { file: 'a.txt', topic: 'a', from: begun() });
    expect(mistakes).toEqual([
      'a.txt:4: the kernel gave EINVAL, not 0.',
      'a.txt:4: process 0 has 0 VMAs, not 1.',
    ]);
  });

  it('is written by one command, and checked by another', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmaspace-pack-'));
    const source = join(folder, 'source', 'a.txt');
    const command = fileURLToPath(new URL('../../dist/lab/pack/build_main.js', import.meta.url));
    const run = (...args: string[]) => spawnSync(process.execPath, [command, ...args, source]);
    const write = (length: string, errno: string) => {
      const step = `munmap W ${length} -> ${errno}`;
      writeFileSync(source, `# a/b\nIt does.\nsource: munmap(2)\n${step}\n`);
    };
    mkdirSync(join(folder, 'source'));
    write('0', 'EINVAL');
    expect(run()).toMatchObject({ status: 0 });
    expect(run('--check')).toMatchObject({ status: 0 });
    const built = readFileSync(join(folder, 'a.jsonl'), 'utf8');
    write('1p', '0');
    expect(run('--check')).toMatchObject({ status: 1 });
    write('1p', 'EINVAL');
    expect(run()).toMatchObject({ status: 1 });
    write('what', '0');
    expect(run()).toMatchObject({ status: 2 });
    expect(readFileSync(join(folder, 'a.jsonl'), 'utf8')).toBe(built);
    rmSync(folder, { recursive: true });
  });

  it('says where a step ends the process that it is for', () => {
    const text = '# a/b\nIt does.\nsource: x\nmunmap 0x300000 0x10000 -> 0\n';
    const build = () => buildFile(text, { file: 'a.txt', topic: 'a', from: begun() });
    expect(build).toThrow('a.txt:4: the stub died');
  });
});
