import { describe, expect, it } from 'vitest';
import { Machine, type Process, VM_GROWSDOWN, VM_READ } from '../../index.ts';
import { comparePages, nearest, type PageFigures } from './compare_pages.ts';
import { type EndEvidence, reasonOf } from './explain_pages.ts';
import { type MapsLine, parseMaps } from './maps_text.ts';

const PAGE = 4096;
const [PROT, MAP] = [3, 0x22]; // readable and writable; private and anonymous

/** A process with VMAs of so many pages each, of which so many are written; with its own smaps. */
function written(...counts: readonly (readonly [number, number])[]): Process {
  const process = Machine.create({ bytes: 4 * 2 ** 20 }).spawn();
  counts.forEach(([pages, touched], i) => {
    const addr = 0x10000000 * (i + 1);
    expect(process.mmap(addr, pages * PAGE, PROT, MAP | 0x10, -1, 0)).toBe(addr);
    process.touchRange(addr, touched * PAGE, 'write');
  });
  return process;
}

function linesOf(process: Process): MapsLine[] {
  const lines = parseMaps(process.smaps());
  if (!Array.isArray(lines)) throw new Error(lines.reason);
  return lines;
}

const compare = (process: Process, kernel: readonly MapsLine[]) =>
  comparePages(kernel, { vmas: process.vmas(), stats: process.pageStats() });

describe('comparePages', () => {
  it('finds no difference in the same figures', () => {
    const process = written([4, 4], [9, 2], [3, 0]);
    expect(compare(process, linesOf(process))).toMatchObject({
      compared: 3,
      rssAgreed: 3,
      anonymousAgreed: 3,
      differences: [],
    });
  });

  it('finds the VMA in which either figure differs', () => {
    const process = written([4, 4], [9, 2]);
    const [first, second] = linesOf(process);
    if (first === undefined || second === undefined) throw new Error('two VMAs are expected');
    const kernel = [first, { ...second, rss: 3 * PAGE }];
    const compared = compare(process, kernel);
    expect(compared).toMatchObject({ compared: 2, rssAgreed: 1, anonymousAgreed: 2 });
    expect(compared.differences).toMatchObject([
      {
        line: { start: second.start },
        kernel: { rss: 3 * PAGE, anonymous: 2 * PAGE },
        engine: { rss: 2 * PAGE, anonymous: 2 * PAGE },
      },
    ]);
  });

  it('takes each VMA as it was at the moment nearest to the kernel', () => {
    // The kernel has read the first early, and the second late.
    const early = written([4, 1], [9, 2]);
    const late = written([4, 2], [9, 3]);
    const [first] = linesOf(early);
    const [, second] = linesOf(late);
    if (first === undefined || second === undefined) throw new Error('two VMAs are expected');
    const kernel = [first, second];
    const [before, now] = [compare(early, kernel), compare(late, kernel)];
    expect([before.rssAgreed, now.rssAgreed]).toEqual([1, 1]);
    expect(nearest(before, now)).toMatchObject({ compared: 2, rssAgreed: 2, differences: [] });
    expect(nearest(now, before)).toMatchObject({ compared: 2, rssAgreed: 2, differences: [] });
  });

  it('leaves out VMAs that only one side has, and lines without figures', () => {
    const process = written([4, 4], [9, 2], [3, 0]);
    const [first, second, third] = linesOf(process);
    if (first === undefined || second === undefined || third === undefined)
      throw new Error('three');
    const kernel = [{ ...first, rss: null }, { ...second, end: second.end - PAGE }, third];
    expect(compare(process, kernel)).toMatchObject({ compared: 1, differences: [] });
  });
});

/** Pages. */
interface Counts {
  readonly rss: number;
  readonly anonymous: number;
  readonly unused?: number;
}

function figures(kernel: Counts, engine: Counts, ino = 7): PageFigures {
  const line: MapsLine = {
    start: 0x10000000,
    end: 0x10100000,
    perms: 'r--p',
    offset: 0,
    devMajor: 0,
    devMinor: 0,
    ino,
    name: ino === 0 ? '' : '/lib/x',
    vmFlags: null,
    rss: kernel.rss * PAGE,
    anonymous: kernel.anonymous * PAGE,
    line: 1,
  };
  const bytes = ({ rss, anonymous }: Counts) => ({ rss: rss * PAGE, anonymous: anonymous * PAGE });
  const unused = (engine.unused ?? 0) * PAGE;
  return { line, kernel: bytes(kernel), engine: { ...bytes(engine), unused }, flags: VM_READ };
}

const ALONE: EndEvidence = { hasOtherThreads: false, refused: [] };
const INSIDE = 0x10003000;

describe('reasonOf', () => {
  it('is passed-over while only neighbours are missing that nobody used', () => {
    const engine = { rss: 16, anonymous: 2, unused: 10 };
    expect(reasonOf(figures({ rss: 6, anonymous: 2 }, engine), ALONE)).toBe('passed-over');
    expect(reasonOf(figures({ rss: 5, anonymous: 2 }, engine), ALONE)).toBeNull();
  });

  it('is large-folio when more of a file is there, of which something was mapped', () => {
    const kernel = { rss: 20, anonymous: 0 };
    const engine = { rss: 16, anonymous: 0, unused: 15 };
    expect(reasonOf(figures(kernel, engine), ALONE)).toBe('large-folio');
    expect(reasonOf(figures(kernel, { rss: 0, anonymous: 0 }), ALONE)).toBe('unrecorded');
    expect(reasonOf(figures(kernel, engine, 0), ALONE)).toBe('unrecorded');
  });

  it('is ran-on when other threads may have made more present', () => {
    const more = figures({ rss: 3, anonymous: 3 }, { rss: 2, anonymous: 2 }, 0);
    expect(reasonOf(more, { ...ALONE, hasOtherThreads: true })).toBe('ran-on');
    expect(reasonOf(more, ALONE)).toBe('unrecorded');
  });

  it('is arguments at the top of a stack, for as much as the gap below them can hide', () => {
    const stack = (pages: number): PageFigures => ({
      ...figures({ rss: 5 + pages, anonymous: 5 + pages }, { rss: 5, anonymous: 5 }, 0),
      flags: VM_GROWSDOWN,
    });
    expect(reasonOf(stack(2), ALONE)).toBe('arguments');
    expect(reasonOf(stack(3), ALONE)).toBe('unrecorded');
  });

  it('is out-of-order when each page of the difference has a fault that met SIGSEGV', () => {
    const copied = figures({ rss: 4, anonymous: 2 }, { rss: 4, anonymous: 0 });
    const refused = (addr: number) => ({ addr, met: 'SEGV_ACCERR' as const });
    const two = [refused(INSIDE), refused(INSIDE + PAGE)];
    const unused = { ...copied, engine: { ...copied.engine, unused: 4 * PAGE } };
    expect(reasonOf(unused, { ...ALONE, refused: two })).toBe('out-of-order');
    expect(
      reasonOf(unused, { ...ALONE, refused: [refused(INSIDE), refused(INSIDE + 8)] }),
    ).toBeNull();
  });

  it('is nothing when a recorded fault found no page here', () => {
    const more = figures({ rss: 3, anonymous: 3 }, { rss: 2, anonymous: 2 });
    const refused = [{ addr: INSIDE, met: 'BUS_ADRERR' as const }];
    expect(reasonOf(more, { ...ALONE, refused })).toBeNull();
  });

  it('is nothing when private memory is missing that a recorded fault had written', () => {
    expect(reasonOf(figures({ rss: 1, anonymous: 1 }, { rss: 2, anonymous: 2 }), ALONE)).toBeNull();
    const swapped = figures({ rss: 3, anonymous: 1 }, { rss: 2, anonymous: 2 });
    expect(reasonOf(swapped, ALONE)).toBeNull();
  });
});
