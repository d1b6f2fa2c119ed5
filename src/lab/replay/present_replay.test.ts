import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documentOf, isOk, summaryOf } from './document.ts';
import { parseFaults } from './faults.ts';
import { type MapsLine, parseMaps } from './maps_text.ts';
import { openRecording } from './recording_files.ts';
import { replay, type ReplayOptions, type ReplayResult } from './replay.ts';
import { reportText } from './report_text.ts';

const OPTIONS: ReplayOptions = {
  sysctl: {},
  until: Infinity,
  elfImages: null,
  progress: () => undefined,
};
const EXAMPLE = fileURLToPath(new URL('../../../examples/python-import', import.meta.url));
const PID = 26392;

describe('what is present at the end of the example recording', () => {
  it('is what smaps says of Anonymous, and of Rss but for neighbours that were passed over', async () => {
    const result = await replay(openRecording(EXAMPLE), OPTIONS);
    expect(summaryOf(result)).toMatchObject({
      vmasPresentCompared: 64,
      rssAgreed: 59,
      anonymousAgreed: 64,
      presentExplained: 5,
      presentUnexplained: 0,
    });
    const reasons = result.programs.flatMap(({ pageReasons }) => pageReasons);
    for (const { figures, reason } of reasons) {
      expect(reason).toBe('passed-over');
      expect(figures.engine.rss - figures.kernel.rss).toBeLessThanOrEqual(11 * 4096);
    }
  });

  it('is told in a line, a table and the document', async () => {
    const result = await replay(openRecording(EXAMPLE), OPTIONS);
    const text = reportText([result], (_, words) => words);
    expect(text).toContain('64 VMAs at the end: Rss of 59 agrees, Anonymous of 64; 5 explained');
    expect(text).toMatch(/26392 {2}7ffff7ee5000 r-xp libm\.so\.6 +292 +336 +0 +0 {2}passed-over/);
    const differences = (documentOf([result]) as Document).processes[0]?.presentDifferences;
    expect(differences).toContainEqual({
      vma: '7ffff7ee5000-7ffff7f59000 r-xp 00010000 fe:00 339704 /usr/lib/x86_64-linux-gnu/libm.so.6',
      rss: { kernel: 292 * 1024, engine: 336 * 1024 },
      anonymous: { kernel: 0, engine: 0 },
      reason: 'passed-over',
    });
  });

  it('is not compared without page faults', async () => {
    const result = await replay({ ...openRecording(EXAMPLE), faults: null }, OPTIONS);
    expect(summaryOf(result)).toMatchObject({ vmasPresentCompared: 0, rssAgreed: 0, findings: 0 });
    expect(reportText([result], (_, words) => words)).not.toContain('VMAs at the end');
  });

  it('is a finding where it contradicts the page faults', async () => {
    const recording = openRecording(EXAMPLE);
    const lines = recording.endSmaps.get(PID) ?? [];
    const heap = lines.find(({ name }) => name === '[heap]');
    if (heap === undefined || heap.rss === null) throw new Error('the example has a heap');
    const less = { ...heap, rss: heap.rss - 4096, anonymous: heap.rss - 4096 };
    const changed = lines.map((line) => (line === heap ? less : line));
    const result = await replay({ ...recording, endSmaps: new Map([[PID, changed]]) }, OPTIONS);
    expect(result.findings).toMatchObject([{ kind: 'pages', pid: PID }]);
    expect(result.findings[0]?.context[0]).toContain('[heap]: kernel Rss');
    expect(summaryOf(result)).toMatchObject({ presentUnexplained: 1, mapsAgreed: 1 });
    expect(isOk(result)).toBe(false);
  });
});

interface Document {
  readonly processes: readonly { readonly presentDifferences: readonly object[] }[];
}

const START_MAPS = `555555554000-555555556000 rw-p 00000000 fe:00 7                          /bin/x
7ffff7fc2000-7ffff7fc4000 r-xp 00000000 00:00 0                          [vdso]
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
`;

interface Parts {
  readonly log: string;
  /** `TID SECONDS ADDRESS CODE` */
  readonly faults: string;
  /** Pages of Rss and of Anonymous that the kernel showed, by the name of the mapping; else none. */
  readonly kernel: Readonly<Record<string, readonly [number, number]>>;
}

function mapsOf(text: string): Map<number, MapsLine[]> {
  const lines = parseMaps(text);
  if (!Array.isArray(lines)) throw new Error(lines.reason);
  return new Map([[1, lines]]);
}

function smapsOf(kernel: Parts['kernel']): string {
  return START_MAPS.replaceAll(/^.* (\S+)$/gm, (head: string, name: string) => {
    const [rss, anonymous] = kernel[name] ?? [0, 0];
    return `${head}\nRss: ${rss * 4} kB\nAnonymous: ${anonymous * 4} kB`;
  });
}

/** @returns the mappings that differ, with pages of Rss and of Anonymous in the engine. */
async function differing({ log, faults, kernel }: Parts): Promise<unknown[]> {
  const end = `\n1 1700000009.000000 exit_group(0) = ?\n1 1700000009.100000 +++ exited with 0 +++\n`;
  const result: ReplayResult = await replay(
    {
      name: 'test',
      log: Readable.from([log + end]),
      logBytes: null,
      startMaps: mapsOf(START_MAPS),
      laterStartMaps: new Map(),
      settings: new Map(),
      endMaps: new Map(),
      endSmaps: mapsOf(smapsOf(kernel)),
      faults: parseFaults(faults),
      troubles: [],
    },
    OPTIONS,
  );
  expect(summaryOf(result)).toMatchObject({ vmasPresentCompared: 3, disagreed: 0 });
  const figures = result.programs.flatMap(({ pageReasons }) => pageReasons.map((p) => p.figures));
  return figures.map(({ line, engine }) => [line.name, engine.rss / 4096, engine.anonymous / 4096]);
}

const EXEC = '1 1700000001.000000 execve("/bin/x", ["x"], 0x7ffc /* 1 var */) = 0 <0.5>';
const BRK = '1 1700000002.000000 brk(NULL) = 0x555555600000 <0.1>';
const LOG = `${EXEC}\n${BRK}`;

describe('page faults around an exec', () => {
  it('are of the new memory when they are the kernel’s writes', async () => {
    const faults =
      '1 1700000001.200000 0x555555555234 0x2\n1 1700000002.500000 0x7ffff7fc2100 0x14';
    const kernel = { '/bin/x': [1, 1], '[vdso]': [1, 0], '[stack]': [1, 1] } as const;
    expect(await differing({ log: LOG, faults, kernel })).toEqual([]);
    expect(await differing({ log: LOG, faults, kernel: { '[stack]': [1, 1] } })).toEqual([
      ['/bin/x', 1, 1],
      ['[vdso]', 1, 0],
    ]);
  });

  it('are of the old memory when the kernel reads the arguments', async () => {
    const faults = '1 1700000001.200000 0x555555555234 0x0\n1 1700000002.500000 0x7fffffffefff 0x6';
    const kernel = { '[stack]': [1, 1] } as const;
    expect(await differing({ log: LOG, faults, kernel })).toEqual([]);
  });

  it('are kept while the log shows others between its two lines', async () => {
    const log = `1 1700000001.000000 execve("/bin/x", ["x"], 0x7ffc /* 1 var */ <unfinished ...>
2 1700000001.300000 brk(NULL) = 0x1000 <0.01>
2 1700000001.400000 +++ exited with 0 +++
1 1700000001.500000 <... execve resumed>) = 0 <0.5>
${BRK}`;
    const faults = '1 1700000001.200000 0x555555555234 0x2';
    const kernel = { '/bin/x': [1, 1], '[stack]': [1, 1] } as const;
    expect(await differing({ log, faults, kernel })).toEqual([]);
  });

  it('show how far down the stack its arguments reach', async () => {
    const faults = '1 1700000002.500000 0x7fffffffbff8 0x6';
    const kernel = { '[stack]': [4, 4] } as const;
    expect(await differing({ log: LOG, faults, kernel })).toEqual([]);
  });
});

describe('page faults of a thread', () => {
  it('count from the moment at which its clone() begins', async () => {
    const log = `${LOG}
1 1700000003.000000 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD, exit_signal=0}, 88) = 2 <0.5>`;
    const faults = '2 1700000003.200000 0x555555554000 0x6';
    const kernel = { '/bin/x': [1, 1], '[stack]': [1, 1] } as const;
    expect(await differing({ log, faults, kernel })).toEqual([]);
  });
});
