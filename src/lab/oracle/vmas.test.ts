import { expect, test } from 'vitest';
import { parseSmaps, totalsOf } from './vmas.ts';

const SMAPS = `00400000-00401000 r-xp 00000000 fe:00 1234                               /a b (deleted)
Size:                  4 kB
Rss:                   4 kB
Anonymous:             0 kB
Locked:                0 kB
VmFlags: rd ex mr mw me 
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
Rss:                   8 kB
Anonymous:             8 kB
Locked:                4 kB
THPeligible:           0
VmFlags: rd wr mr mw me gd ac 
`;

test('smaps is read back: addresses, path with blanks, flags and sizes', () => {
  const [code, stack] = parseSmaps(SMAPS);
  expect(code).toMatchObject({ start: 0x400000n, end: 0x401000n, dev: 'fe:00', inode: 1234 });
  expect(code).toMatchObject({ path: '/a b (deleted)', vmFlags: 'rd ex mr mw me', rssKb: 4 });
  expect(stack).toMatchObject({ path: '[stack]', perms: 'rw-p', anonymousKb: 8, lockedKb: 4 });
});

test('maps, which has no fields, gives mappings without flags', () => {
  const vmas = parseSmaps('1000-2000 ---s 00003000 00:01 7 \n');
  expect(vmas).toMatchObject([{ start: 0x1000n, perms: '---s', offset: 0x3000n, vmFlags: '' }]);
});

test('the totals of status are read in the order of a record', () => {
  const status = 'Name:\tx\nVmPeak:\t  9 kB\nVmSize:\t  208 kB\nVmLck:\t  4 kB\n';
  expect(totalsOf(`${status}VmData:\t    52 kB\nVmStk:\t   132 kB\n`)).toEqual([208, 4, 52, 132]);
});
