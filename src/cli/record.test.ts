import { chmodSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Ran, runCommand } from '../../test/command.ts';
import { findProgram } from '../lab/record/found_program.ts';
import { findTracer } from '../lab/record/tracer.ts';
import { CannotError } from './exit.ts';
import { recordCommand } from './record.ts';
import { replayCommand } from './replay.ts';

function whyNoTracer(): string | null {
  try {
    findTracer();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const isElsewhere = process.platform !== 'linux' || process.arch !== 'x64';
const noTracer = whyNoTracer();
const isRoot = process.getuid?.() === 0;
const noPerf = findProgram('perf') === null ? 'there is no perf' : null;
const noFaults = noTracer ?? noPerf ?? (isRoot ? null : 'only root may trace page faults');
const skipped = (reason: string | null): string => (reason === null ? '' : ` (skipped: ${reason})`);

let directory = '';
const path = (name: string): string => join(directory, name);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vmaspace-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

function recorded(...args: string[]): Promise<Ran> {
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  return runCommand(recordCommand(), args);
}

async function replayed(name: string) {
  vi.restoreAllMocks();
  const { text } = await runCommand(replayCommand(), ['--json', path(name)]);
  return JSON.parse(text) as { ok: boolean; summary: Record<string, number>; findings: unknown[] };
}

/** A PATH that holds a program of this text, and nothing else. */
function onlyInPath(name: string, text: string): void {
  writeFileSync(path(name), text);
  chmodSync(path(name), 0o755);
  vi.stubEnv('PATH', directory);
}

describe(`vmaspace record, where it cannot${skipped(isElsewhere ? 'not Linux on x86-64' : null)}`, () => {
  it.skipIf(isElsewhere)('says that strace is missing', async () => {
    vi.stubEnv('PATH', directory);
    const refused = recorded('--', '/bin/sh', '-c', ':');
    await expect(refused).rejects.toThrow(CannotError);
    await expect(refused).rejects.toThrow(/^There is no strace in PATH: .*\.$/u);
  });

  it.skipIf(isElsewhere)('says that ptrace is refused, and makes no directory', async () => {
    onlyInPath(
      'strace',
      '#!/bin/sh\necho "strace: PTRACE_TRACEME: Operation not permitted" >&2\nexit 1\n',
    );
    const refused = recorded('-o', path('out'), '--', '/bin/sh', '-c', ':');
    await expect(refused).rejects.toThrow(CannotError);
    await expect(refused).rejects.toThrow('ptrace is not allowed here');
    expect(readdirSync(directory)).toEqual(['strace']);
  });
});

describe(`vmaspace record${skipped(noTracer)}`, () => {
  it.skipIf(noTracer !== null).each([
    [['--', 'no-such-program'], 'There is no program no-such-program'],
    [['--window', '0', '--', 'true'], '--window'],
  ])('refuses %j', async (args, words) => {
    await expect(recorded(...args)).rejects.toThrow(words);
  });

  it.skipIf(noTracer !== null)('refuses a directory that is not empty', async () => {
    writeFileSync(path('file'), '');
    await expect(recorded('-o', directory, '--', '/bin/sh')).rejects.toThrow('is not empty');
  });

  it.skipIf(noTracer !== null)('records a shell and its children, which replay', async () => {
    const script = 'for i in 1 2; do /bin/sh -c : | cat; done; exit 3';
    const { code, text } = await recorded('-o', path('sh'), '--', '/bin/sh', '-c', script);
    expect(code).toBe(0);
    expect(text).toContain('sh exited with 3');
    expect(text).toContain('maps: 5 starts, 5 ends');
    const { ok, summary, findings } = await replayed('sh');
    expect(findings).toEqual([]);
    expect(ok).toBe(true);
    expect(summary).toMatchObject({ processes: 5, mapsAgreed: 5, disagreed: 0, skipped: 0 });
  });

  it.skipIf(noTracer !== null)('keeps the maps of every exec of one process', async () => {
    const script = 'exec /bin/sh -c "exec cat /dev/null"';
    await recorded('--no-faults', '--json', '-o', path('execs'), '--', '/bin/sh', '-c', script);
    const kinds = readdirSync(path('execs')).map((name) => name.replace(/^\d+/u, 'PID'));
    expect(kinds).toEqual(
      expect.arrayContaining(['PID.start.maps', 'PID.2.start.maps', 'PID.3.start.maps']),
    );
    expect(await replayed('execs')).toMatchObject({ ok: true, summary: { mapsAgreed: 1 } });
  });

  it.skipIf(noTracer !== null)(
    'goes on without perf, says so, and names a process without end maps',
    async () => {
      symlinkSync(findProgram('strace') ?? '', path('strace'));
      vi.stubEnv('PATH', directory);
      const args = ['-o', path('out'), '--', '/bin/sh', '-c', 'kill -9 $$'];
      const { code, text } = await recorded(...args);
      expect(code).toBe(0);
      expect(text).toContain('no page faults: there is no perf in PATH. A replay then cannot know');
      expect(text).toMatch(/no end maps of \d+: killed by SIGKILL/u);
    },
  );

  it.skipIf(noFaults !== null)(
    `page faults are in the clock of the log${skipped(noFaults)}`,
    async () => {
      await recorded('-o', path('sh'), '--', '/bin/sh', '-c', 'echo');
      const { ok, summary } = await replayed('sh');
      expect(ok).toBe(true);
      expect(summary).toMatchObject({ presentUnexplained: 0 });
      const compared = summary['vmasPresentCompared'] ?? 0;
      expect(compared).toBeGreaterThan(10);
      // A busy machine may explain a few with huge pages, or with faults that perf has lost.
      expect(summary['anonymousAgreed']).toBeGreaterThan(0.8 * compared);
    },
  );
});
