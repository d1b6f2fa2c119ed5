/** What can be seen of a stage: what each page is and holds, what is charged, what is alive. */
import {
  hasFlag,
  type Process,
  VM_ACCOUNT,
  VM_MAYBE_GUARD,
  VM_UFFD_MINOR,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  type VmaInfo,
  withoutFlags,
} from '../../index.ts';
import { BASE, PAGE } from './place.ts';
import type { Stage } from './stage.ts';

export interface Look {
  /**
   * By address space and page, from BASE on: what it is and holds. Files and heaps have entries of
   * their own.
   */
  readonly pages: ReadonlyMap<string, string>;
  /** Where VMAs begin, by address space. */
  readonly starts: ReadonlySet<string>;
  /** Pages that are charged. */
  readonly committed: number;
  /** Those of them that no VMA accounts for: shared objects. */
  readonly objects: number;
  /** Living objects by cache. */
  readonly live: ReadonlyMap<string, number>;
}

const FILES = 16;

/** Looks at everything. It loads from every page, so the stage has to be rewound afterwards. */
export function lookAt(stage: Stage): Look {
  const pages = new Map<string, string>();
  const starts = new Set<string>();
  const { caches, committedPages: committed } = stage.machine.report();
  const live = new Map<string, number>();
  for (const cache of caches) live.set(cache.name, (live.get(cache.name) ?? 0) + cache.live);

  let accounted = 0;
  for (const [number, process] of stage.spaces()) {
    for (const vma of process.vmas()) {
      starts.add(`${number}:${(vma.start - BASE) / PAGE}`);
      if (hasFlag(vma.flags, VM_ACCOUNT)) accounted += (vma.end - vma.start) / PAGE;
      addPages(pages, vma, { process, number });
    }
    const { brk, defFlags, lockedVm } = process.layout();
    pages.set(`heap of ${number}`, `${brk}`);
    pages.set(`def_flags of ${number}`, `${defFlags}`);
    pages.set(`signal of ${number}`, `${process.fatalSignal()}`);
    if (lockedVm < 0) pages.set(`locked pages of ${number}`, 'fewer than none');
  }
  for (let fd = 0; fd < FILES; fd++) pages.set(`file ${fd}`, String(stage.machine.fileSize(fd)));
  return { pages, starts, committed, objects: committed - accounted, live };
}

interface Space {
  readonly process: Process;
  readonly number: number;
}

function addPages(pages: Map<string, string>, vma: VmaInfo, { process, number }: Space): void {
  const { flags, pgoff, file, name } = vma;
  // A VMA remembers that some page of it may be guarded; which are, is seen by looking.
  const attributes = `${withoutFlags(flags, VM_MAYBE_GUARD)} ${fileText(file)} ${name ?? ''}`;
  // A load from memory that is watched would wait for an answer.
  const isWatched = [VM_UFFD_MISSING, VM_UFFD_WP, VM_UFFD_MINOR].some((f) => hasFlag(flags, f));
  for (let at = vma.start; at < vma.end; at += PAGE) {
    const holds = isWatched ? 'watched' : process.load(at);
    const offset = pgoff + (at - vma.start) / PAGE;
    pages.set(`${number}:${(at - BASE) / PAGE}`, `${attributes} ${offset}${HOLDS}${holds}`);
  }
}

/** The address that an entry of `Look.pages` is about. */
export const addressOf = (page: string): number => Number(page.split(':')[1]) * PAGE + BASE;

/** The address space that an entry of `Look.pages` is about; null for a file. */
export function spaceOf(page: string): number | null {
  const [, at, of] = /^(\d+):|^\D+ of (\d+)$/u.exec(page) ?? [];
  return at === undefined && of === undefined ? null : Number(at ?? of);
}

/** Stands between what a page is and what it holds. */
const HOLDS = ', with ';

/** Takes an entry of `Look.pages` apart. */
export function partsOfLook(look = ''): { mark: string; holds: string } {
  const [mark = '', holds = ''] = look.split(HOLDS);
  return { mark, holds };
}

/** Shared memory is a file without a name, and an attempt that failed has used up its number. */
function fileText(file: VmaInfo['file']): string {
  if (file === null) return 'no file';
  return file.path === SHARED_MEMORY ? file.path : `${file.path} ${file.ino}`;
}

const SHARED_MEMORY = '/dev/zero (deleted)';

/** How many differences are told. */
const TOLD = 4;

/** @returns how the pages differ, or null. */
export function difference(expected: Look, now: Look): string | null {
  const differences: string[] = [];
  for (const [page, look] of expected.pages) {
    const is = now.pages.get(page);
    if (is !== look) differences.push(`${page} is ${is ?? 'not there'}, not ${look}`);
  }
  for (const [page, look] of now.pages) {
    if (!expected.pages.has(page)) differences.push(`${page} is ${look}, not empty`);
  }
  if (differences.length === 0) return null;
  const more = differences.length - TOLD;
  return differences.slice(0, TOLD).join('; ') + (more > 0 ? `; and ${more} more` : '');
}
