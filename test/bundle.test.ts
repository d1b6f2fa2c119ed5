import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Face from '../src/index.ts';

const DIST = new URL('../dist/', import.meta.url);
const pathOf = (name: string): string => fileURLToPath(new URL(name, DIST));
const load = async (name: string): Promise<typeof Face> =>
  (await import(new URL(name, DIST).href)) as typeof Face;

interface Manifest {
  readonly bin: Record<string, string>;
  readonly exports: Record<string, { types: string; default: string }>;
}

describe('the bundle', () => {
  let bundle: typeof Face;
  beforeAll(async () => {
    bundle = await load('bundle/index.js');
  });

  it('offers what the modules offer', async () => {
    const modules = await load('index.js');
    expect(Object.keys(bundle).toSorted()).toEqual(Object.keys(modules).toSorted());
  });

  it('runs a machine to its end', () => {
    const machine = bundle.Machine.create();
    const subject = machine.spawn();
    const at = subject.mmap(0, 8192, 3, 0x22, -1, 0);
    expect(subject.store(at, 42)).toBe(0);
    const child = subject.fork();
    if (typeof child === 'number') expect.fail(`fork() gave ${child}`);
    expect(child.store(at, 43)).toBe(0);
    expect([subject.load(at), child.load(at)]).toEqual([42, 43]);
    subject.verify();
    child.exit();
    subject.exit();
    machine.tearDown();
  });

  it('is what the package gives away', () => {
    const manifest = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    ) as Manifest;
    const given = [
      manifest.bin['vmaspace'],
      manifest.exports['.']?.default,
      manifest.exports['./node']?.default,
      manifest.exports['./check']?.default,
    ];
    expect(given).toEqual([
      './dist/bundle/main.js',
      './dist/bundle/index.js',
      './dist/bundle/node_files.js',
      './dist/bundle/check.js',
    ]);
  });

  it('has the command line', () => {
    const help = execFileSync(execPath, [pathOf('bundle/main.js'), '--help'], { encoding: 'utf8' });
    expect(help).toContain('replay');
  });
});
