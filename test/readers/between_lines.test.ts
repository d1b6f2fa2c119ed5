/**
 * A reader of maps stands between two lines while the VMAs about it merge and split: the ten cases
 * of the kernel's own list, and what they leave of a text.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PAGE_SIZE,
  type Process,
  type Protocol,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  PROTOCOL_AXES,
} from '../../src/index.ts';
import { whyNotLive } from '../../src/lab/oracle/live_kernel.ts';
import { Twin, type TwinWord } from '../twin.ts';
import { kernelLines, type MapsLines, ourLines, type Range, rangeOf } from './lines.ts';

const BASE = 0x200000000000;
const PAGES = 16;
/** The last two lines before the area: whoever has read one whole has made the next. */
const SENTINELS = [BASE - 16 * PAGE_SIZE, BASE - 8 * PAGE_SIZE];
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const PROTS: Readonly<Record<string, number>> = {
  A: PROT_READ | PROT_WRITE,
  B: PROT_READ,
  C: PROT_NONE,
};

/** A letter is a page: its rights; a dot is a hole. What differs between the two is one call's. */
interface Case {
  readonly name: string;
  readonly before: string;
  readonly after: string;
  readonly by: 'mmap' | 'mprotect' | 'munmap';
}

const CASES: readonly Case[] = [
  { name: '1 merge both sides, mapped over', before: 'AABBAA', after: 'AAAAAA', by: 'mmap' },
  { name: '2 merge left, all of it', before: 'AABB', after: 'AAAA', by: 'mprotect' },
  { name: '3 merge left, a part of it', before: 'AABBBB', after: 'AAAABB', by: 'mprotect' },
  { name: '4 merge right, all of it', before: 'BBAA', after: 'AAAA', by: 'mprotect' },
  { name: '5 merge right, a part of it', before: 'BBBBAA', after: 'BBAAAA', by: 'mprotect' },
  { name: '6 new memory merges both sides', before: 'AA..AA', after: 'AAAAAA', by: 'mmap' },
  { name: '7 new memory merges left', before: 'AA..C', after: 'AAAAC', by: 'mmap' },
  { name: '8 new memory merges right', before: 'C..AA', after: 'CAAAA', by: 'mmap' },
  { name: '9 split, the lower part is new', before: 'AAAA', after: 'BBAA', by: 'mprotect' },
  { name: '10 split, the higher part is new', before: 'AAAA', after: 'AABB', by: 'mprotect' },
  { name: 'shrink', before: 'AAAABB', after: 'AA..BB', by: 'munmap' },
  { name: 'a hole at the front', before: 'AAAABB', after: '..AABB', by: 'munmap' },
  { name: 'remap, other rights', before: 'CCAAAACC', after: 'CCABBACC', by: 'mmap' },
];

/** Each case with the reader after no line, one line, and so on to all lines of what was. */
const STANDS = CASES.flatMap((each) =>
  Array.from({ length: runsOf(each.before).length + 1 }, (_, lines) => ({ ...each, lines })),
);

type Call = (name: 'mmap' | 'mprotect' | 'munmap', ...args: readonly number[]) => TwinWord;

/** The pages that are alike, as pages from the base. */
function runsOf(picture: string): (Range & { letter: string })[] {
  return [...picture.matchAll(/(?<letter>.)\k<letter>*/gu)]
    .map(({ index, 0: run }) => ({ start: index, end: index + run.length, letter: run.charAt(0) }))
    .filter(({ letter }) => letter !== '.');
}

const addrOf = (page: number): number => BASE + page * PAGE_SIZE;

function layOut(call: Call, picture: string): void {
  call('munmap', BASE, PAGES * PAGE_SIZE);
  for (const addr of SENTINELS) call('mmap', addr, PAGE_SIZE, PROT_NONE, ANON, -1, 0);
  for (const { start, end, letter } of runsOf(picture)) {
    call('mmap', addrOf(start), (end - start) * PAGE_SIZE, PROTS[letter] ?? 0, ANON, -1, 0);
  }
}

/** The one call that makes `before` into `after`. */
function change(call: Call, { before, after, by }: Case): void {
  const differs = [...before].map((letter, i) => letter !== after[i]);
  const first = differs.indexOf(true);
  const last = differs.lastIndexOf(true);
  const prot = PROTS[after[first] ?? ''] ?? 0;
  const [addr, len] = [addrOf(first), (last + 1 - first) * PAGE_SIZE];
  const rest = by === 'mmap' ? [prot, ANON, -1, 0] : by === 'mprotect' ? [prot] : [];
  expect(Number(call(by, addr, len, ...rest))).toBeGreaterThanOrEqual(0);
}

/** Reads all lines of the area, and makes the change when `lines` of them have been made. */
function linesBeside(maps: MapsLines, call: Call, each: Case & { lines: number }): string[] {
  for (let line = maps.line(); line !== null && rangeOf(line).start !== SENTINELS[0];) {
    line = maps.line();
  }
  const shown: (string | null)[] = [];
  for (let i = 0; i < each.lines; i++) shown.push(maps.line());
  change(call, each);
  for (let line = maps.line(); line !== null && rangeOf(line).start < addrOf(PAGES);) {
    shown.push(line);
    line = maps.line();
  }
  maps.close();
  return shown.filter((line) => line !== null && rangeOf(line).start >= BASE) as string[];
}

type Calls = Readonly<Record<Parameters<Call>[0], (...words: readonly number[]) => number>>;

const ours = (process: Process): Call => {
  const calls: Calls = process;
  return (name, ...args) => calls[name](...args);
};

/** "AA", "A" or ".": the pages that a line is of, by their rights. */
const PERMS: Readonly<Record<string, string>> = { 'rw-p': 'A', 'r--p': 'B', '---p': 'C' };

/** What a reader was shown, as runs of pages: `0-2 A`. */
const runsShown = (lines: readonly string[]): string[] =>
  lines.map((line) => {
    const { start, end } = rangeOf(line);
    const [from, to] = [start, end].map((addr) => (addr - BASE) / PAGE_SIZE);
    return `${from}-${to} ${PERMS[line.split(' ')[1] ?? ''] ?? '?'}`;
  });

const runTexts = (picture: string): string[] =>
  runsOf(picture).map(({ start, end, letter }) => `${start}-${end} ${letter}`);

/** What may never be seen, whoever reads. */
function expectSound(lines: readonly string[], each: Case & { lines: number }): void {
  const shown = runsShown(lines);
  expect(shown.slice(0, each.lines)).toEqual(runTexts(each.before).slice(0, each.lines));
  const after = runTexts(each.after);
  for (const run of shown.slice(each.lines)) expect(after).toContain(run);

  const ranges = lines.map(rangeOf);
  const ends = ranges.map(({ end }) => end);
  expect(ends, 'each line ends after the last').toEqual(
    [...new Set(ends)].toSorted((a, b) => a - b),
  );
  for (const [page, letter] of [...each.before].entries()) {
    if (letter === '.' || each.after[page] === '.') continue;
    const isShown = ranges.some(({ start, end }) => start <= addrOf(page) && addrOf(page) < end);
    expect(isShown, `page ${page} was mapped all the time`).toBe(true);
  }
}

describe.each(PROTOCOL_AXES.mapsReader)('maps between two lines, mapsReader %s', (mapsReader) => {
  it.each(STANDS)('X-13 S0-1 $name, after $lines lines: no gap that never was', (each) => {
    const machine = Machine.create({ protocol: { mapsReader } as Partial<Protocol> });
    const process = machine.spawn();
    layOut(ours(process), each.before);
    expectSound(linesBeside(ourLines(process), ours(process), each), each);
    process.verify();
    process.exit();
    machine.tearDown();
  });
});

const reason = whyNotLive();

describe.skipIf(reason !== undefined)(
  `maps between two lines, beside the live kernel${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let twin: Twin;
    beforeAll(() => {
      twin = Twin.start();
    });
    afterAll(() => twin.stop());

    it.each(STANDS)('X-13 $name, after $lines lines: the same lines', (each) => {
      const theirs: Call = (name, ...args) => twin.kernel.call(name, ...args);
      const lines = [
        { maps: kernelLines(twin.kernel.pid), call: theirs },
        { maps: ourLines(twin.process), call: ours(twin.process) },
      ].map(({ maps, call }) => {
        layOut(call, each.before);
        return linesBeside(maps, call, each);
      });
      expect(lines[1]).toEqual(lines[0]);
      expectSound(lines[1] ?? [], each);
    });
  },
);
