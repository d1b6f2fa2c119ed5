/** What a history of calls comes to, as text: what each returned, and what it left. */
import { Process, PROT_EXEC, PROT_READ, PROT_WRITE } from '../../index.ts';
import type { Results } from '../check/scenario.ts';
import { at, type World } from './world.ts';

/** Pages that are looked at, from START on. */
const PAGES = 12;

/** How closely outcomes are compared. */
export interface Precision {
  /** False: which pages are present is left out. */
  readonly hasRss: boolean;
}

/**
 * What whoever makes calls can see of a process. High-water marks are left out: two that write one
 * at the same time may miss the higher value, as in Linux.
 */
export function pictureOf(process: Process, { hasRss }: Precision): string {
  const { totalVm, lockedVm, dataVm, brk, startBrk, mapCount } = process.layout();
  const { anon, file, shmem } = process.rss();
  const rss = hasRss ? ` rss ${anon} ${file} ${shmem}` : '';
  const vmas = process.vmas().map(({ start, end, flags, pgoff, name }) => {
    return `${placeOf(start)}-${placeOf(end)} ${flags.toString(16)} ${pgoff.toString(16)} ${name ?? ''}`;
  });
  const pages = contentsOf(process).join(' ');
  const totals = `total ${totalVm} data ${dataVm} locked ${lockedVm} brk ${brk - startBrk}`;
  return [...vmas, pages, `${totals} vmas ${mapCount}${rss}`].join('\n');
}

/** Pages from START, or the address as it is. */
const placeOf = (addr: number): string =>
  addr >= at(0) && addr <= at(1000) ? String((addr - at(0)) / 4096) : addr.toString(16);

/** The first word of each page; reading brings pages in, so it comes last. */
const contentsOf = (process: Process): string[] =>
  Array.from({ length: PAGES }, (_, page) => String(process.load(at(page))));

/** What a call returned; of fork, the child as it is at the end. */
const resultText = (result: unknown, precision: Precision): string =>
  result instanceof Process ? `child\n${pictureOf(result, precision)}` : String(result);

/** All of it. */
export function outcomeOf({ process }: World, results: Results, precision: Precision): string {
  const returned = Object.entries(results).map(
    ([name, each]) => `${name}: ${each.map((result) => resultText(result, precision)).join(', ')}`,
  );
  return [...returned, pictureOf(process, precision)].join('\n');
}

/** What maps says of each page, whatever the ranges are that it is in. */
export function pagesOf(process: Process): string[] {
  const pages: string[] = Array.from({ length: PAGES }, () => '.');
  for (const { start, end, flags } of process.vmas()) {
    for (let page = 0; page < PAGES; page++) {
      if (start <= at(page) && at(page) < end) pages[page] = rightsOf(flags);
    }
  }
  return pages;
}

/** VM_READ, VM_WRITE and VM_EXEC have the values of PROT_*. */
export const rightsOf = (flags: number): string =>
  String((flags % 8) & (PROT_READ | PROT_WRITE | PROT_EXEC));
