import { describe, expect, it } from 'vitest';
import { asAnother } from '../../../test/cpus.ts';
import { mmOf } from '../../../test/pictures.ts';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PMD_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../index.ts';
import { mmMmapLockAt } from '../mm/mm_struct.ts';
import { rcuReadLockHeld } from '../rcu/rcu.ts';
import { isHeld } from '../sync/rwsem.ts';
import { vmaPageStats } from './page_stats.ts';
import { walkVmasAndPages } from './vma_walk.ts';
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

describe('pages, counted under the lock of one VMA', () => {
  it('X-15 P2-16 no RCU section, no mmap_lock, and a writer of another VMA goes on', () => {
    const machine = Machine.create({ bytes: 8 * 2 ** 20 });
    const process = machine.spawn();
    const base = 0x200000000000;
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    for (const at of [base, base + 2 * PMD_SIZE]) {
      process.mmap(at, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
      process.store(at, 1);
    }
    const mm = mmOf(process);
    const seen: unknown[] = [];
    walkVmasAndPages(mm, (vma) => {
      seen.push([rcuReadLockHeld(), isHeld(mmMmapLockAt(mm)), vmaPageStats(vma).rss]);
      // The tables of the other go, and this one's stay.
      if (seen.length === 1) asAnother(() => process.munmap(base + 2 * PMD_SIZE, 4096));
      seen.push(vmaPageStats(vma).rss);
    });
    expect(seen).toEqual([[false, false, 4096], 4096]);
    process.verify();
    process.exit();
    machine.tearDown();
  });

  it('X-15 mmap_lock over all of it, where the machine reads so', () => {
    const machine = Machine.create({
      bytes: 8 * 2 ** 20,
      protocol: { mapsReader: 'mmap-lock' },
    });
    const process = machine.spawn();
    process.mmap(0x10000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    const mm = mmOf(process);
    walkVmasAndPages(mm, () => expect(isHeld(mmMmapLockAt(mm))).toBe(true));
    expect(isHeld(mmMmapLockAt(mm))).toBe(false);
    process.exit();
    machine.tearDown();
  });
});
