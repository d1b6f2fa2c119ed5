/**
 * What became of a call whose memory was refused: one of a few outcomes, each of which is checked
 * page by page, or none of them, which is a bug.
 */
import {
  E2BIG,
  EAGAIN,
  EFAULT,
  ENOMEM,
  errnoName,
  FAULT_SEGV_MAPERR,
  MAP_FIXED,
  MREMAP_FIXED,
  type Protocol,
} from '../../index.ts';
import { addressOf, difference, type Look } from './look.ts';
import { isPart, type PartName, PARTS, partsOf } from './parts.ts';
import { BASE, PAGE } from './place.ts';
import type { Step, StepName } from './step.ts';

export type OutcomeName =
  | 'completed'
  | 'another way'
  | 'unchanged'
  | 'splits'
  | 'hole'
  | PartName
  | 'unknown';

/** What can become of a call, in words. */
export const OUTCOMES: Readonly<Record<OutcomeName, string>> = {
  completed: 'done, as if there had been memory',
  'another way': 'done, but VMAs did not merge, or pages will only come when they are touched',
  unchanged: 'an errno, and everything is as before',
  splits: 'an errno; VMAs were split for it and stay split; every page is as before',
  hole: 'an errno behind the point of no return: what was to be replaced is gone',
  marks: PARTS.marks.why,
  'some VMAs': PARTS['some VMAs'].why,
  'where it could': PARTS['where it could'].why,
  ready: PARTS.ready.why,
  short: PARTS.short.why,
  'rest stays': PARTS['rest stays'].why,
  'copy stays': PARTS['copy stays'].why,
  grown: PARTS.grown.why,
  killed: PARTS.killed.why,
  unknown: 'none of these: a bug',
};

export const OUTCOME_NAMES = Object.keys(OUTCOMES) as OutcomeName[];

export interface Outcome {
  readonly name: OutcomeName;
  /** Why it is none that is known. */
  readonly why: string;
}

/** One call, made with and without what it needs. */
export interface Trial {
  readonly step: Step;
  /** The address space that it is made in. */
  readonly space: number;
  readonly protocol: Protocol;
  readonly before: Look;
  /** As it is when nothing fails. */
  readonly clean: Look;
  readonly cleanResult: number;
}

const known = (name: OutcomeName): Outcome => ({ name, why: '' });
export const unknown = (why: string): Outcome => ({ name: 'unknown', why });

/** Errnos that say that there was no memory, beside ENOMEM. */
const OTHER_ERRNOS: Readonly<Partial<Record<StepName, readonly number[]>>> = {
  madvise: [EAGAIN, EFAULT],
  mlock: [EAGAIN],
  mlock2: [EAGAIN],
  mlockall: [EAGAIN],
  uffd_copy: [EFAULT],
  execve: [E2BIG, EFAULT],
};

/** Says which outcome a call had that gave `result`, or one of `errnos`, and left `now`. */
export function outcomeOf(
  trial: Trial,
  result: number,
  { now, errnos = [] }: { now: Look; errnos?: readonly number[] },
): Outcome {
  const { cleanResult, step } = trial;
  if (result === cleanResult) return succeeded(trial, now);
  if ([ENOMEM, ...(OTHER_ERRNOS[step.name] ?? []), ...errnos].includes(result)) {
    return failed(trial, now);
  }
  if (result === FAULT_SEGV_MAPERR && isBelowStack(trial)) return failed(trial, now);
  if (result > 0 && result < cleanResult) {
    return partOf(trial, now, 'amount') ?? unknown(`it says ${result}, but ${notIn(trial, now)}`);
  }
  return unknown(`it says ${errnoName(result) ?? result}, not ${cleanResult}`);
}

/** What grows down and has no memory for it does not grow: there is nothing at the address. */
function isBelowStack({ before, step, space }: Trial): boolean {
  const [at = 0] = step.args;
  const page = `${space}:${Math.floor((at - BASE) / PAGE)}`;
  return ['touch', 'store', 'load'].includes(step.name) && !before.pages.has(page);
}

/** Whether a call is a failure that nothing is left of, so that it can be made again. */
export const leavesNothing = ({ name }: Outcome): boolean =>
  name === 'unchanged' || name === 'splits';

/** Says which outcome a call had that was made again, with memory, after such a failure. */
export function secondOutcome({ clean, cleanResult }: Trial, result: number, now: Look): Outcome {
  if (result !== cleanResult) {
    return unknown(`made again it says ${errnoName(result) ?? result}, not ${cleanResult}`);
  }
  const differs = difference(clean, now);
  return differs === null ? known('completed') : unknown(`made again, ${differs}`);
}

function succeeded(trial: Trial, now: Look): Outcome {
  const { clean, cleanResult } = trial;
  const differs = difference(clean, now);
  if (differs === null) {
    const charges = chargeMismatch(now, clean);
    if (charges !== null) return unknown(`it succeeds, and ${charges}`);
    return known(isSameShape(clean, now) ? 'completed' : 'another way');
  }
  // A call that is refused anyway may be refused sooner.
  if (cleanResult < 0) return failed(trial, now);
  return partOf(trial, now, 'success') ?? unknown(`it succeeds, but ${differs}`);
}

const isSameShape = (clean: Look, now: Look): boolean =>
  now.starts.size === clean.starts.size &&
  [...clean.starts].every((start) => now.starts.has(start)) &&
  [...clean.live].every(([name, live]) => now.live.get(name) === live);

function failed(trial: Trial, now: Look): Outcome {
  const differs = difference(trial.before, now);
  if (differs === null) return same(trial, now);
  if (isHole(trial, now)) return known('hole');
  return partOf(trial, now, 'errno') ?? unknown(`it fails, and ${differs}`);
}

/** The part that explains what is there, if the call may leave it and say so. */
function partOf(trial: Trial, now: Look, says: 'errno' | 'success' | 'amount'): Outcome | null {
  const found = partsOf(trial.step.name, says).find((part) => isPart(part, trial, now));
  return found === undefined ? null : known(found);
}

const notIn = ({ clean }: Trial, now: Look): string =>
  difference(clean, now) ?? 'all of it was done';

/** Every page is what it was. */
function same(trial: Trial, now: Look): Outcome {
  const { before } = trial;
  const charges = chargeMismatch(before, now);
  if (charges !== null) return unknown(`it fails, and ${charges}`);
  const lost = [...before.starts].find((start) => !now.starts.has(start));
  if (lost !== undefined) return unknown(`it fails, and two VMAs have merged at ${lost}`);
  const hasSplit = now.starts.size > before.starts.size;
  const changed = [...now.live].filter(([name, live]) => live !== before.live.get(name));
  const others = changed.filter(([name]) => !(hasSplit && OF_SPLITS.has(name)));
  if (others.length === 0) return known(hasSplit ? 'splits' : 'unchanged');
  const mayStay = trial.step.name === 'mmap' ? OF_DRIVERS : OF_FAULTS;
  const isReady = others.every(([name]) => mayStay.has(name));
  if (isReady && partsOf(trial.step.name, 'errno').includes('ready')) return known('ready');
  const left = others.map(([name, live]) => `${live - (before.live.get(name) ?? 0)} ${name}`);
  return unknown(`it fails, and keeps ${left.join(', ')}`);
}

/** Pages of shared objects are charged one by one: `more` has as many more as it has charged. */
function chargeMismatch(less: Look, more: Look): string | null {
  const charged = more.objects - less.objects;
  const pages = (more.live.get('page') ?? 0) - (less.live.get('page') ?? 0);
  if (charged === 0 || (charged > 0 && charged <= pages)) return null;
  return `${charged} more pages are charged than there were or should be`;
}

/** What a split makes. */
const OF_SPLITS = new Set(['vm_area_struct', 'maple_node', 'anon_vma_chain']);
/** What a fault makes before it finds that there is no page. */
const OF_FAULTS = new Set(['page_table', 'anon_vma', 'anon_vma_chain', 'page', 'xa_node']);

/** What a driver's `.mmap` makes before it finds that there is no page table: upper tables. */
const OF_DRIVERS = new Set(['page_table']);

/** Only pages that the call was to replace, or to cut off, are missing. */
function isHole(trial: Trial, now: Look): boolean {
  const { before, space } = trial;
  const lost = lostRanges(trial);
  const mayBeLost = (page: string): boolean => {
    const at = addressOf(page);
    return page.startsWith(`${space}:`) && lost.some(([from, to]) => at >= from && at < to);
  };
  for (const [page, look] of before.pages) {
    const is = now.pages.get(page);
    if (is !== look && !(is === undefined && mayBeLost(page))) return false;
  }
  return [...now.pages.keys()].every((page) => before.pages.has(page));
}

type Range = readonly [from: number, to: number];

/**
 * What a call may lose when it fails: mremap its destination, and what it does not keep of its
 * source; mmap nothing, but as the kernel does it, or by `.mmap`.
 */
function lostRanges({ step, protocol }: Trial): Range[] {
  const [addr = 0, len = 0, newLen = 0, flags = 0, to = -1] = step.args;
  const isFixed = (flags & MREMAP_FIXED) !== 0;
  if (step.name === 'mremap' && isFixed)
    return [
      [to, to + newLen],
      [addr + newLen, addr + len],
    ];
  if (step.name !== 'mmap' || (flags & MAP_FIXED) === 0) return [];
  const isKept = protocol.mapFixedFailure === 'reattach' && protocol.munmap === 'gather';
  return isKept && to === -1 ? [] : [[addr, addr + len]];
}
