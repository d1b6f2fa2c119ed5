import { describe, expect, it } from 'vitest';
import { flagsOf, VM_NONE, vmFlagsFromNumber } from '../mm/vm_flags.ts';
import { vmFlagsOfText, vmFlagsText } from './smaps.ts';

/** As the reference lists them; bit 27 is 0 here, 36 to 39 have no name, a key has its own line. */
const CODES =
  'rd wr ex sh mr mw me ms gd um pf gu uw lo io sr rr dc de lf ac nr ht sf ar wf dd ?? mm hg nh mg'.split(
    ' ',
  );
const HIGH = ['', '', '', '', '??', '??', '??', '??', 'dp', 'ui', 'sl'];

describe('vmFlagsText', () => {
  it.each([...CODES, ...HIGH].map((code, bit) => [bit, code] as const))(
    'bit %i is "%s"',
    (bit, code) => {
      const flags = vmFlagsFromNumber(2 ** bit);
      expect(vmFlagsText(flags)).toBe(code === '' ? '' : `${code} `);
      if (code !== '' && code !== '??') expect(vmFlagsOfText(code)).toBe(flags);
    },
  );

  it('lists the codes in the order of the bits, each with a space after it', () => {
    const all = flagsOf(...Array.from({ length: 43 }, (_, bit) => vmFlagsFromNumber(2 ** bit)));
    const shown = [...CODES, ...HIGH].filter((code) => code !== '');
    expect(vmFlagsText(all)).toBe(shown.map((code) => `${code} `).join(''));
    expect(vmFlagsText(VM_NONE)).toBe('');
  });

  it('reads back what it wrote, and leaves out what nobody knows', () => {
    const text = 'rd wr mr mw me lo ac sl ';
    expect(vmFlagsText(vmFlagsOfText(text))).toBe(text);
    expect(vmFlagsOfText('rd ?? zz')).toBe(1);
    expect(vmFlagsOfText('')).toBe(0);
  });
});
