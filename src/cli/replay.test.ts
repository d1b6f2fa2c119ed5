import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Ran, runCommand } from '../../test/command.ts';
import { replayCommand } from './replay.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/python-import', import.meta.url));

const replayed = (...args: string[]): Promise<Ran> => runCommand(replayCommand(), args);

afterEach(() => {
  vi.restoreAllMocks();
});

describe('vmaspace replay', () => {
  it('reports the example recording, and ends with 0', async () => {
    const { text, code } = await replayed(EXAMPLE);
    expect(text).toContain('132 of 132 calls agree');
    expect(code).toBe(0);
  });

  it('prints one document for several recordings', async () => {
    const { text } = await replayed('--json', EXAMPLE, EXAMPLE);
    expect(JSON.parse(text)).toMatchObject({
      schema: 'vmaspace-replay/1',
      ok: true,
      summary: { calls: 264, processes: 2 },
      traces: [{ ok: true }, { ok: true }],
    });
  });

  it('stops behind a line', async () => {
    const { text } = await replayed('--until', '10', EXAMPLE);
    expect(text).toContain('9 of 9 calls agree');
  });

  it('ends with 1 when an answer differs, and says how to repeat it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vmaspace-'));
    const log = join(directory, 'x.strace');
    writeFileSync(log, '1 execve("/x", [], 0) = 0\n1 brk(NULL) = 0x1000\n1 munmap(1, 4096) = 0\n');
    const { text, code } = await replayed(log);
    rmSync(directory, { recursive: true });
    expect(text).toContain(`vmaspace replay ${log} --until 3`);
    expect(code).toBe(1);
  });

  it.each([
    [['/does/not/exist'], 'cannot be read (ENOENT)'],
    [['--until', 'soon', EXAMPLE], '--until takes a whole number, not "soon"'],
    [['--set', 'speed=1', EXAMPLE], '--set takes name=value'],
    [[fileURLToPath(import.meta.url)], 'is not an strace log'],
  ])('refuses %j in one sentence', async (args, words) => {
    await expect(replayed(...args)).rejects.toThrow(words);
  });
});
