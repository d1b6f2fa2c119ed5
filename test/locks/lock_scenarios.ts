/** What holds of the VMA lock in every generation, on one worker. */
import { expect } from 'vitest';
import { word } from '../../src/engine/arena/memory.ts';
import type { Mm, Vma, VmaHidden, VmaRcu, VmaWrite } from '../../src/engine/mm/held.ts';
import { mmLockSeqAt } from '../../src/engine/mm/mm_struct.ts';
import {
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteDowngrade,
  mmapWriteLock,
  mmapWriteUnlock,
} from '../../src/engine/mm/mmap_lock.ts';
import { vmAreaAlloc, vmAreaDup, vmAreaFree } from '../../src/engine/mm/vma_alloc.ts';
import { eachVma, lockVmaUnderRcu } from '../../src/engine/mm/vma_iterator.ts';
import {
  isWriteLocked,
  VMA_DETACHED,
  VMA_LOCKED,
  vmaAssertWriteLocked,
  vmaEndRead,
  vmaMarkAttached,
  vmaMarkDetached,
  vmaReattach,
  vmaStartRead,
  vmaStartReadLocked,
  vmaStartWrite,
} from '../../src/engine/mm/vma_lock.ts';
import { setVmMm, setVmRange, VMA_CACHE, vmLockAt } from '../../src/engine/mm/vma_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../../src/engine/rcu/rcu.ts';
import { cacheStats } from '../../src/engine/slab/cache.ts';
import { splitVma } from '../../src/engine/vma/split.ts';
import { asAnother } from '../cpus.ts';
import { Canvas, mmOf, PAGE } from '../pictures.ts';
import { traced } from '../traced.ts';
import { type Form, machineOf, NotHere, type Scenarios } from './forms.ts';

const drawn = (form: Form, picture: string): Canvas => new Canvas(picture, {}, machineOf(form));

type Seen = 'taken' | 'locked' | 'detached';

/** Tries a read lock as a fault does; one that was had is dropped. */
function tryRead(mm: Mm, vma: VmaRcu): Seen {
  rcuReadLock();
  const locked = vmaStartRead(mm, vma);
  rcuReadUnlock();
  if (locked === VMA_LOCKED) return 'locked';
  if (locked === VMA_DETACHED) return 'detached';
  vmaEndRead(locked);
  return 'taken';
}

/** What a free VMA is to a reader. */
const free = ({ vmaLock }: Form): Seen => (vmaLock === 'off' ? 'locked' : 'taken');

const NO_LOCK = new NotHere('there is no VMA lock');

export const LOCK_SCENARIOS: Scenarios = {
  'S2-2 S2-10 S2-25 a write lock is a mark: the lock word is as before, and readers are refused': (
    form,
  ) => {
    using canvas = drawn(form, 'A');
    const vma = canvas.vma('A');
    const before = word(vmLockAt(vma));
    vmaStartWrite(canvas.mm, vma);
    expect(isWriteLocked(canvas.mm, vma)).toBe(true);
    expect(word(vmLockAt(vma))).toBe(before);
    expect(tryRead(canvas.mm, vma)).toBe('locked');
    expect(word(vmLockAt(vma))).toBe(before);
    canvas.relock();
    expect(tryRead(canvas.mm, vma)).toBe(free(form));
  },

  'S2-3 S2-20 one step of the sequence ends 1000 write locks': (form) => {
    using canvas = drawn(form, '');
    for (let i = 0; i < 1000; i++) canvas.insert({ start: 2 * i * PAGE, end: (2 * i + 1) * PAGE });
    canvas.relock();
    const vmas = [...eachVma(canvas.mm)];
    for (const vma of vmas) vmaStartWrite(canvas.mm, vma);
    expect(vmas.every((vma) => tryRead(canvas.mm, vma) === 'locked')).toBe(true);
    const before = word(mmLockSeqAt(canvas.mm));
    const mm = mmapWriteUnlock(canvas.mm);
    expect(word(mmLockSeqAt(mm))).toBe(before + 1);
    expect(vmas.every((vma) => tryRead(mm, vma) === free(form))).toBe(true);
    mmapWriteLock(mm);
  },

  'S2-8 S2-26 S2-28 taking it again changes nothing, and one unlock ends it': (form) => {
    using canvas = drawn(form, 'AB');
    const times = traced(canvas.machine, ['vma_start_write'], () => {
      for (const letter of ['A', 'A', 'B']) vmaStartWrite(canvas.mm, canvas.vma(letter));
    });
    expect(times).toHaveLength(form.vmaLock === 'off' ? 0 : 2);
    const reader = mmapReadLock(mmapWriteUnlock(canvas.mm));
    for (const vma of eachVma(reader)) expect(isWriteLocked(reader, vma)).toBe(false);
    mmapWriteLock(mmapReadUnlock(reader));
  },

  'S2-22 a downgrade ends all write locks, though mmap_lock stays held': (form) => {
    using canvas = drawn(form, 'AB');
    for (const vma of eachVma(canvas.mm)) vmaStartWrite(canvas.mm, vma);
    const reader = mmapWriteDowngrade(canvas.mm);
    for (const vma of eachVma(reader)) expect(tryRead(reader, vma)).toBe(free(form));
    mmapWriteLock(mmapReadUnlock(reader));
  },

  'S2-7 who has not mmap_lock for write marks nothing, and is told of the VMA': (form) => {
    using canvas = drawn(form, 'AB');
    const vma = canvas.vma('B');
    const told = new RegExp(`mmap_lock for write marks a VMA: vma ${vma} 1000-2000 lock`, 'u');
    const mark = (): unknown => vmaStartWrite(canvas.mm, vma);
    // Without VMA locks a mark is mmap_lock itself, whoever holds it.
    if (form.vmaLock !== 'off') expect(() => asAnother(mark), 'another has it').toThrow(told);
    const mm = mmapWriteUnlock(canvas.mm);
    expect(mark, 'nobody has it').toThrow(told);
    const reader = mmapReadLock(mm);
    expect(mark, 'only for read').toThrow(told);
    mmapWriteLock(mmapReadUnlock(reader));
  },

  'S2-17 a VMA that is not write-locked fails the assertion, which tells of it': (form) => {
    using canvas = drawn(form, 'A');
    const vma = canvas.vma('A');
    const dump = / 0-1000 lock \S+ seq \S+ attached \S+ mm \d+ mmap_lock 0x\w+ seq \d+$/u;
    const mm = mmapWriteUnlock(canvas.mm);
    expect(() => vmaAssertWriteLocked(canvas.mm, vma)).toThrow('mmap_lock is held for write: vma');
    expect(() => vmaAssertWriteLocked(canvas.mm, vma)).toThrow(dump);
    mmapWriteLock(mm);
    if (form.vmaLock === 'off') {
      vmaAssertWriteLocked(canvas.mm, vma);
      return;
    }
    expect(() => vmaAssertWriteLocked(canvas.mm, vma)).toThrow('the VMA is write-locked: vma');
    expect(() => vmaAssertWriteLocked(canvas.mm, vma)).toThrow(dump);
    vmaStartWrite(canvas.mm, vma);
    vmaAssertWriteLocked(canvas.mm, vma);
  },

  'S2-5 S2-19 S4-15 S4-16 S4-17 a copy is detached and unlocked, whatever its original is': (
    form,
  ) => {
    using canvas = drawn(form, 'AB');
    const reader = lockVmaUnderRcu(canvas.mm, 0);
    const words = (): number[] => ['A', 'B'].map((letter) => word(vmLockAt(canvas.vma(letter))));
    vmaStartWrite(canvas.mm, canvas.vma('B'));
    const before = words();
    for (const letter of ['A', 'B']) {
      const copy = vmAreaDup(canvas.vma(letter)) as VmaHidden;
      expect(isWriteLocked(canvas.mm, copy)).toBe(form.vmaLock === 'off');
      expect(tryRead(canvas.mm, copy)).toBe(form.vmaLock === 'off' ? 'locked' : 'detached');
      vmAreaFree(copy);
    }
    expect(words()).toEqual(before);
    if (reader !== null) vmaEndRead(reader);
  },

  'S4-9 S4-17 P2-5 a VMA is born detached, marked, attached, marked again, detached and freed': (
    form,
  ) => {
    using canvas = drawn(form, '');
    const vma = vmAreaAlloc(canvas.mm) as VmaHidden;
    const gone = form.vmaLock === 'off' ? 'locked' : 'detached';
    expect(tryRead(canvas.mm, vma)).toBe(gone);
    vmaStartWrite(canvas.mm, vma);
    expect(tryRead(canvas.mm, vma)).toBe('locked');
    vmaMarkAttached(vma);
    canvas.relock();
    expect(tryRead(canvas.mm, vma)).toBe(free(form));
    const writer = vmaStartWrite(canvas.mm, vma);
    vmaMarkDetached(canvas.mm, writer);
    canvas.relock();
    expect(tryRead(canvas.mm, vma)).toBe(gone);
    vmAreaFree(vma);
  },

  'S2-39 S2-40 S2-44 S4-17 an attached VMA is not freed': (form) => {
    if (form.vmaLock === 'off') return NO_LOCK;
    using canvas = drawn(form, 'A');
    const live = (): number => cacheStats(VMA_CACHE).live;
    const before = live();
    expect(() => vmAreaFree(canvas.vma('A'))).toThrow('a VMA is freed without readers');
    expect(live(), 'it is not freed').toBe(before);
    canvas.insert({ start: 4 * PAGE, end: 5 * PAGE });
    expect(live(), 'and all goes on').toBe(before + 1);
  },

  'S2-41 S4-10 S4-20 only a marked VMA is detached, and any only once': (form) => {
    if (form.vmaLock === 'off') return NO_LOCK;
    using canvas = drawn(form, 'A');
    const vma = canvas.vma('A') as VmaWrite;
    expect(() => vmaMarkDetached(canvas.mm, vma)).toThrow('write-locked before it is detached');
    expect(() => vmaMarkAttached(vma)).toThrow('only a detached VMA is attached');
    const writer = vmaStartWrite(canvas.mm, vma);
    vmaMarkDetached(canvas.mm, writer);
    const { vmaLock } = form;
    if (vmaLock !== 'refcnt') {
      expect(() => vmaMarkDetached(canvas.mm, writer)).toThrow('only an attached VMA is detached');
    }
    vmaReattach(writer);
  },

  'S4-3 P2-7 P2-14 a hole, a VMA that was cut, and one that is marked: null, and one abort': (
    form,
  ) => {
    using canvas = drawn(form, 'AA.B');
    const aborts = (): number => canvas.machine.report().counters.vma_lock_abort;
    const before = aborts();
    expect(lockVmaUnderRcu(canvas.mm, 2 * PAGE)).toBe(null);
    setVmRange(canvas.vma('A') as VmaHidden, 0, PAGE);
    expect(lockVmaUnderRcu(canvas.mm, PAGE)).toBe(null);
    setVmRange(canvas.vma('A') as VmaHidden, 0, 2 * PAGE);
    vmaStartWrite(canvas.mm, canvas.vma('B'));
    expect(lockVmaUnderRcu(canvas.mm, 3 * PAGE)).toBe(null);
    expect(aborts() - before).toBe(form.vmaLock === 'off' ? 0 : 3);
  },

  'S4-4 S4-7 S4-8 a VMA of another mm is refused, and its lock left as it was': (form) => {
    if (form.vmaLock === 'rwsem') {
      return new NotHere('a freed VMA waits for the readers who found it in the old mm');
    }
    using canvas = drawn(form, 'A');
    const other = canvas.machine.spawn();
    const vma = canvas.vma('A') as VmaHidden;
    const before = word(vmLockAt(vma));
    setVmMm(vma, mmOf(other));
    expect(tryRead(canvas.mm, vma)).toBe('locked');
    expect(word(vmLockAt(vma))).toBe(before);
    setVmMm(vma, canvas.mm);
    other.exit();
  },

  'S0-11 S2-25 both parts of a split are marked, and then found by their own addresses': (form) => {
    using canvas = drawn(form, 'AAAA');
    splitVma(canvas.mm, canvas.vma('A'), { addr: 2 * PAGE, side: 'above' });
    for (const page of [0, 3]) expect(tryRead(canvas.mm, canvas.at(page))).toBe('locked');
    canvas.relock();
    for (const page of [0, 3]) {
      const vma = lockVmaUnderRcu(canvas.mm, page * PAGE);
      expect(vma).toBe(form.vmaLock === 'off' ? null : canvas.at(page));
      if (vma !== null) vmaEndRead(vma);
    }
  },

  'S4-24 P2-11 a VMA may be kept beyond mmap_lock': (form) => {
    using canvas = drawn(form, 'A');
    const vma: Vma = canvas.vma('A');
    const before = word(vmLockAt(vma));
    const reader = mmapReadLock(mmapWriteUnlock(canvas.mm));
    const kept = vmaStartReadLocked(reader, vma);
    const mm = mmapReadUnlock(reader);
    expect(kept).toBe(form.vmaLock === 'off' ? null : vma);
    expect(word(vmLockAt(vma)) !== before).toBe(kept !== null);
    if (kept !== null) vmaEndRead(kept);
    expect(word(vmLockAt(vma))).toBe(before);
    mmapWriteLock(mm);
  },
};
