import { describe, expect, it } from 'vitest';
import { type MapsLine, parseMaps } from './maps_text.ts';

const HEAD = '7ffff7c5e000-7ffff7cb5000 r--p 00001000 fe:00 329635          /lib/x';
const REDUCED = `${HEAD}
Rss:                 180 kB
Anonymous:             8 kB
VmFlags: rd mr mw me
`;
const WHOLE = `${HEAD}
Size:                348 kB
Rss:                 180 kB
Pss:                  12 kB
Pss_Dirty:             0 kB
Anonymous:             8 kB
AnonHugePages:         4 kB
THPeligible:           0
VmFlags: rd mr mw me
`;

function only(text: string): MapsLine {
  const lines = parseMaps(text);
  if (!Array.isArray(lines) || lines[0] === undefined) throw new Error('one VMA is expected');
  expect(lines).toHaveLength(1);
  return lines[0];
}

describe('parseMaps', () => {
  it.each([
    ['reduced', REDUCED],
    ['whole', WHOLE],
  ])('reads what is present in bytes, from %s smaps', (_, text) => {
    expect(only(text)).toMatchObject({
      start: 0x7ffff7c5e000,
      offset: 4096,
      name: '/lib/x',
      rss: 180 * 1024,
      anonymous: 8 * 1024,
      vmFlags: ['rd', 'mr', 'mw', 'me'],
    });
  });

  it('does not know what is present from maps', () => {
    expect(only(HEAD)).toMatchObject({ rss: null, anonymous: null, vmFlags: null });
  });

  it('knows nothing from a number that is cut short', () => {
    expect(only(`${HEAD}\nRss:        kB\nAnonymous:  12`)).toMatchObject({
      rss: null,
      anonymous: null,
    });
  });
});
