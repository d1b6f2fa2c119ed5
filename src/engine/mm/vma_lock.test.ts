import { describe, expect, it } from 'vitest';
import { watchWrites } from '#shadow';
import { Canvas, mmOf, PAGE, PLAIN, rangeOf } from '../../../test/pictures.ts';
import { Machine } from '../../index.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { rcuReadLock, rcuReadUnlock } from '../rcu/rcu.ts';
import { insertVma } from '../vma/link.ts';
import { doMunmap } from '../vma/munmap.ts';
import { splitVma } from '../vma/split.ts';
import type { Mm, Vma, VmaHidden, VmaWrite } from './held.ts';
import { mmLockSeqAt } from './mm_struct.ts';
import {
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteDowngrade,
  mmapWriteLock,
  mmapWriteUnlock,
} from './mmap_lock.ts';
import { vmAreaAlloc, vmAreaDup, vmAreaFree } from './vma_alloc.ts';
import { eachVma, lockVmaUnderRcu } from './vma_iterator.ts';
import {
  isVmaDetached,
  isWriteLocked,
  VMA_DETACHED,
  VMA_LOCKED,
  vmaEndRead,
  vmaMarkAttached,
  vmaMarkDetached,
  vmaStartRead,
  vmaStartReadLocked,
  vmaStartWrite,
} from './vma_lock.ts';
import { setVmMm, setVmRange, vmLockSeqAt, vmRefcntAt, VMA_CACHE } from './vma_struct.ts';

const EXCLUDE = 0x40000000;

const refcnt = (vma: Vma): number => word(vmRefcntAt(vma));

/** Tries a read lock as a fault does, and says what came of it; a lock that was had is dropped. */
function tryRead(mm: Mm, vma: Vma): 'taken' | 'locked' | 'detached' {
  rcuReadLock();
  const locked = vmaStartRead(mm, vma);
  rcuReadUnlock();
  if (locked === VMA_LOCKED) return 'locked';
  if (locked === VMA_DETACHED) return 'detached';
  vmaEndRead(locked);
  return 'taken';
}

/** What follows makes a state by hand that only others at the same time could make. */
const unwatch = (): void => watchWrites(VMA_CACHE, () => undefined);

describe('vm_refcnt', () => {
  const states: readonly [value: number, meaning: string, read: 'taken' | 'locked' | 'detached'][] =
    [
      [0, 'detached', 'detached'],
      [1, 'attached', 'taken'],
      [2, 'attached with a reader', 'taken'],
      [1000, 'attached with many readers', 'taken'],
      [EXCLUDE - 2, 'one reader short of the limit', 'taken'],
      [EXCLUDE - 1, 'at the limit of readers', 'locked'],
      [EXCLUDE, 'detached, a writer finishing', 'locked'],
      [EXCLUDE + 1, 'attached, a writer, no readers', 'locked'],
      [EXCLUDE + 2, 'a writer waits for a reader', 'locked'],
      [EXCLUDE + 7, 'a writer waits for readers', 'locked'],
    ];

  it.each(states)(
    'S4-19 at 0x%s (%s) a reader finds it %s, and the count is as before',
    (value, _meaning, read) => {
      using canvas = new Canvas('A');
      const vma = canvas.vma('A');
      canvas.relock(); // no VMA is write-locked by its sequence
      setWord(vmRefcntAt(vma), value);
      expect(tryRead(canvas.mm, vma)).toBe(read);
      expect(refcnt(vma)).toBe(value);
      setWord(vmRefcntAt(vma), 1);
    },
  );

  it('S4-19 a VMA is born detached, attached by one store, detached and freed', () => {
    using canvas = new Canvas('');
    const vma = vmAreaAlloc(canvas.mm) as VmaHidden;
    expect(isVmaDetached(vma)).toBe(true);
    vmaStartWrite(canvas.mm, vma); // of a detached VMA: only the sequence is written
    expect(refcnt(vma)).toBe(0);
    vmaMarkAttached(vma);
    expect(refcnt(vma)).toBe(1);
    vmaMarkDetached(canvas.mm, vma);
    expect(refcnt(vma)).toBe(0);
    vmAreaFree(vma);
  });

  it('S4-19 each reader adds one, and takes it back', () => {
    using canvas = new Canvas('A');
    const vma = canvas.vma('A');
    for (let readers = 1; readers <= 3; readers++) {
      expect(lockVmaUnderRcu(canvas.mm, 0)).toBe(vma);
      expect(refcnt(vma)).toBe(1 + readers);
    }
    for (let readers = 2; readers >= 0; readers--) {
      vmaEndRead(vma);
      expect(refcnt(vma)).toBe(1 + readers);
    }
  });

  it('S2-2 S4-19 a write lock is a mark: the count is 1 again when vmaStartWrite() returns', () => {
    using canvas = new Canvas('A');
    const vma = canvas.vma('A');
    vmaStartWrite(canvas.mm, vma);
    expect(refcnt(vma)).toBe(1);
    expect(isWriteLocked(canvas.mm, vma)).toBe(true);
    expect(tryRead(canvas.mm, vma)).toBe('locked');
  });

  it('S2-10 a marked VMA is refused without touching its count', () => {
    using canvas = new Canvas('A');
    const vma = canvas.vma('A');
    vmaStartWrite(canvas.mm, vma);
    setWord(vmRefcntAt(vma), EXCLUDE - 2); // an increment would show
    expect(tryRead(canvas.mm, vma)).toBe('locked');
    expect(refcnt(vma)).toBe(EXCLUDE - 2);
    setWord(vmRefcntAt(vma), 1);
  });

  it('S4-10 S2-41 only a write-locked VMA is detached; any is attached, once', () => {
    using canvas = new Canvas('A');
    const vma = canvas.vma('A') as VmaWrite;
    expect(() => vmaMarkDetached(canvas.mm, vma)).toThrow('write-locked before it is detached');
    expect(() => vmaMarkAttached(vma)).toThrow('only a detached VMA is attached');
  });

  it('S4-20 detaching what is detached is caught', () => {
    using canvas = new Canvas('');
    const vma = vmAreaAlloc(canvas.mm) as VmaHidden;
    vmaStartWrite(canvas.mm, vma);
    expect(() => vmaMarkDetached(canvas.mm, vma)).toThrow('only an attached VMA is detached');
    setWord(vmRefcntAt(vma), 0);
    vmAreaFree(vma);
  });

  it('S2-39 S2-40 a VMA is not freed with a reader inside', () => {
    using canvas = new Canvas('A');
    const reader = lockVmaUnderRcu(canvas.mm, 0);
    expect(() => vmAreaFree(canvas.vma('A'))).toThrow('a VMA is freed without readers');
    if (reader !== null) vmaEndRead(reader);
  });

  it('S2-19 S4-16 a copy is detached and unlocked, whatever its original is', () => {
    using canvas = new Canvas('AB');
    vmaStartWrite(canvas.mm, canvas.vma('B'));
    const reader = lockVmaUnderRcu(canvas.mm, 0);
    for (const letter of ['A', 'B']) {
      const copy = vmAreaDup(canvas.vma(letter)) as VmaHidden;
      expect(refcnt(copy)).toBe(0);
      expect(isWriteLocked(canvas.mm, copy)).toBe(false);
      vmAreaFree(copy);
    }
    expect(refcnt(canvas.vma('A'))).toBe(2);
    if (reader !== null) vmaEndRead(reader);
  });
});

describe('vmaStartWrite', () => {
  it('S2-5 S2-6 a fresh VMA of a fresh mm is not locked', () => {
    using canvas = new Canvas('');
    const vma = vmAreaAlloc(canvas.mm) as VmaHidden;
    expect(word(vmLockSeqAt(vma))).toBe(-1);
    expect(isWriteLocked(canvas.mm, vma)).toBe(false);
    vmAreaFree(vma);
  });

  it.each([1, 10, 1000])('S2-3 one step of the sequence ends %i write locks', (count) => {
    using canvas = new Canvas('');
    for (let i = 0; i < count; i++) canvas.insert({ start: 2 * i * PAGE, end: (2 * i + 1) * PAGE });
    canvas.relock();
    const vmas = [...eachVma(canvas.mm)];
    for (const vma of vmas) vmaStartWrite(canvas.mm, vma);
    expect(vmas.filter((vma) => tryRead(canvas.mm, vma) === 'locked').length).toBe(count);
    const before = word(mmLockSeqAt(canvas.mm));
    const mm = mmapWriteUnlock(canvas.mm);
    expect(word(mmLockSeqAt(mm))).toBe(before + 1);
    expect(vmas.filter((vma) => tryRead(mm, vma) === 'taken').length).toBe(count);
    mmapWriteLock(mm);
  });

  it('S2-8 S2-28 taking it again changes nothing', () => {
    using canvas = new Canvas('A');
    const vma = canvas.vma('A');
    vmaStartWrite(canvas.mm, vma);
    setWord(vmRefcntAt(vma), 5); // would wait for four readers if it looked
    expect(vmaStartWrite(canvas.mm, vma)).toBe(vma);
    expect(refcnt(vma)).toBe(5);
    setWord(vmRefcntAt(vma), 1);
  });

  it('S2-22 a downgrade ends all write locks, though mmap_lock stays held', () => {
    using canvas = new Canvas('AB');
    for (const vma of eachVma(canvas.mm)) vmaStartWrite(canvas.mm, vma);
    const reader = mmapWriteDowngrade(canvas.mm);
    for (const vma of eachVma(reader)) expect(tryRead(reader, vma)).toBe('taken');
    mmapWriteLock(mmapReadUnlock(reader));
  });

  it('S2-26 marking one twice and another once is ended by one unlock', () => {
    using canvas = new Canvas('AB');
    vmaStartWrite(canvas.mm, canvas.vma('A'));
    vmaStartWrite(canvas.mm, canvas.vma('A'));
    vmaStartWrite(canvas.mm, canvas.vma('B'));
    canvas.relock();
    expect(canvas.writeLocked()).toBe('');
  });

  it('S2-20 the sequence is odd exactly while mmap_lock is held for write', () => {
    using canvas = new Canvas('');
    const seq = (): number => word(mmLockSeqAt(canvas.mm)) & 1;
    expect(seq()).toBe(1);
    const mm = mmapWriteUnlock(canvas.mm);
    expect(seq()).toBe(0);
    const reader = mmapReadLock(mm);
    expect(seq()).toBe(0);
    mmapReadUnlock(reader);
    mmapWriteLock(mm);
    expect(seq()).toBe(1);
  });

  it('S2-14 a sequence that has wrapped only refuses, and the next release clears it', () => {
    using canvas = new Canvas('A');
    const vma = canvas.vma('A');
    const mm = mmapWriteUnlock(canvas.mm);
    setWord(vmLockSeqAt(vma), word(mmLockSeqAt(mm))); // as after 2^32 steps
    expect(tryRead(mm, vma)).toBe('locked');
    mmapWriteUnlock(mmapWriteLock(mm));
    expect(tryRead(mm, vma)).toBe('taken');
    mmapWriteLock(mm);
  });
});

describe('vmaStartRead', () => {
  it('S4-22 P2-7 a VMA that belongs to another mm is refused, and its count left as it was', () => {
    const machine = Machine.create({ bytes: 16 * 2 ** 20 });
    const other = machine.spawn();
    using canvas = new Canvas('A', {}, machine);
    unwatch();
    expect(tryRead(mmOf(other), canvas.vma('A'))).toBe('locked');
    expect(refcnt(canvas.vma('A'))).toBe(1);
    mmapWriteUnlock(canvas.mm);
    other.exit();
    mmapWriteLock(canvas.mm);
  });

  it('S4-24 under mmap_lock it may fail only for too many readers', () => {
    using canvas = new Canvas('A');
    const vma = canvas.vma('A');
    expect(vmaStartReadLocked(canvas.mm, vma)).toBe(vma);
    expect(refcnt(vma)).toBe(2);
    vmaEndRead(vma);
    setWord(vmRefcntAt(vma), EXCLUDE - 1);
    expect(vmaStartReadLocked(canvas.mm, vma)).toBe(null);
    setWord(vmRefcntAt(vma), 1);
  });
});

describe('lockVmaUnderRcu', () => {
  /** The counters that a lookup moves. */
  function counted(canvas: Canvas, act: () => void): { abort: number; miss: number } {
    const before = canvas.machine.report().counters;
    act();
    const after = canvas.machine.report().counters;
    return {
      abort: after.vma_lock_abort - before.vma_lock_abort,
      miss: after.vma_lock_miss - before.vma_lock_miss,
    };
  }

  it('P2-7 P2-14 nothing is mapped: null, one abort', () => {
    using canvas = new Canvas('A.');
    const seen = counted(canvas, () => expect(lockVmaUnderRcu(canvas.mm, PAGE)).toBe(null));
    expect(seen).toEqual({ abort: 1, miss: 0 });
  });

  it('P2-7 S2-25 an unlocked VMA is found, and is stable until vmaEndRead()', () => {
    using canvas = new Canvas('A');
    const seen = counted(canvas, () => {
      const vma = lockVmaUnderRcu(canvas.mm, PAGE - 1);
      expect(vma).toBe(canvas.vma('A'));
      if (vma !== null) vmaEndRead(vma);
    });
    expect(seen).toEqual({ abort: 0, miss: 0 });
  });

  it('P2-7 P2-14 S2-15 a write-locked VMA: null, one abort', () => {
    using canvas = new Canvas('A');
    vmaStartWrite(canvas.mm, canvas.vma('A'));
    const seen = counted(canvas, () => expect(lockVmaUnderRcu(canvas.mm, 0)).toBe(null));
    expect(seen).toEqual({ abort: 1, miss: 0 });
  });

  it('P2-7 S4-3 a VMA that was cut meanwhile does not contain the address: null, one abort', () => {
    using canvas = new Canvas('AA');
    unwatch();
    // What a late reader sees: a tree that still names A for its second page, and A already cut.
    setVmRange(canvas.vma('A') as VmaHidden, 0, PAGE);
    const seen = counted(canvas, () => expect(lockVmaUnderRcu(canvas.mm, PAGE)).toBe(null));
    expect(seen).toEqual({ abort: 1, miss: 0 });
    expect(refcnt(canvas.vma('A'))).toBe(1);
    setVmRange(canvas.vma('A') as VmaHidden, 0, 2 * PAGE);
  });

  it('P2-7 S4-4 a VMA of another mm in our tree: null, one abort', () => {
    const machine = Machine.create({ bytes: 16 * 2 ** 20 });
    const other = machine.spawn();
    using canvas = new Canvas('A', {}, machine);
    unwatch();
    const vma = canvas.vma('A') as VmaHidden;
    setVmMm(vma, mmOf(other));
    const seen = counted(canvas, () => expect(lockVmaUnderRcu(canvas.mm, 0)).toBe(null));
    expect(seen).toEqual({ abort: 1, miss: 0 });
    setVmMm(vma, canvas.mm);
    mmapWriteUnlock(canvas.mm);
    other.exit();
    mmapWriteLock(canvas.mm);
  });

  it('P2-7 S4-21 what is detached is not "locked": the lookup is to be repeated', () => {
    using canvas = new Canvas('A');
    const vma = canvas.vma('A');
    setWord(vmRefcntAt(vma), 0);
    expect(tryRead(canvas.mm, vma)).toBe('detached');
    setWord(vmRefcntAt(vma), 1);
  });

  it('P2-7 after a split both parts are found by their own addresses', () => {
    using canvas = new Canvas('AAAA');
    splitVma(canvas.mm, canvas.vma('A'), { addr: 2 * PAGE, side: 'above' });
    canvas.relock();
    for (const [page, letter] of [
      [1, 'A'],
      [2, 'n'],
    ] as const) {
      canvas.picture();
      const vma = lockVmaUnderRcu(canvas.mm, page * PAGE);
      expect(vma).toBe(canvas.vma(letter));
      if (vma !== null) vmaEndRead(vma);
    }
  });

  it('P2-7 after an unmapping there is nothing', () => {
    using canvas = new Canvas('AB');
    doMunmap(canvas.mm, rangeOf('*'), 'keep');
    canvas.relock();
    expect(lockVmaUnderRcu(canvas.mm, 0)).toBe(null);
    expect(canvas.at(1)).not.toBe(NULL);
  });

  it('S4-9 P2-5 a new VMA is write-locked before it can be found', () => {
    using canvas = new Canvas('');
    const vma = vmAreaAlloc(canvas.mm) as VmaHidden;
    setVmRange(vma, 0, PAGE);
    expect(insertVma(canvas.mm, vma)).toBe(0);
    canvas.account({ start: 0, end: 0 }, PLAIN);
    expect(isWriteLocked(canvas.mm, vma)).toBe(true);
    expect(lockVmaUnderRcu(canvas.mm, 0)).toBe(null);
    canvas.relock();
    expect(tryRead(canvas.mm, vma)).toBe('taken');
  });
});
