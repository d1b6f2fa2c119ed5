/** What the sweep takes for an outcome, and what it does not: planted residues of each kind. */
import { describe, expect, it } from 'vitest';
import {
  EAGAIN,
  EINVAL,
  EINTR,
  ENOMEM,
  FAULT_SEGV_MAPERR,
  MAP_FIXED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
} from '../../src/index.ts';
import type { Look } from '../../src/lab/sweep/look.ts';
import { outcomeOf, secondOutcome, type Trial } from '../../src/lab/sweep/outcome.ts';
import { page, pages } from '../../src/lab/sweep/place.ts';
import { siteOf } from '../../src/lab/sweep/site.ts';
import type { StepName } from '../../src/lab/sweep/step.ts';

type PageLooks = Readonly<Record<number, string>>;
type Rest = Partial<Pick<Look, 'committed' | 'objects'>> & {
  readonly live?: Readonly<Record<string, number>>;
  readonly starts?: readonly number[];
};

/** What there would be to see: pages as `what it is, with what it holds`. */
function look(pageLooks: PageLooks, { committed = 9, objects = 0, ...rest }: Rest = {}): Look {
  const { live = { vm_area_struct: 1, page: 2 }, starts = [0] } = rest;
  return {
    pages: new Map(Object.entries(pageLooks).map(([at, text]) => [`0:${at}`, text])),
    starts: new Set(starts.map((start) => `0:${start}`)),
    committed,
    objects,
    live: new Map(Object.entries(live)),
  };
}

const THREE: PageLooks = { 0: 'rw, with 1', 1: 'rw, with 2', 2: 'rw, with 3' };
const READ_ONLY: PageLooks = { ...THREE, 1: 'r, with 2', 2: 'r, with 3' };

/** A call that would make THREE into `clean`. */
const trial = (name: StepName, clean: Look, args: number[] = []): Trial => ({
  step: { process: 0, name, args },
  space: 0,
  protocol: {
    mmapHook: 'prepare',
    mapFixedFailure: 'reattach',
    forkRecovery: 'tree-limit',
    vmaLock: 'refcnt',
    vmaLockSeq: '32-bit',
    endReadRcu: 'on',
    vmaFreePointer: 'apart',
    munmap: 'gather',
    mapsReader: 'per-vma',
  },
  before: look(THREE),
  clean,
  cleanResult: 0,
});

const mprotect = trial('mprotect', look(READ_ONLY, { starts: [0, 1] }));
const named = (of: Trial, result: number, now: Look): string => outcomeOf(of, result, { now }).name;

describe('X-4 a call that says that there is no memory', () => {
  it.each<[string, Look]>([
    ['unchanged', look(THREE)],
    [
      'splits',
      look(THREE, { starts: [0, 1], live: { vm_area_struct: 2, maple_node: 1, page: 2 } }),
    ],
    ['some VMAs', look({ ...THREE, 1: 'r, with 2' }, { starts: [0, 1, 2] })],
    ['unknown', look({ ...THREE, 2: 'r, with 3' }, { starts: [0, 2] })], // not the first part
    ['unknown', look({ ...THREE, 1: 'rw, with 0' })], // what it held is lost
    ['unknown', look({ ...THREE, 1: 'rwx, with 2' })], // what nobody asked for
    ['unknown', look({ 0: 'rw, with 1', 2: 'rw, with 3' })], // a page is gone
    ['unknown', look({ ...THREE, 3: 'rw, with 0' })], // or there is one more
    ['unknown', look(THREE, { live: { vm_area_struct: 1, page: 1 } })], // freed, though mapped
    ['unknown', look(THREE, { live: { vm_area_struct: 2, page: 2 } })], // a leak
    ['unknown', look(THREE, { starts: [0, 1], live: { vm_area_struct: 2, anon_vma: 1, page: 2 } })],
    ['unknown', look(THREE, { objects: 1, committed: 10 })], // still charged
    ['unknown', look(THREE, { starts: [] })], // VMAs have merged
  ])('X-4 %s', (outcome, now) => {
    expect(named(mprotect, ENOMEM, now)).toBe(outcome);
  });

  it('X-4 and says it with another number is not known', () => {
    expect(named(mprotect, EINVAL, look(THREE))).toBe('unknown');
    expect(named(mprotect, EAGAIN, look(THREE))).toBe('unknown');
    expect(named(trial('mlock', look(THREE)), EAGAIN, look(THREE))).toBe('unchanged');
    expect(outcomeOf(mprotect, EINTR, { now: look(THREE), errnos: [EINTR] }).name).toBe(
      'unchanged',
    );
  });

  it('X-4 an address below nothing that grows is no excuse for a signal', () => {
    const store = (at: number): Trial => trial('store', look(THREE), [page(at), 1]);
    expect(named(store(4), FAULT_SEGV_MAPERR, look(THREE))).toBe('unchanged');
    expect(named(store(2), FAULT_SEGV_MAPERR, look(THREE))).toBe('unknown');
  });
});

describe('X-4 a hole', () => {
  const lost = look({ 0: 'rw, with 1', 2: 'rw, with 3' });
  const over = (name: StepName, args: number[]): Trial => ({
    ...trial(name, look({ ...THREE, 1: 'new, with 0' }), args),
    cleanResult: page(1),
  });

  it('X-4 S0-23a is no outcome of an mmap by default, and one in the kernel’s way', () => {
    const mmap = over('mmap', [page(1), pages(1), 3, MAP_FIXED, -1, 0]);
    expect(named(mmap, ENOMEM, lost)).toBe('unknown');
    const protocol = { ...mmap.protocol, mapFixedFailure: 'leave-gap' } as const;
    expect(named({ ...mmap, protocol }, ENOMEM, lost)).toBe('hole');
  });

  it('X-4 of an mremap is where it was to go, and nowhere else', () => {
    const to = (at: number): Trial =>
      over('mremap', [page(9), pages(1), pages(1), MREMAP_MAYMOVE | MREMAP_FIXED, page(at)]);
    expect(named(to(1), ENOMEM, lost)).toBe('hole');
    expect(named(to(2), ENOMEM, lost)).toBe('unknown');
  });
});

describe('X-4 a call that says that it is done', () => {
  it.each<[string, Look]>([
    ['completed', look(READ_ONLY, { starts: [0, 1] })],
    ['another way', look(READ_ONLY, { starts: [0, 1, 2] })],
    ['unknown', look(THREE)], // it is not
    ['unknown', look({ ...THREE, 1: 'r, with 2' })], // it is, in part
    ['unknown', look(READ_ONLY, { starts: [0, 1], objects: 1 })], // charged twice
  ])('X-4 %s', (outcome, now) => {
    expect(named(mprotect, 0, now)).toBe(outcome);
  });

  it('X-4 a second attempt is as the first should have been', () => {
    expect(secondOutcome(mprotect, 0, look(READ_ONLY)).name).toBe('completed');
    expect(secondOutcome(mprotect, 0, look(THREE)).name).toBe('unknown');
    expect(secondOutcome(mprotect, ENOMEM, look(READ_ONLY)).name).toBe('unknown');
  });
});

describe('X-4 a move of several', () => {
  const args = [page(0), pages(3), pages(3), MREMAP_MAYMOVE | MREMAP_FIXED, page(10)];
  const moved = look({ 10: 'rw, with 1', 11: 'rw, with 2', 12: 'rw, with 3' });
  const move: Trial = { ...trial('mremap', moved, args), cleanResult: page(10) };

  it.each<[string, PageLooks]>([
    ['some VMAs', { 1: 'rw, with 2', 2: 'rw, with 3', 10: 'rw, with 1' }],
    ['some VMAs', { ...THREE, 0: 'rw, with 0', 10: 'rw, with 1' }], // its source could not be split
    ['copy stays', { ...THREE, 10: 'rw, with 0' }],
    ['unknown', { 1: 'rw, with 2', 2: 'rw, with 3' }], // gone
    ['unknown', { ...THREE, 0: 'rw, with 0' }], // lost
    ['unknown', { ...THREE, 20: 'rw, with 0' }], // elsewhere
  ])('X-4 %s: %j', (outcome, now) => {
    expect(named(move, ENOMEM, look(now))).toBe(outcome);
  });
});

describe('sites', () => {
  it.each([
    ['a (mm/x.ts:1) < b (mm/x.ts:2) < c (vma/y.ts:3) < d (vma/y.ts:4)', 'text: a < b < c'],
    ['a < b$1 < mmap < mmap < perform', 'text: a < b'],
    ['a < #newTask < fork', 'text: a'],
    ['', 'text: '],
  ])('are the engine’s functions of %s', (place, site) => {
    expect(siteOf('text', place)).toBe(site);
  });
});
