import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Ran, runCommand } from '../../test/command.ts';
import { EINVAL, Process } from '../index.ts';
import { parseVector } from '../lab/conform/vector.ts';
import { whyNotLive } from '../lab/oracle/live_kernel.ts';
import { fuzzCommand } from './fuzz.ts';

let directory: string;

const fuzzed = (...args: string[]): Promise<Ran> => runCommand(fuzzCommand(), args);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vmaspace-fuzz-'));
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  rmSync(directory, { recursive: true });
});

const withoutSeconds = (text: string): string => text.replace(/"seconds":[\d.]+/u, '');

const why = whyNotLive();

describe.skipIf(why !== undefined)(
  `vmaspace fuzz, beside the live kernel${why === undefined ? '' : ` (skipped: ${why})`}`,
  () => {
    it('agrees, and tells what it reached', async () => {
      const { text, code } = await fuzzed('--seed', '3', '--runs', '12', '--ops', '30');
      expect(text).toMatch(/^12 programs, \d+ calls beside Linux 6\.18\S*: all agree\./u);
      expect(text).toMatch(/\nmerge +\d+ {2}/u);
      expect(code).toBe(0);
    });

    it('runs the same programs for the same seed', async () => {
      const args = ['--seed', '9', '--runs', '6', '--ops', '30', '--profile', 'core,fork'];
      const [one, two] = [await fuzzed('--json', ...args), await fuzzed('--json', ...args)];
      expect(JSON.parse(one.text)).toMatchObject({
        schema: 'vmaspace-fuzz/1',
        ok: true,
        summary: { runs: 6, disagreed: 0 },
        findings: [],
        plan: { seed: 9, runs: 6, ops: 30, profiles: ['core', 'fork'] },
      });
      expect(withoutSeconds(two.text)).toBe(withoutSeconds(one.text));
    });

    it('makes a disagreement small, and writes it down', async () => {
      const planted = vi.spyOn(Process.prototype, 'munmap').mockReturnValue(EINVAL);
      const { code } = await fuzzed(
        '--seed',
        '1',
        '--runs',
        '2',
        '--profile',
        'core',
        '-o',
        directory,
      );
      expect(code).toBe(1);
      const file = readdirSync(directory).find((name) => name.endsWith('.jsonl')) ?? '';
      const path = join(directory, file);
      const { records } = parseVector(readFileSync(path, 'utf8'));
      expect(records.length).toBeLessThanOrEqual(2);
      expect(records.at(-1)?.op).toMatch(/^munmap /u);

      const again = await fuzzed('again', path);
      expect(again.text).toContain('they disagree at line');
      expect(again.code).toBe(1);
      planted.mockRestore();
      expect(await fuzzed('again', path)).toMatchObject({ code: 0 });
    });

    it('runs a campaign in parts, and adds them up', async () => {
      const parts = [1, 2, 3].map((index) => join(directory, String(index)));
      const plan = ['--seed', '5', '--runs', '7', '--ops', '20', '--profile', 'core'];
      for (const [i, part] of parts.entries()) {
        await fuzzed(...plan, '--shard', `${i + 1}/3`, '-o', part);
      }
      const { text, code } = await fuzzed('merge', '--json', ...parts);
      expect(JSON.parse(text)).toMatchObject({ ok: true, summary: { runs: 7 }, complete: true });
      expect(code).toBe(0);
      await expect(fuzzed('merge', ...parts.slice(1))).rejects.toThrow('shard 1 of 3 is missing');
    });
  },
);

describe('vmaspace fuzz', () => {
  it('says so where there is no Linux', async () => {
    vi.stubGlobal('process', Object.create(process, { platform: { value: 'darwin' } }));
    await expect(fuzzed('--runs', '1')).rejects.toThrow('there is no live kernel to ask');
    expect(existsSync('vmaspace-fuzz')).toBe(false);
  });

  it.each([
    [['--runs', 'many'], '--runs takes a whole number, not "many"'],
    [['--profile', 'none'], '--profile is of core, '],
    [['--shard', '3/2'], '--shard takes i/n with i from 1 to n, not "3/2"'],
    [['--shard', '1/3', '--runs', '2'], 'more shards than runs'],
    [['--out', 'package.json/x'], 'package.json/x cannot be made (ENOTDIR)'],
    [['merge', '/does/not/exist'], '/does/not/exist/fuzz.json cannot be read (ENOENT)'],
    [['again', '/does/not/exist'], '/does/not/exist cannot be read (ENOENT): give a vector.'],
  ])('refuses %j in one sentence', async (args, sentence) => {
    await expect(fuzzed(...args)).rejects.toThrow(sentence);
  });
});
