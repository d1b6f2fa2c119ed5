/**
 * Every shape of merging, splitting and unmapping, over every kind of memory: afterwards the
 * reverse map finds each page of the picture through its VMA, and through nothing else.
 */
import { describe, expect, it } from 'vitest';
import {
  Canvas,
  expectPicture,
  type Look,
  type Looks,
  PAGE,
  PLAIN,
  rangeOf,
} from '../../../test/pictures.ts';
import { OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { fileInode } from '../file/file_struct.ts';
import type { Vma } from '../mm/held.ts';
import { eachVma } from '../mm/vma_iterator.ts';
import {
  flagsOf,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_MAYSHARE,
  VM_SHARED,
  type VmFlags,
  withFlags,
} from '../mm/vm_flags.ts';
import { vmaPages, vmAnonVma, vmFile, vmMm, vmPgoff } from '../mm/vma_struct.ts';
import type { PageInterval } from '../rmap/interval_tree.ts';
import { anonVmaWalk, iMmapWalk, type RmapVisit } from '../rmap/rmap_walk.ts';
import { Machine } from '../../machine.ts';
import { expandDownwards } from './expand.ts';
import { vmaMergeExistingRange, vmaMergeNewRange } from './merge.ts';
import { doMunmap } from './munmap.ts';
import { splitVma } from './split.ts';

interface Backing {
  readonly name: string;
  readonly flags: VmFlags;
  readonly isFile: boolean;
  readonly isWritten: boolean;
}

const SHARED = withFlags(PLAIN, flagsOf(VM_SHARED, VM_MAYSHARE));

const BACKINGS: readonly Backing[] = [
  { name: 'memory never written', flags: PLAIN, isFile: false, isWritten: false },
  { name: 'written memory', flags: PLAIN, isFile: false, isWritten: true },
  { name: 'a private file', flags: PLAIN, isFile: true, isWritten: false },
  { name: 'a written private file', flags: PLAIN, isFile: true, isWritten: true },
  { name: 'a shared file', flags: SHARED, isFile: true, isWritten: false },
];

interface Shape {
  readonly before: string;
  readonly after: string;
  readonly act: (canvas: Canvas, look: Look) => void;
  /** Letters that have other flags than the rest, so that they are what is modified. */
  readonly other?: string;
}

/** Takes the `*` as a new range like its neighbours. */
const newRange: Shape['act'] = (canvas, look) => {
  const range = rangeOf(canvas.drawn);
  if (vmaMergeNewRange(canvas.newRange(range, look)) !== NULL) canvas.account(range, look.flags);
};

/** Gives pages of M, by their places in the picture, the flags of its neighbours. */
function modify(from: number, to: number): Shape['act'] {
  return (canvas, look) => {
    const range = { start: from * PAGE, end: to * PAGE };
    vmaMergeExistingRange(canvas.modify('M', range, look.flags));
  };
}

function split(at: number, side: 'below' | 'above'): Shape['act'] {
  return (canvas) => {
    expect(splitVma(canvas.mm, canvas.vma('A'), { addr: at * PAGE, side })).toBe(OK);
  };
}

function unmap(from: number, to: number): Shape['act'] {
  return (canvas) => {
    const range = { start: from * PAGE, end: to * PAGE };
    expect(doMunmap(canvas.mm, range, 'keep')).toBe(OK);
  };
}

const SHAPES: Readonly<Record<string, Shape>> = {
  'a new range between two': { before: 'AA**BB', after: 'AAAAAA', act: newRange },
  'a new range behind one': { before: 'AA**..', after: 'AAAA..', act: newRange },
  'a new range before one': { before: '..**BB', after: '..BBBB', act: newRange },
  'a new range alone': { before: 'A.**.B', after: 'A....B', act: newRange },
  'the whole, both sides': { before: 'AAMMBB', after: 'AAAAAA', act: modify(2, 4), other: 'M' },
  'the whole, to the left': { before: 'AAMM..', after: 'AAAA..', act: modify(2, 4), other: 'M' },
  'the whole, to the right': { before: '..MMBB', after: '..BBBB', act: modify(2, 4), other: 'M' },
  'a front, to the left': { before: 'AAMMBB', after: 'AAAMBB', act: modify(2, 3), other: 'M' },
  'a tail, to the right': { before: 'AAMMBB', after: 'AAMBBB', act: modify(3, 4), other: 'M' },
  'an inside': { before: 'AAMMMB', after: 'AAMMMB', act: modify(3, 4), other: 'M' },
  'a split, new below': { before: 'AAAA', after: 'nAAA', act: split(1, 'below') },
  'a split, new above': { before: 'AAAA', after: 'AAAn', act: split(3, 'above') },
  'unmapping a front': { before: 'AAAA', after: '.nnn', act: unmap(0, 1) },
  'unmapping a middle': { before: 'AAAA', after: 'n..o', act: unmap(1, 3) },
  'unmapping a tail': { before: 'AAAA', after: 'n...', act: unmap(1, 4) },
  'unmapping parts of three': { before: 'AABBCC', after: 'n....o', act: unmap(1, 5) },
};

function looksOf(backing: Backing, { before, other = '' }: Shape, fd: number): Looks {
  const look: Look = {
    flags: backing.flags,
    ...(backing.isFile ? { fd } : {}),
    ...(backing.isWritten ? { anonVma: 'g' } : {}),
  };
  const letters = [...new Set(before)].filter((letter) => letter !== '.' && letter !== '*');
  return Object.fromEntries(
    letters.map((letter) => {
      const flags = withFlags(backing.flags, flagsOf(VM_EXEC));
      return [letter, other.includes(letter) ? { ...look, flags } : look];
    }),
  );
}

/** Each page of each VMA is found through exactly that VMA, by each of its trees. */
function expectFound(canvas: Canvas): void {
  for (const vma of eachVma(canvas.mm)) {
    const file = vmFile(vma);
    const anonVma = vmAnonVma(vma);
    for (let page = vmPgoff(vma); page < vmPgoff(vma) + vmaPages(vma); page++) {
      const through = (walk: (pages: PageInterval, visit: RmapVisit) => boolean): Vma[] => {
        const found: Vma[] = [];
        walk({ first: page, last: page }, (each) => {
          if (vmMm(each) === canvas.mm) found.push(each);
          return true;
        });
        return found;
      };
      if (file !== NULL) {
        expect(through((pages, visit) => iMmapWalk(fileInode(file), pages, visit))).toEqual([vma]);
      }
      if (anonVma !== NULL) {
        expect(through((pages, visit) => anonVmaWalk(anonVma, pages, visit))).toEqual([vma]);
      }
    }
  }
}

/** How many VMAs of the canvas are in the tree of a file. */
function countMappings(canvas: Canvas, fd: number): number {
  let count = 0;
  iMmapWalk(fileInode(canvas.file(fd)), { first: 0, last: Infinity }, () => ++count > 0);
  return count;
}

describe.each(BACKINGS)('the reverse map over $name', (backing) => {
  it.each(Object.entries(SHAPES))('follows %s', (_name, shape) => {
    const machine = Machine.create({ bytes: 16 * 2 ** 20 });
    const fd = machine.open({ kind: 'regular', path: '/f', size: 1 << 20, writable: true });
    const looks = looksOf(backing, shape, fd);
    using canvas = new Canvas(shape.before, looks, machine);
    expectFound(canvas);
    shape.act(canvas, { flags: backing.flags, ...(backing.isFile ? { fd } : {}) });
    expectPicture(canvas.picture(), shape.after);
    canvas.relock();
    canvas.verify();
    expectFound(canvas);
    expect(countMappings(canvas, fd)).toBe(backing.isFile ? canvas.mapCount : 0);
  });
});

describe('the reverse map', () => {
  it('follows a stack that grows', () => {
    const flags = withFlags(PLAIN, flagsOf(VM_GROWSDOWN));
    using canvas = new Canvas(`${'.'.repeat(300)}SS`, { S: { flags, anonVma: 'g' } });
    expect(expandDownwards(canvas.mm, canvas.vma('S'), 297 * PAGE)).toBe(OK);
    expect(canvas.picture()).toBe(`${'.'.repeat(297)}SSSSS`);
    canvas.relock();
    canvas.verify();
    expectFound(canvas);
  });
});
