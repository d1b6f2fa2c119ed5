import { afterEach, describe, expect, it, vi } from 'vitest';
import { Process } from '../index.ts';
import { type Ran, runCommand } from '../../test/command.ts';
import { sweepCommand } from './sweep.ts';

const swept = (...args: string[]): Promise<Ran> => runCommand(sweepCommand(), args);

afterEach(() => {
  vi.restoreAllMocks();
});

describe('vmaspace sweep', () => {
  it('X-4 reports sites and outcomes, and ends with 0', async () => {
    const { text, code } = await swept('--only', 'brk that');
    expect(text).toContain('Unknown outcomes: 0.');
    expect(text).toMatch(/\| `vm_area_struct: \w+ < vmAreaAlloc < insertAnonymous` \| \d+ \|/u);
    expect(code).toBe(0);
  });

  it('X-4 prints one document', async () => {
    const { text } = await swept('--json', '--only', 'a name for');
    expect(JSON.parse(text)).toMatchObject({
      schema: 'vmaspace-sweep/1',
      ok: true,
      summary: { unknown: 0 },
      findings: [],
    });
  });

  it('X-4 runs random programs, the same for the same seed', async () => {
    const args = ['--profile', 'anonymous', '--seed', '3', '--runs', '1'];
    const { text } = await swept(...args);
    expect(text).toContain('1 programs; 40 calls');
    expect(await swept(...args)).toEqual({ text, code: 0 });
  });

  it('X-4 ends with 1 when an outcome is not known, and says how to repeat it', async () => {
    vi.spyOn(Process.prototype, 'verify').mockImplementation(() => {
      throw new Error('a planted violation');
    });
    const { text, code } = await swept('--only', 'a name for');
    expect(text).toMatch(/UNKNOWN: a name for the middle: 0: name\(page 4, 0x2000, 1\)/u);
    expect(text).toContain('a planted violation');
    expect(text).toContain("again: vmaspace sweep --only 'a name for the middle'");
    expect(code).toBe(1);
  });

  it.each([
    [['--runs', 'many'], '--runs takes a whole number, not "many"'],
    [['--profile', 'none'], '--profile is one of mixed, anonymous'],
    [['--only', 'nothing like it'], 'There is nothing to sweep'],
    [['--runs', '0'], 'There is nothing to sweep'],
    [['--only', 'fork', '--seed', '1'], '--only is about scenarios'],
  ])('refuses %j in one sentence', async (args, words) => {
    await expect(swept(...args)).rejects.toThrow(words);
  });
});
