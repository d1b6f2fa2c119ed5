import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Machine } from '../../machine.ts';
import type { FileSpec } from '../../machine_files.ts';
import { EEXIST, isErr } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { allocPage, lockPage, pageBytes, putPage, unlockPage } from '../page/page_alloc.ts';
import {
  type Page,
  pageHas,
  pageIndex,
  pageMapping,
  pageRefcount,
  PG_DIRTY,
  PG_SWAPBACKED,
  PG_UPTODATE,
  setPageIdentity,
} from '../page/page_struct.ts';
import { FAULT_NOPAGE, FAULT_OOM, FAULT_SIGBUS, isFault } from '../page/vm_fault.ts';
import { inodeNrpages } from './address_space.ts';
import { fget } from './fd_table.ts';
import { fileInode, fput } from './file_struct.ts';
import { filemapFault, filemapMapPages, filemapPageMkwrite } from './filemap.ts';
import { type Inode, setInodeSize } from './inode.ts';
import { addToPageCache, findGetPage, removeFromPageCache } from './page_cache.ts';

let machine: Machine;
beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20, ramBytes: 2 ** 20 });
});
afterEach(() => machine.tearDown());

function open(size: number, kind: FileSpec['kind'] = 'regular'): Inode {
  const fd = machine.open({ kind, path: '/f', size, writable: true });
  const file = fget(fd);
  if (isErr(fd) || file === NULL) throw new Error('no file');
  const inode = fileInode(file);
  fput(file);
  return inode;
}

/** Faults, and unlocks; the page keeps the reference of the caller. */
function fault(inode: Inode, index: number): Page {
  const page = filemapFault(inode, index);
  if (isFault(page)) throw new Error(`fault: ${page}`);
  unlockPage(page);
  return page;
}

describe('filemapFault', () => {
  it('makes a page of zeroes once, and gives it to everybody', () => {
    const inode = open(8192);
    const page = fault(inode, 1);
    expect(pageBytes(page).every((byte) => byte === 0)).toBe(true);
    expect([pageMapping(page), pageIndex(page), pageRefcount(page)]).toEqual([inode, 1, 2]);
    expect(fault(inode, 1)).toBe(page);
    expect([pageRefcount(page), inodeNrpages(inode)]).toEqual([3, 1]);
    putPage(page);
    putPage(page);
  });

  it.each([
    [0, 0],
    [1, 1],
    [4096, 1],
    [4097, 2],
  ])('of %d bytes gives %d pages, and SIGBUS behind them', (size, pages) => {
    const inode = open(size);
    for (let index = 0; index < pages; index++) putPage(fault(inode, index));
    expect(filemapFault(inode, pages)).toBe(FAULT_SIGBUS);
    expect(filemapFault(inode, 2 ** 40)).toBe(FAULT_SIGBUS);
  });

  it('refuses a page in memory that the file no longer reaches', () => {
    const inode = open(8192);
    putPage(fault(inode, 1));
    setInodeSize(inode, 4096);
    expect(filemapFault(inode, 1)).toBe(FAULT_SIGBUS);
  });

  it.each([
    ['regular', false],
    ['secretmem', false],
    ['shmem', true],
  ] as const)('of %s says whether its pages have a file: swap-backed %s', (kind, isSwapBacked) => {
    const page = fault(open(1, kind), 0);
    expect([pageHas(page, PG_SWAPBACKED), pageHas(page, PG_UPTODATE)]).toEqual([
      isSwapBacked,
      true,
    ]);
    putPage(page);
  });

  it.each(['page', 'xa_node'])('is out of memory without a %s, and leaves nothing', (cache) => {
    const inode = open(4096);
    machine.failAllocations(cache, 0, 1);
    expect(filemapFault(inode, 0)).toBe(FAULT_OOM);
    expect([findGetPage(inode, 0), inodeNrpages(inode)]).toEqual([NULL, 0]);
    putPage(fault(inode, 0));
  });

  it('is out of memory when all frames are in use, and goes on when some are back', () => {
    const inode = open(2 ** 30);
    let index = 0;
    while (!isFault(tryFault(inode, index))) index++;
    expect(filemapFault(inode, index)).toBe(FAULT_OOM);
    expect(index).toBe(2 ** 20 / 4096 - 8);
    machine.close(0);
    const other = open(4096);
    putPage(fault(other, 0));
  });
});

function tryFault(inode: Inode, index: number): number {
  const page = filemapFault(inode, index);
  if (isFault(page)) return page;
  unlockPage(page);
  putPage(page);
  return page;
}

describe('the page cache', () => {
  it('has one page for each place', () => {
    const inode = open(4096);
    const page = fault(inode, 0);
    const other = allocPage();
    if (other === NULL) throw new Error('no page');
    setPageIdentity(other, { mapping: inode, index: 0, flags: 0 });
    expect(addToPageCache(inode, other)).toBe(EEXIST);
    expect(pageRefcount(other)).toBe(1);
    putPage(other);
    putPage(page);
  });

  it('lets a page go that somebody still holds', () => {
    const inode = open(4096);
    const page = fault(inode, 0);
    lockPage(page);
    removeFromPageCache(inode, page);
    unlockPage(page);
    expect([findGetPage(inode, 0), pageMapping(page), pageRefcount(page)]).toEqual([NULL, NULL, 1]);
    expect(inodeNrpages(inode)).toBe(0);
    const next = fault(inode, 0);
    expect(next).not.toBe(page);
    putPage(page);
    putPage(next);
  });
});

describe('filemapMapPages', () => {
  it('visits what is there, below the end and unlocked, in order', () => {
    const inode = open(100 * 4096);
    const pages = [1, 4, 64, 70, 90].map((index) => fault(inode, index));
    setInodeSize(inode, 80 * 4096);
    const [, locked] = pages;
    if (locked !== undefined) lockPage(locked);
    const seen: number[] = [];
    filemapMapPages(inode, { first: 0, last: 99 }, (page) => {
      seen.push(pageIndex(page));
      return false;
    });
    if (locked !== undefined) unlockPage(locked);
    expect(seen).toEqual([1, 64, 70]);
    expect(pages.map(pageRefcount)).toEqual([2, 2, 2, 2, 2]);
    pages.forEach(putPage);
  });

  it('leaves a reference with a visitor who keeps it', () => {
    const inode = open(4096);
    const page = fault(inode, 0);
    filemapMapPages(inode, { first: 0, last: 0 }, () => true);
    expect(pageRefcount(page)).toBe(3);
    putPage(page);
    putPage(page);
  });
});

describe('filemapPageMkwrite', () => {
  it('makes a page dirty that is still of its file', () => {
    const inode = open(8192);
    const page = fault(inode, 1);
    lockPage(page);
    expect(filemapPageMkwrite(inode, page)).toBe(0);
    expect(pageHas(page, PG_DIRTY)).toBe(true);
    setInodeSize(inode, 4096);
    expect(filemapPageMkwrite(inode, page)).toBe(FAULT_NOPAGE);
    removeFromPageCache(inode, page);
    expect(filemapPageMkwrite(inode, page)).toBe(FAULT_NOPAGE);
    unlockPage(page);
    putPage(page);
  });
});
