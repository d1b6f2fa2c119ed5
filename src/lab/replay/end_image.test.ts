import { describe, expect, it } from 'vitest';
import { startFromEnd } from './end_image.ts';
import { mapsLineText, parseMaps, type MapsLine } from './maps_text.ts';

const END = `00400000-00401000 r-xp 00000000 fe:00 7                                  /bin/x
VmFlags: rd ex mr mw me 
00401000-00402000 r--p 00001000 fe:00 7                                  /bin/x
VmFlags: rd mr mw me ac 
00402000-00403000 rw-p 00002000 fe:00 7                                  /bin/x
VmFlags: rd wr mr mw me ac 
00403000-00404000 rw-p 00000000 00:00 0 
VmFlags: rd wr mr mw me ac 
00404000-00405000 rw-p 00000000 00:00 0                                  [heap]
VmFlags: rd wr mr mw me ac 
7ffff7aaa000-7ffff7abb000 r-xp 00000000 fe:00 9                          /lib/libc.so.6
VmFlags: rd ex mr mw me 
7ffff7fc2000-7ffff7fc4000 r-xp 00000000 00:00 0                          [vdso]
VmFlags: rd ex mr mw me de 
7ffffff00000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
VmFlags: rd wr mr mw me gd ac 
`;

const lines = parseMaps(END) as MapsLine[];
const MARKS = {
  path: '/bin/x',
  brk: 0x404000,
  first: { start: 0x7ffff7fc0000, end: 0x7ffff7fc2000 },
  hasFaults: true,
};

describe('startFromEnd', () => {
  it('joins what the loader has protected, and leaves out what the program has mapped', () => {
    expect(startFromEnd(lines, MARKS)?.map(mapsLineText)).toEqual([
      '00400000-00401000 r-xp 00000000 fe:00 7 /bin/x',
      '00401000-00403000 rw-p 00001000 fe:00 7 /bin/x',
      '00403000-00404000 rw-p 00000000 00:00 0',
      '7ffff7fc2000-7ffff7fc4000 r-xp 00000000 00:00 0 [vdso]',
      '7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]',
    ]);
  });

  it('refuses the maps of another exec', () => {
    expect(
      startFromEnd(lines, { ...MARKS, first: { start: 0x7ffff6fff000, end: 0x7ffff7000000 } }),
    ).toBeNull();
    expect(startFromEnd(lines, { ...MARKS, brk: 0x900000 })).toBeNull();
  });
});
