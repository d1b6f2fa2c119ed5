/** From pages to VMAs, over processes that the public face makes. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mmOf } from '../../../test/pictures.ts';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  type Process,
  PROT_READ,
  PROT_WRITE,
} from '../../index.ts';
import { fget } from '../file/fd_table.ts';
import { fileInode, fput } from '../file/file_struct.ts';
import type { Mm, Vma } from '../mm/held.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import { vmaLookup } from '../mm/vma_iterator.ts';
import { type AnonVma, type File, vmAnonVma, vmMm, vmPgoff, vmStart } from '../mm/vma_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../rcu/rcu.ts';
import { getAnonVmaUnlessGone, putAnonVma } from './anon_vma_struct.ts';
import { anonVmaWalk, iMmapWalk } from './rmap_walk.ts';

const P = 4096;
const START = 0x200000000000;
const RW = PROT_READ | PROT_WRITE;
const page = (number: number): number => START + number * P;

let machine: Machine;
let parent: Process;
let fd: number;
let others: Process[];

beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20 });
  parent = machine.spawn();
  fd = machine.open({ kind: 'regular', path: '/f', size: 1 << 20, writable: true });
  others = [];
});

afterEach(() => {
  for (const each of [parent, ...others]) {
    each.verify();
    each.exit();
  }
  machine.tearDown();
});

function fork(of = parent): Process {
  const child = of.fork();
  if (typeof child === 'number') throw new Error(`fork gave ${child}`);
  others.push(child);
  return child;
}

const mapFile = (at: number, pages: number, offset: number, kind = MAP_SHARED): void => {
  parent.mmap(page(at), pages * P, RW, kind | MAP_FIXED, fd, offset * P);
};

const mapAnon = (at: number, pages: number): void => {
  parent.mmap(page(at), pages * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
};

/** A VMA as `process:page`. */
function nameOf(vma: Vma): string {
  const processes = [parent, ...others];
  const who = processes.findIndex((process) => mmOf(process) === vmMm(vma));
  return `${who}:${(vmStart(vma) - START) / P}`;
}

function walkFile(first: number, last: number, limit = Infinity): string[] {
  const file = fget(fd) as File;
  const names: string[] = [];
  const isWhole = iMmapWalk(fileInode(file), { first, last }, (vma) => {
    names.push(nameOf(vma));
    return names.length < limit;
  });
  expect(isWhole).toBe(names.length < limit);
  fput(file);
  return names;
}

function anonVmaAt(process: Process, at: number): { anonVma: AnonVma; pgoff: number } {
  const mm = mmapReadLock(mmOf(process));
  const vma = vmaLookup(mm, page(at)) as Vma;
  const found = vmAnonVma(vma);
  const pgoff = vmPgoff(vma) + (page(at) - vmStart(vma)) / P;
  mmapReadUnlock(mm);
  if (found === 0) throw new Error(`There is no anon_vma at ${at}.`);
  return { anonVma: found, pgoff };
}

/** The VMAs that may hold the page which the process would write at `at`. */
function walkAnon(process: Process, at: number): string[] {
  const { anonVma, pgoff } = anonVmaAt(process, at);
  const names: string[] = [];
  anonVmaWalk(anonVma, { first: pgoff, last: pgoff }, (vma) => names.push(nameOf(vma)) > 0);
  return names;
}

describe('iMmapWalk', () => {
  it('finds the mappings of a page of a file, private and shared, and no others', () => {
    mapFile(0, 4, 0);
    mapFile(10, 4, 2, MAP_PRIVATE);
    mapFile(20, 1, 9);
    mapAnon(30, 4);
    expect(walkFile(0, 1)).toEqual(['0:0']);
    expect(walkFile(2, 3)).toEqual(['0:0', '0:10']);
    expect(walkFile(5, 5)).toEqual(['0:10']);
    expect(walkFile(6, 8)).toEqual([]);
    expect(walkFile(0, Infinity)).toEqual(['0:0', '0:10', '0:20']);
  });

  it('stops when a visit says so', () => {
    for (let i = 0; i < 5; i++) mapFile(2 * i, 1, 0);
    expect(walkFile(0, 0, 2)).toHaveLength(2);
  });

  it("8.2 6l meets a child's VMA right behind its parent's", () => {
    mapFile(0, 2, 0);
    mapFile(4, 2, 0);
    fork();
    expect(walkFile(0, 0)).toEqual(['0:0', '1:0', '0:4', '1:4']);
  });

  it('follows splits, merges and moves', () => {
    mapFile(0, 6, 0);
    parent.mprotect(page(2), 2 * P, PROT_READ);
    expect(walkFile(0, 5)).toEqual(['0:0', '0:2', '0:4']);
    expect(walkFile(3, 4)).toEqual(['0:2', '0:4']);
    parent.mprotect(page(2), 2 * P, RW);
    expect(walkFile(0, 5)).toEqual(['0:0']);
    parent.mremap(page(4), 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, page(40));
    expect(walkFile(4, 4)).toEqual(['0:40']);
    expect(walkFile(0, 5)).toEqual(['0:0', '0:40']);
  });

  it('no longer finds what was unmapped or replaced', () => {
    mapFile(0, 6, 0);
    parent.munmap(page(1), P);
    expect(walkFile(1, 1)).toEqual([]);
    mapAnon(4, 2);
    expect(walkFile(0, 5)).toEqual(['0:0', '0:2']);
    const child = fork();
    child.munmap(page(0), 6 * P);
    expect(walkFile(0, 5)).toEqual(['0:0', '0:2']);
  });

  it('lets a file be sealed against writing once its shared mapping is gone', () => {
    const sealable = machine.open({ kind: 'shmem', path: '/memfd:s', size: P, writable: true });
    parent.mmap(page(0), P, RW, MAP_SHARED | MAP_FIXED, sealable, 0);
    expect(machine.addSeals(sealable, 8)).toBe(-16);
    parent.munmap(page(0), P);
    expect(machine.addSeals(sealable, 8)).toBe(0);
  });
});

describe('anonVmaWalk', () => {
  it('finds the VMAs of a family that may hold a page written before the fork', () => {
    mapAnon(0, 4);
    parent.touch(page(0), 'write');
    const child = fork();
    expect(walkAnon(parent, 1).toSorted()).toEqual(['0:0', '1:0']);
    expect(walkAnon(child, 1), 'pages written after it are its own').toEqual(['1:0']);
  });

  it('finds by the page, not by the VMA', () => {
    mapAnon(0, 6);
    parent.touch(page(0), 'write');
    parent.mprotect(page(2), 2 * P, PROT_READ);
    expect(walkAnon(parent, 0)).toEqual(['0:0']);
    expect(walkAnon(parent, 3)).toEqual(['0:2']);
    expect(walkAnon(parent, 5)).toEqual(['0:4']);
    parent.mremap(page(4), 2 * P, 2 * P, MREMAP_MAYMOVE | MREMAP_FIXED, page(40));
    expect(walkAnon(parent, 41)).toEqual(['0:40']);
    parent.mprotect(page(2), 2 * P, RW);
    expect(walkAnon(parent, 3)).toEqual(['0:0']);
  });

  it('1.3 gives an anon_vma that nobody uses any more to the next child, but not a root', () => {
    mapAnon(0, 2);
    parent.touch(page(0), 'write');
    const child = fork();
    const grandchild = fork(child);
    const [root, orphaned] = [anonVmaAt(parent, 0).anonVma, anonVmaAt(child, 0).anonVma];
    parent.munmap(page(0), 2 * P);
    child.munmap(page(0), 2 * P);
    const next = fork(grandchild);
    expect(anonVmaAt(next, 0).anonVma).toBe(orphaned);
    expect(root).not.toBe(orphaned);
    expect(walkAnon(next, 0).toSorted()).toEqual(['2:0', '3:0']);
  });

  it('1.3 counts a child no more when its last VMA is gone', () => {
    mapAnon(0, 2);
    parent.touch(page(0), 'write');
    const child = fork();
    const [grandchild, sibling] = [fork(child), fork(child)];
    const orphaned = anonVmaAt(child, 0).anonVma;
    child.munmap(page(0), 2 * P);
    const tooMany = fork(grandchild);
    expect(anonVmaAt(tooMany, 0).anonVma, 'two children descend from it').not.toBe(orphaned);
    sibling.munmap(page(0), 2 * P);
    expect(anonVmaAt(fork(grandchild), 0).anonVma).toBe(orphaned);
  });

  it('holds an anon_vma whose VMAs are gone, by a reference, and not without', () => {
    mapAnon(0, 2);
    parent.touch(page(0), 'write');
    const child = fork();
    const { anonVma, pgoff } = anonVmaAt(child, 0);
    expect(getAnonVmaUnlessGone(anonVma)).toBe(true);
    child.munmap(page(0), 2 * P);
    parent.munmap(page(0), 2 * P);
    const visited: Mm[] = [];
    const pages = { first: pgoff, last: pgoff };
    expect(anonVmaWalk(anonVma, pages, (vma) => visited.push(vmMm(vma)) > 0)).toBe(true);
    expect(visited).toEqual([]);
    rcuReadLock();
    putAnonVma(anonVma);
    expect(getAnonVmaUnlessGone(anonVma)).toBe(false);
    rcuReadUnlock();
  });
});
