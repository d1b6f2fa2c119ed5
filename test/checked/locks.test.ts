/** Planted mistakes with locks, each of which a checked build reports (P2-5, P2-6, P2-18, X-7). */
import { beforeEach, describe, expect, it } from 'vitest';
import { NULL } from '../../src/engine/arena/ref.ts';
import type { Mm, Vma, VmaHidden } from '../../src/engine/mm/held.ts';
import {
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteLock,
  mmapWriteUnlock,
} from '../../src/engine/mm/mmap_lock.ts';
import { findVma, lockVmaUnderRcu } from '../../src/engine/mm/vma_iterator.ts';
import { vmaEndRead, vmaStartWrite } from '../../src/engine/mm/vma_lock.ts';
import * as fields from '../../src/engine/mm/vma_struct.ts';
import { allocPage, lockPage, unlockPage } from '../../src/engine/page/page_alloc.ts';
import { leafTable, pteLock, pteUnlock } from '../../src/engine/page/table_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../../src/engine/rcu/rcu.ts';
import { Machine, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../../src/index.ts';
import type { Process } from '../../src/index.ts';
import { mmOf } from '../pictures.ts';

const PAGE = 4096;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;

let process: Process;
let mm: Mm;
let addr: number;

beforeEach(() => {
  const machine = Machine.create({ bytes: 8 * 2 ** 20 });
  process = machine.spawn();
  mm = mmOf(process);
  addr = process.mmap(0, 8 * PAGE, PROT_READ | PROT_WRITE, ANON, -1, 0);
  process.store(addr, 1);
});

/** The VMA at `addr`; mmap_lock is not kept. */
function anyVma(): Vma {
  const reader = mmapReadLock(mm);
  const vma = findVma(reader, addr);
  mmapReadUnlock(reader);
  if (vma === NULL) throw new Error('no VMA');
  return vma;
}

describe('P2-6 X-7 the order of locks', () => {
  it('a page lock taken under the lock of a page table is reported, with both places', () => {
    const leaf = leafTable(mm, addr);
    const page = allocPage();
    if (leaf === NULL || page === NULL) throw new Error('no memory');
    lockPage(page);
    pteLock(leaf); // in order
    pteUnlock(leaf);
    unlockPage(page);
    pteLock(leaf);
    expect(() => lockPage(page)).toThrow(
      /lock order: page lock is taken under pte lock\n.*held since pteLock \(page\/table_struct.*\n.*taken by lockPage \(page\/page_alloc/u,
    );
  });

  it('mmap_lock under the lock of a page is reported', () => {
    const page = allocPage();
    if (page === NULL) throw new Error('no memory');
    lockPage(page);
    expect(() => mmapReadLock(mm)).toThrow('lock order: mmap_lock is taken under page lock');
    expect(() => process.mprotect(addr, PAGE, PROT_READ)).toThrow('under page lock');
  });

  it('two mmap_locks are taken by a fork, and by nobody else', () => {
    const child = process.fork();
    if (typeof child === 'number') throw new Error(`fork gave ${child}`);
    mmapReadLock(mm);
    expect(() => mmapWriteLock(mmOf(child))).toThrow('mmap_lock is taken under mmap_lock');
  });

  it('a lock that is taken again by its holder is reported before it waits for itself', () => {
    mmapWriteLock(mm);
    expect(() => mmapWriteLock(mm)).toThrow(
      /recursive lock: mmap_lock.*\n.*held since mmapWriteLock.*\n.*taken by mmapWriteLock/u,
    );
    expect(() => mmapReadLock(mm)).toThrow('recursive lock: mmap_lock');
  });

  it('what sleeps is not taken inside an RCU section', () => {
    rcuReadLock();
    expect(() => mmapReadLock(mm)).toThrow('mmap_lock is slept on inside an RCU section');
    rcuReadUnlock();
    mmapReadUnlock(mmapReadLock(mm));
  });
});

describe('P2-18 a VMA read lock and mmap_lock', () => {
  it('the write lock under the read lock of a VMA is a deadlock, and reported', () => {
    const vma = lockVmaUnderRcu(mm, addr);
    if (vma === null) throw new Error('not locked');
    expect(() => mmapWriteLock(mm)).toThrow('lock order: mmap_lock is taken under VMA lock');
    expect(() => mmapReadLock(mm)).toThrow('lock order: mmap_lock is taken under VMA lock');
    expect(() => process.munmap(addr, PAGE)).toThrow('mmap_lock is taken under VMA lock');
    vmaEndRead(vma);
    expect(process.munmap(addr, PAGE)).toBe(0);
  });

  it('a mark on the VMA that its marker reads would wait for itself', () => {
    const writer = mmapWriteLock(mm);
    const vma = findVma(writer, addr);
    const read = lockVmaUnderRcu(mm, addr); // a try, so it may be out of order
    if (read === null || vma === NULL) throw new Error('not locked');
    expect(() => vmaStartWrite(writer, vma)).toThrow('recursive lock: VMA lock');
    vmaEndRead(read);
    mmapWriteUnlock(writer);
  });
});

/** Every setter of a field, and how a report calls it. */
const SETTERS: readonly (readonly [string, (vma: VmaHidden) => void])[] = [
  ['vm_start', (vma) => fields.setVmRange(vma, fields.vmStart(vma), fields.vmEnd(vma))],
  ['vm_pgoff', (vma) => fields.setVmPgoff(vma, 1)],
  ['vm_flags', (vma) => fields.setVmFlags(vma, fields.vmFlags(vma))],
  ['vm_mm', (vma) => fields.setVmMm(vma, fields.vmMm(vma))],
  ['vm_file', (vma) => fields.setVmFile(vma, NULL)],
  ['anon_vma', (vma) => fields.setVmAnonVma(vma, NULL)],
  ['anon_vma_chain', (vma) => fields.setVmAnonVmaChain(vma, NULL)],
  ['vm_ops', (vma) => fields.setVmOps(vma, 0)],
  ['vm_policy', (vma) => fields.setVmPolicy(vma, 0)],
  ['anon_name', (vma) => fields.setVmAnonName(vma, NULL)],
  ['vm_userfaultfd_ctx', (vma) => fields.setVmUserfaultfdCtx(vma, NULL)],
  ['vm_private_data', (vma) => fields.setVmPrivateData(vma, 0)],
  ['vm_page_prot', (vma) => fields.setVmCaching(vma, 0)],
];

describe('P2-5 P2-4 S2-29 the monitor of attached VMAs', () => {
  it('watches every field that has a setter', () => {
    const setters = Object.keys(fields).filter((name) => name.startsWith('setVm'));
    expect(SETTERS.length).toBe(setters.length);
  });

  it.each(SETTERS)('%s: without the mark it is reported by its name', (name, set) => {
    const report = new RegExp(
      `${name} of the attached VMA at \\d+ is written.*has not marked it\\n.*written by setVm`,
      'u',
    );
    const vma = anyVma() as VmaHidden;
    expect(() => set(vma), 'without any lock').toThrow(report);
    const reader = mmapReadLock(mm);
    expect(() => set(vma), 'under mmap_lock for read').toThrow(report);
    mmapReadUnlock(reader);
    const writer = mmapWriteLock(mm);
    expect(() => set(vma), 'under mmap_lock for write').toThrow(report);
    vmaStartWrite(writer, vma);
    set(vma);
    mmapWriteUnlock(writer);
    expect(() => set(vma), 'after the end of the mark').toThrow(report);
  });
});
