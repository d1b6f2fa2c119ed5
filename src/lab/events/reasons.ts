/**
 * Why events of the two sides may differ: a short list, each with the fact behind it, and with what
 * must be so for it to be the reason. What none of them explains is a finding.
 *
 * The facts are what tracepoints of Linux 6.18 were seen to do, with stack traces.
 */
import type { Pair } from './alignment.ts';
import type { Lock, SpaceEvent } from './event.ts';
import type { Ranges } from './ranges.ts';

/** What a reason is about: how the kernel is watched, or what the engine does another way. */
export type About = 'watching' | 'engine';

export interface Reason {
  readonly name: string;
  readonly about: About;
  /** A sentence. */
  readonly fact: string;
}

/** One operation while its differences are explained. */
export interface Case {
  /** The name, and all words. */
  readonly call: string;
  readonly words: readonly string[];
  readonly pair: Pair;
  /** What the tree held just before. */
  readonly ranges: Ranges;
  /** Events of the kernel, in this operation, after faults in memory of memfd_secret(). */
  readonly secretEvents: number;
  /** How many pairs each reason has explained before, in this operation. */
  readonly used: ReadonlyMap<string, number>;
}

interface Rule extends Reason {
  readonly applies: (one: Case) => boolean;
  /** Pairs of one operation that it may explain. */
  readonly most?: number;
}

/** madvise(2): what only takes pages away. */
const PAGE_ADVICE: ReadonlySet<number> = new Set([4, 8, 24]);
const GUARD_ADVICE: ReadonlySet<number> = new Set([102, 103]);
const MADV_REMOVE = 9;
/** More VMAs than one munmap() gathers here; addresses begin above. */
const INDEX_END = 65_530;

const isLock = (
  event: SpaceEvent | null,
  kinds: readonly Lock['kind'][],
  write: boolean,
): boolean =>
  event !== null && event.kind !== 'store' && kinds.includes(event.kind) && event.write === write;

/** Taking and releasing, of the kernel or of the engine alone. */
const kernelLocks = ({ pair }: Case, write: boolean): boolean =>
  pair.engine === null && isLock(pair.kernel, ['lock', 'unlock'], write);
const engineLocks = ({ pair }: Case, write: boolean): boolean =>
  pair.kernel === null && isLock(pair.engine, ['lock', 'unlock'], write);

const adviceOf = ({ call, words }: Case): number => (call === 'madvise' ? Number(words[3]) : -1);

const RULES: readonly Rule[] = [
  {
    name: 'one-slot',
    about: 'watching',
    fact:
      'A hole that takes the place of exactly one VMA is one slot written in place, and ' +
      'that has no tracepoint.',
    applies: ({ pair: { kernel, engine }, ranges }) =>
      kernel === null && engine?.kind === 'store' && engine.isHole && ranges.isOne(engine),
  },
  {
    name: 'wider-hole',
    about: 'watching',
    fact: 'The kernel stores a hole together with the holes beside it: the range is wider.',
    applies: ({ pair: { kernel, engine }, ranges }) =>
      kernel?.kind === 'store' &&
      engine?.kind === 'store' &&
      kernel.isHole &&
      engine.isHole &&
      ranges.isEmpty({ start: kernel.start, end: engine.start }) &&
      ranges.isEmpty({ start: engine.end, end: kernel.end }),
  },
  {
    name: 'side-tree',
    about: 'watching',
    fact:
      'The kernel gathers the VMAs that it unmaps in a second tree, by number; the engine in a ' +
      'list. The first stores into a small tree have no tracepoint.',
    applies: ({ pair: { kernel, engine } }) =>
      engine === null && kernel?.kind === 'store' && !kernel.isHole && kernel.end <= INDEX_END,
  },
  {
    name: 'asks-first',
    about: 'watching',
    fact:
      'A brk of a vector is two calls on the kernel, the first of which asks where the heap ends, ' +
      'under the write lock; the engine is asked without a call, under the read lock.',
    applies: (one) => one.call === 'brk' && (kernelLocks(one, true) || engineLocks(one, false)),
    most: 4,
  },
  {
    name: 'totals',
    about: 'watching',
    fact: 'The totals of the kernel are read by another process, which is not watched.',
    applies: (one) => one.call === 'totals' && engineLocks(one, false),
  },
  {
    name: 'last-looks',
    about: 'engine',
    fact:
      'A process that ends looks at its address space twice more under the read lock: to account ' +
      'for its size (acct_collect), and to give it up (exit_mm). The engine has neither.',
    applies: (one) => one.call === 'exit' && kernelLocks(one, false),
    most: 4,
  },
  {
    name: 'vma-lock-advice',
    about: 'engine',
    fact:
      'MADV_DONTNEED, MADV_FREE and MADV_DONTNEED_LOCKED inside one VMA take its lock only; the ' +
      'engine takes mmap_lock for reading.',
    applies: (one) => PAGE_ADVICE.has(adviceOf(one)) && engineLocks(one, false),
    most: 2,
  },
  {
    name: 'guard-reads',
    about: 'engine',
    fact: 'Guards come and go under the read lock; the engine takes the write lock.',
    applies: (one) =>
      GUARD_ADVICE.has(adviceOf(one)) && (kernelLocks(one, false) || engineLocks(one, true)),
    most: 4,
  },
  {
    name: 'looks-before-remap',
    about: 'engine',
    fact:
      'remap_file_pages() looks at its VMA under the read lock before it takes the write lock, ' +
      'and refuses there; the engine does both under the write lock.',
    applies: (one) => one.call === 'rfp' && (kernelLocks(one, false) || engineLocks(one, true)),
    most: 4,
  },
  {
    name: 'lets-go-for-files',
    about: 'engine',
    fact:
      'msync(MS_SYNC) and MADV_REMOVE let go of mmap_lock while a file is written or cut, and ' +
      'take it again; the engine keeps it.',
    applies: (one) =>
      (one.call === 'msync' || adviceOf(one) === MADV_REMOVE) && kernelLocks(one, false),
  },
  {
    name: 'vma-by-vma',
    about: 'engine',
    fact: 'mincore() takes the read lock anew for each VMA; the engine takes it once.',
    applies: (one) => one.call === 'mincore' && kernelLocks(one, false),
  },
  {
    name: 'fault-again',
    about: 'engine',
    fact:
      'A fault in memory of memfd_secret(), whose driver has no map_pages, begins again under ' +
      'mmap_lock; the engine handles it under the lock of the VMA.',
    // Which of several locks has none beside it is chance: their number counts.
    applies: (one) =>
      kernelLocks(one, false) && (one.used.get('fault-again') ?? 0) < one.secretEvents,
  },
];

/** @returns the reason; null when there is none. */
export function reasonFor(one: Case): Reason | null {
  const fits = ({ name, most = Infinity, applies }: Rule): boolean =>
    (one.used.get(name) ?? 0) < most && applies(one);
  return RULES.find(fits) ?? null;
}

export const REASONS: readonly Reason[] = RULES;
