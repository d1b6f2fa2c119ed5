/** The package as it is, in a page: one thread that may not wait, and two workers. */
import { expect, it } from 'vitest';
import { findChromium, reportOf } from './browser.ts';

const chromium = findChromium();
const reason = chromium === null ? ' (skipped: there is no Chromium on this machine)' : '';

it.skipIf(chromium === null)(
  `two workers and a page use one process of one machine${reason}`,
  async () => {
    expect(await reportOf(chromium ?? '', '/page.html')).toEqual({
      isIsolated: true,
      file: 'bytes from memory',
      moving: 0,
      workers: [
        { number: 0, lost: 0 },
        { number: 1, lost: 0 },
      ],
      anon: 33,
    });
  },
  90_000,
);
