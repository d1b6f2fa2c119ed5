/** The package as it is, in a page: one thread that may not sleep, and workers. */
import { describe, expect, it } from 'vitest';
import { findChromium, reportOf } from './browser.ts';

const chromium = findChromium();
const reason = chromium === null ? ' (skipped: there is no Chromium on this machine)' : '';

/** The longest that the page's timer may be late, in milliseconds: nothing here takes that long. */
const LATE = 1000;

describe.skipIf(chromium === null)(`in Chromium${reason}`, () => {
  it('three workers and a page use one process of one machine', async () => {
    expect(await reportOf(chromium ?? '', '/page.html')).toEqual({
      isIsolated: true,
      file: 'bytes from memory',
      workers: [{ number: 0, lost: 0 }, { number: 1, lost: 0 }, { moving: 0 }],
      anon: 33,
    });
  }, 90_000);

  it('the example logs what docs/parallel.md says', async () => {
    const lines = (await reportOf(chromium ?? '', '/example.html')) as string[];
    const [refused, ...rest] = lines.filter((line) => !/^(?:\d+|busy:) VMAs$/u.test(line));
    expect(refused).toMatch(/^This thread may not sleep/u);
    const found = 'found 1000 of 1000';
    const [first, second, ended, ...maps] = rest;
    expect([first, second, ended]).toEqual([found, found, expect.stringMatching(/^ended, and/u)]);
    expect(maps[0]).toMatch(/^[0-9a-f]+-[0-9a-f]+ rw-p/u);
    expect(maps.at(-1)).toBe('done');
  }, 90_000);

  it('P2-6 S0-20 workers storm one address space, one dies, and the page is never late', async () => {
    const reports = (await reportOf(chromium ?? '', '/storm.html')) as Storm[];
    const forms = reports.map(({ vmaLock, munmap }) => `${vmaLock} ${munmap}`);
    expect(forms, JSON.stringify(reports).slice(0, 500)).toHaveLength(8);
    for (const { vmaLock, munmap, longest, count, said, ...rest } of reports) {
      const form = `${vmaLock} ${munmap}`;
      expect(rest, form).toEqual({
        refused: expect.stringMatching(/^This thread may not sleep, .* in a worker/u) as string,
        glimpsed: null, // while a writer holds mmap_lock
        locks: ['mmap_lock for write'],
        warnings: [expect.stringContaining('a worker ended while it held locks') as string],
      });
      const [one, other, read, held] = said;
      const faults = { lost: 0, gaps: 0, granted: 0 };
      expect([one, other, held], form).toEqual([faults, faults, { rounds: 4 }]);
      expect(read, form).toMatchObject({ unmapped: 0, looks: 400 });
      // Before 6.12 who looked under RCU could find nothing while a mapping was replaced.
      if (munmap === 'gather')
        expect(read, form).toMatchObject({ gapsInMaps: 0, gapsInQueries: 0 });
      expect(count, form).toBeGreaterThan(20);
      expect(longest, form).toBeLessThan(LATE);
    }
  }, 90_000);
});

/** What storm.mjs saw in one form of the lock. */
interface Storm {
  readonly vmaLock: string;
  readonly munmap: string;
  /** Milliseconds. */
  readonly longest: number;
  readonly count: number;
  readonly said: readonly unknown[];
}
