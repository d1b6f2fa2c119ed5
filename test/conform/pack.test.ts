/** The scenarios of the conformance pack, by the engine; the example runner; the command. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { conformCommand } from '../../src/cli/conform.ts';
import { conform } from '../../src/lab/conform/conform.ts';
import { VectorError } from '../../src/lab/conform/vector.ts';
import { parseScenarios } from '../../src/lab/pack/scenarios.ts';
import { runCommand } from '../command.ts';

const FOLDER = fileURLToPath(new URL('../../conformance/', import.meta.url));
const TOPICS = readdirSync(FOLDER).filter((name) => name.endsWith('.jsonl'));
const textOf = (topic: string): string => readFileSync(join(FOLDER, topic), 'utf8');
/** A pack of two scenarios. */
const SHORT = textOf('mmap.jsonl')
  .split('\n')
  .filter((line, i) => i === 0 || /"mmap\/(?:no-hint-merges|length-zero)"/u.test(line))
  .map((line) => `${line}\n`)
  .join('');
const scratch = mkdtempSync(join(tmpdir(), 'vmaspace-pack-'));

afterAll(() => rmSync(scratch, { recursive: true }));

describe('the conformance pack', () => {
  it.each(TOPICS)('agrees with the engine in %s', (topic) => {
    for (const { name, vector } of parseScenarios(textOf(topic))) {
      expect(conform(vector).findings, name).toEqual([]);
      expect(vector.records.length, name).toBeGreaterThan(0);
    }
  });

  it('has a name of its own, a sentence and a source for every scenario', () => {
    const all = TOPICS.flatMap((topic) => parseScenarios(textOf(topic)));
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(all.filter(({ says }) => !says.endsWith('.'))).toEqual([]);
    expect(all.filter(({ source }) => source === '')).toEqual([]);
  });

  it('is built from a source for each topic', () => {
    const sources = readdirSync(join(FOLDER, 'source'));
    expect(sources.toSorted()).toEqual(
      TOPICS.map((name) => name.replace('.jsonl', '.txt')).toSorted(),
    );
  });

  it.each([
    ['{"kind":"header"}\n', 'line 1: not the header of a pack'],
    ['{"kind":"scenarios","format":9}\n', 'line 1: only packs of format 2 are known'],
    ['{"kind":"scenarios","format":2}\n', 'line 1: the list of files is missing'],
    ['{"kind":"scenarios","format":2,"files":[],"topic":"a"}\n', 'line 1: the list of first VMAs'],
    [`${SHORT}{"name":"mmap/x"}\n`, '"uid" is missing'],
    [`${SHORT}{"uid":0,"steps":[]}\n`, '"name" is missing'],
    [`${SHORT}{"uid":0,"steps":[3]}\n`, 'not a JSON object'],
    [`${SHORT}{"uid":0,"steps":[{"p":0}]}\n`, 'a record needs a process'],
  ])('says what is wrong with a file (%#)', (text, message) => {
    expect(() => parseScenarios(text)).toThrow(VectorError);
    expect(() => parseScenarios(text)).toThrow(message);
  });
});

describe('vmaspace conform with packs', () => {
  afterEach(() => vi.restoreAllMocks());

  const write = (text: string): string => {
    const path = join(scratch, 'mmap.jsonl');
    writeFileSync(path, text);
    return path;
  };
  const run = (...args: string[]) => runCommand(conformCommand(), args);
  /** A result that no kernel gave: mmap/length-zero is refused with ENOMEM. */
  const wrong = SHORT.replace(/("op":"mmap 0x200000000000 0 3 0x32 -1 0","r":)-22/u, '$1-12');

  it('runs vectors and packs alike', async () => {
    const vector = fileURLToPath(new URL('vectors/0007-core.jsonl', import.meta.url));
    const { text, code } = await run('--json', vector, write(SHORT));
    expect(JSON.parse(text)).toMatchObject({ ok: true, summary: { files: 2, scenarios: 2 } });
    expect(code).toBe(0);
  });

  it('names the scenario of a finding, and the command that repeats it', async () => {
    const path = write(wrong);
    const { text, code } = await run('--json', path);
    expect(code).toBe(1);
    expect(JSON.parse(text)).toMatchObject({
      ok: false,
      summary: { disagreed: 1, otherKernel: 0 },
      findings: [
        {
          scenario: 'mmap/length-zero',
          kernel: '-12',
          engine: '-22',
          repeat: `vmaspace conform ${path} --only mmap/length-zero`,
        },
      ],
    });
  });

  it('runs only the scenarios that are asked for', async () => {
    const { text, code } = await run('--json', '--only', 'no-hint-m', write(wrong));
    expect(JSON.parse(text)).toMatchObject({ ok: true, summary: { scenarios: 1, records: 2 } });
    expect(code).toBe(0);
    await expect(run('--only', 'nothing-like-it', write(SHORT))).rejects.toThrow(
      'no scenario of these files has "nothing-like-it" in its name.',
    );
  });

  it('takes what another kernel does otherwise for a difference of that kernel', async () => {
    const path = write(wrong.replace(/"kernel":"[^"]*"/u, '"kernel":"6.180.1"'));
    const { text, code } = await run('--json', path);
    const document = JSON.parse(text) as { notes: string[] };
    expect(document).toMatchObject({
      ok: true,
      summary: { disagreed: 0, otherKernel: 1 },
      findings: [],
      otherKernel: [{ scenario: 'mmap/length-zero', recordedOn: '6.180.1' }],
    });
    expect(document.notes.join()).toContain('records of Linux 6.180.1 differ');
    expect(code).toBe(0);
    const human = await run(path);
    expect(human.text).toContain('Other kernels do otherwise:');
  });

  it.each([
    ['{"kind":"strange"}\n', 'the "kind" is neither "header", a vector, nor "scenarios", a pack.'],
    ['{"kind":"scenarios","format":3}\n', 'only packs of format 2 are known.'],
  ])('refuses %j in one sentence', async (text, sentence) => {
    await expect(run(write(text))).rejects.toThrow(sentence);
  });
});

describe('the example runner', () => {
  const runner = join(FOLDER, 'example_runner.mjs');
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [runner, ...args], { encoding: 'utf8' });

  it('runs the pack against the public package', () => {
    const { stdout, status } = run(...TOPICS.map((topic) => join(FOLDER, topic)));
    expect(stdout).toMatch(/^[1-9]\d* agreed, 0 disagreed, \d+ skipped\n$/u);
    expect(status).toBe(0);
  });

  it('says which scenario an implementation does otherwise', () => {
    const adapter = join(scratch, 'refusing.mjs');
    const world =
      '{ run: (p, name) => (name === "ld" ? null : { r: -22 }), vmas: () => undefined }';
    writeFileSync(adapter, `export const adapter = { start: () => (${world}) };\n`);
    const { stdout, status } = run('--adapter', adapter, join(FOLDER, 'mmap.jsonl'));
    expect(stdout).toContain('mmap/no-hint-below-top: A mapping without an address');
    expect(stdout).toContain('r: the kernel 140737354092544, here -22');
    expect(stdout).toMatch(/\n[1-9]\d* agreed, [1-9]\d* disagreed, \d+ skipped\n$/u);
    expect(status).toBe(1);
  });
});
