/**
 * /proc/PID/smaps, and the letters of VmFlags.
 *
 * Not kept here, and so always 0: KSM, lazily freed pages, huge pages, swap.
 *
 * Source: fs/proc/task_mmu.c, show_smap(), show_smap_vma_flags(), v6.18.
 */
import { PMD_SIZE } from '../arena/units.ts';
import type { Mm, Vma } from '../mm/held.ts';
import { sysctl } from '../mm/sysctl.ts';
import { hasFlag, VM_HUGEPAGE, type VmFlags, vmFlagsFromNumber } from '../mm/vm_flags.ts';
import { vmaIsAnonymous, vmEnd, vmFlags, vmSize, vmStart } from '../mm/vma_struct.ts';
import { ByteWriter } from './byte_writer.ts';
import { showMapVma, VSYSCALL_MAP } from './maps.ts';
import { type PageStats, vmaPageStats } from './page_stats.ts';
import { walkVmasAndPages } from './vma_walk.ts';

/** By bit. A bit that is not here is shown as `??`. */
const MNEMONICS: Readonly<Record<number, string>> = {
  0: 'rd',
  1: 'wr',
  2: 'ex',
  3: 'sh',
  4: 'mr',
  5: 'mw',
  6: 'me',
  7: 'ms',
  8: 'gd',
  9: 'um',
  10: 'pf',
  11: 'gu',
  12: 'uw',
  13: 'lo',
  14: 'io',
  15: 'sr',
  16: 'rr',
  17: 'dc',
  18: 'de',
  19: 'lf',
  20: 'ac',
  21: 'nr',
  22: 'ht',
  23: 'sf',
  24: 'ar',
  25: 'wf',
  26: 'dd',
  28: 'mm',
  29: 'hg',
  30: 'nh',
  31: 'mg',
  32: '', // protection keys have a line of their own
  33: '',
  34: '',
  35: '',
  40: 'dp',
  41: 'ui',
  42: 'sl',
};

const LAST_BIT = 42;

/** @returns the two-letter codes in the order of their bits, each followed by a space. */
export function vmFlagsText(flags: VmFlags): string {
  let text = '';
  for (let bit = 0; bit <= LAST_BIT; bit++) {
    if (!hasFlag(flags, vmFlagsFromNumber(2 ** bit))) continue;
    const mnemonic = MNEMONICS[bit] ?? '??';
    if (mnemonic !== '') text += `${mnemonic} `;
  }
  return text;
}

/** @returns the flags that such a text shows; unknown codes are left out. */
export function vmFlagsOfText(text: string): VmFlags {
  const codes = new Set(text.split(' ').filter((code) => code !== ''));
  let flags = 0;
  for (const [bit, mnemonic] of Object.entries(MNEMONICS)) {
    if (codes.has(mnemonic)) flags += 2 ** Number(bit);
  }
  return vmFlagsFromNumber(flags);
}

/** The lines of pages, in their order; null is what this machine does not have. */
const PAGE_LINES: readonly (readonly [string, keyof PageStats | null])[] = [
  ['Rss', 'rss'],
  ['Pss', 'pss'],
  ['Pss_Dirty', 'pssDirty'],
  ['Shared_Clean', 'sharedClean'],
  ['Shared_Dirty', 'sharedDirty'],
  ['Private_Clean', 'privateClean'],
  ['Private_Dirty', 'privateDirty'],
  ['Referenced', 'referenced'],
  ['Anonymous', 'anonymous'],
  ['KSM', null],
  ['LazyFree', null],
  ['AnonHugePages', null],
  ['ShmemPmdMapped', null],
  ['FilePmdMapped', null],
  ['Shared_Hugetlb', null],
  ['Private_Hugetlb', null],
  ['Swap', null],
  ['SwapPss', null],
  ['Locked', 'locked'],
];

const line = (label: string, kb: number): string =>
  `${`${label}:`.padEnd(16)}${String(kb).padStart(8)} kB\n`;

const pageLines = (stats: PageStats | null): string =>
  PAGE_LINES.map(([label, key]) =>
    line(label, stats === null || key === null ? 0 : Math.floor(stats[key] / 1024)),
  ).join('');

/** What is never present by itself: the vsyscall page. */
const NO_PAGES = pageLines(null);

/**
 * The pages of a VMA are counted under its lock alone, outside of RCU: it may take long, and only
 * who changes this VMA waits. Linux 6.18 still takes mmap_lock here.
 *
 * @returns the text that the kernel shows of the same VMAs and pages.
 */
export function smapsText(mm: Mm): string {
  const out = new ByteWriter();
  walkVmasAndPages(mm, (vma) => {
    showMapVma(out, mm, vma);
    const lines = pageLines(vmaPageStats(vma));
    out.ascii(sizesText(vmSize(vma) / 1024, lines, isThpEligible(vma)));
    out.ascii(`VmFlags: ${vmFlagsText(vmFlags(vma))}\n`);
  });
  out.ascii(`${VSYSCALL_MAP}${sizesText(4, NO_PAGES, false)}VmFlags: ex \n`);
  return out.text();
}

function sizesText(sizeKb: number, lines: string, isEligible: boolean): string {
  const sizes = line('Size', sizeKb) + line('KernelPageSize', 4) + line('MMUPageSize', 4);
  return `${sizes}${lines}${'THPeligible:'.padEnd(16)}${isEligible ? '       1' : '       0'}\n`;
}

/** With THP set to "madvise": anonymous memory that was advised and holds a whole huge page. */
function isThpEligible(vma: Vma): boolean {
  if (sysctl('transparent_hugepage') === 0 || !vmaIsAnonymous(vma)) return false;
  if (!hasFlag(vmFlags(vma), VM_HUGEPAGE)) return false;
  return Math.ceil(vmStart(vma) / PMD_SIZE) * PMD_SIZE + PMD_SIZE <= vmEnd(vma);
}
