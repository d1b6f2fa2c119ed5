/**
 * The calls that may do a part of what they were asked, and why: reviewed one by one. A call that
 * is not in a row here is done, or not done, as a whole.
 */
import { addressOf, type Look, partsOfLook, spaceOf } from './look.ts';
import { BASE, PAGE } from './place.ts';
import type { Step, StepName } from './step.ts';

export const PART_NAMES = [
  'marks',
  'some VMAs',
  'where it could',
  'ready',
  'short',
  'rest stays',
  'copy stays',
  'grown',
  'killed',
] as const;

export type PartName = (typeof PART_NAMES)[number];

interface Part {
  readonly why: string;
  /** What the call says: that it failed, that it is done, or how much is done. */
  readonly says: 'errno' | 'success' | 'amount';
  readonly calls: readonly StepName[];
}

/** Calls that bring pages in. */
const FAULTING: readonly StepName[] = [
  'touch',
  'store',
  'load',
  'madvise',
  'mlock',
  'mlock2',
  'mlockall',
];

/** Calls that go from one VMA to the next. */
const BY_VMA: readonly StepName[] = [
  'mprotect',
  'madvise',
  'mlock',
  'mlock2',
  'mlockall',
  'munlock',
  'munlockall',
  'mseal',
  'name',
  'mbind',
  'uffd_register',
  'uffd_unregister',
  'mremap',
];

export const PARTS: Readonly<Record<PartName, Part>> = {
  'some VMAs': {
    why: 'an errno; the VMAs before the failure are done, those behind it are not',
    says: 'errno',
    calls: BY_VMA,
  },
  'where it could': {
    why: 'done; VMAs that could not be split or merged for it are as before, and nobody is told',
    says: 'success',
    calls: ['mlockall', 'munlockall'],
  },
  marks: {
    why: 'an errno; VMAs are marked as locked or guarded, but not all of their pages are it yet',
    says: 'errno',
    calls: ['mlock', 'mlock2', 'mlockall', 'madvise'],
  },
  ready: {
    why: 'an errno; tables, anon_vmas and pages made on the way stay for the next attempt',
    says: 'errno',
    calls: [
      ...FAULTING,
      'mmap',
      'pwrite',
      'pread',
      'truncate',
      'punch_hole',
      'uffd_zeropage',
      'uffd_copy',
      'uffd_writeprotect',
      'mremap',
    ],
  },
  short: {
    why: 'done up to where the result says',
    says: 'amount',
    calls: ['pwrite', 'pread', 'uffd_zeropage', 'uffd_copy'],
  },
  'rest stays': {
    why: 'done, but what was to be unmapped for it stays, without pages: it could not be split off',
    says: 'success',
    calls: ['mremap', 'execve'],
  },
  'copy stays': {
    why: 'an errno; the pages are back, but where they were to go stays mapped, and empty',
    says: 'errno',
    calls: ['mremap'],
  },
  grown: {
    why: 'an errno; what grows down has grown, but there was no page for the address',
    says: 'errno',
    calls: ['touch', 'store', 'load'],
  },
  killed: {
    why: 'an errno behind the point of no return of an exec: the process can only exit',
    says: 'errno',
    calls: ['execve'],
  },
};

/** What a call may leave that says so. */
export const partsOf = (name: StepName, says: Part['says']): PartName[] =>
  PART_NAMES.filter((part) => PARTS[part].says === says && PARTS[part].calls.includes(name));

/** A call, what there was before it, and what there is after it when nothing fails. */
interface Ends {
  readonly step: Step;
  readonly space: number;
  readonly before: Look;
  readonly clean: Look;
}

/** Whether what is there is what this kind of partial success leaves. */
export function isPart(part: PartName, ends: Ends, now: Look): boolean {
  const { before, clean } = ends;
  switch (part) {
    case 'ready':
      return false; // told by what is alive, not by the pages
    case 'short':
    case 'where it could':
      return isMixture(ends, now);
    case 'some VMAs':
      return ends.step.name === 'mremap'
        ? isPartOfMove(ends, now)
        : isMixture(ends, now) && isPrefix(ends, now);
    case 'marks':
      return areMarked(ends, now);
    case 'rest stays':
      return hasAll(clean, now) && (ends.step.name === 'execve' || hasNoOthers(ends, now));
    case 'killed':
      return isKilled(ends, now);
    case 'copy stays':
    case 'grown':
      return hasAll(before, now) && hasNoOthers(ends, now);
  }
}

const hasAll = (look: Look, now: Look): boolean =>
  [...look.pages].every(([page, what]) => now.pages.get(page) === what);

const hasNoOthers = ({ before, clean }: Ends, now: Look): boolean =>
  [...now.pages.keys()].every((page) => clean.pages.has(page) || before.pages.has(page));

/** Each page is as before, or as after a success; the size of a file may be between. */
function isMixture({ before, clean }: Ends, now: Look): boolean {
  const all = new Set([...before.pages.keys(), ...clean.pages.keys(), ...now.pages.keys()]);
  return [...all].every((page) => {
    const [was, is, will] = [before, now, clean].map(({ pages }) => pages.get(page));
    if (is === was || is === will) return true;
    return page.startsWith('file') && Number(was) < Number(is) && Number(is) < Number(will);
  });
}

/** Each page is marked as after a success, and holds what it does then, or did before, or nothing. */
const areMarked = ({ before, clean }: Ends, now: Look): boolean =>
  now.pages.size === before.pages.size &&
  [...now.pages].every(([page, look]) => {
    const [is, was, will] = [look, before.pages.get(page), clean.pages.get(page)].map(partsOfLook);
    if (is === undefined || was === undefined || will === undefined) return false;
    return is.mark === will.mark && [was.holds, will.holds, '0'].includes(is.holds);
  });

/** From some address on nothing is done any more. */
function isPrefix({ before, clean }: Ends, now: Look): boolean {
  const changed = [...new Set([...before.pages.keys(), ...clean.pages.keys()])]
    .filter((page) => page.includes(':') && before.pages.get(page) !== clean.pages.get(page))
    .toSorted((a, b) => addressOf(a) - addressOf(b));
  const done = changed.map((page) => now.pages.get(page) === clean.pages.get(page));
  return done.lastIndexOf(true) < (done.includes(false) ? done.indexOf(false) : done.length);
}

/**
 * Some VMAs have moved. What was at their destination is gone, and what is to be cut off; a page of
 * the source is as before, or it is at its destination, and then gone or empty where it was.
 */
function isPartOfMove({ step, space, before, clean }: Ends, now: Look): boolean {
  const [from = 0, len = 0, newLen = 0, , to = 0] = step.args;
  const all = new Set([...before.pages.keys(), ...now.pages.keys()]);
  return [...all].every((page) => {
    const [was, is] = [before.pages.get(page), now.pages.get(page)];
    const at = page.startsWith(`${space}:`) ? addressOf(page) : -1;
    if (is === was) return true;
    if (at >= to && at < to + newLen) return is === undefined || is === clean.pages.get(page);
    if (at < from || at >= from + len) return false;
    if (at >= from + newLen) return is === undefined;
    const target = `${space}:${(at - from + to - BASE) / PAGE}`;
    const isThere = now.pages.has(target) && now.pages.get(target) === clean.pages.get(target);
    const stays = partsOfLook(is).holds === '0' && partsOfLook(is).mark === partsOfLook(was).mark;
    return isThere && (is === undefined || stays);
  });
}

/** The process is in another address space and about to die; all others are as before. */
function isKilled({ space, before }: Ends, now: Look): boolean {
  const dying = [...now.pages].filter(([page, is]) => page.startsWith('signal') && is !== '0');
  const signal = dying[0]?.[0] ?? '';
  const isOther = ([page]: readonly [string, string]): boolean =>
    ![space, spaceOf(signal)].includes(spaceOf(page)) || before.pages.has(signal);
  return (
    dying.length === 1 &&
    [...before.pages].filter(isOther).every(([page, was]) => now.pages.get(page) === was) &&
    [...now.pages].filter(isOther).every(([page]) => before.pages.has(page))
  );
}
