/**
 * What another worker does at a named moment of a VMA's reader, in every generation of the lock:
 *
 *   found     the reader has the VMA from the tree, and has not looked at its lock
 *   looked    it has seen that the VMA is not marked, and not yet taken the lock
 *   locked    it has taken the lock, and asked nothing since
 *   owner     the same, of a count: it asks whose VMA that is
 *   dropped   it has given the count up, and has yet to wake a writer
 *   tail      it has given the semaphore up, and has yet to look who waits
 *   leaving   a writer is about to release or to downgrade mmap_lock
 */
import { IS_SHADOWED } from '#shadow';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { asAnother, asCpu } from '../../../test/cpus.ts';
import { mmOf } from '../../../test/pictures.ts';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PAGE_SIZE,
  type Process,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  type Protocol,
} from '../../index.ts';
import { claimCpu, type Cpu, releaseCpu } from '../arena/cpu.ts';
import { setWord, word } from '../arena/memory.ts';
import type * as mapleTree from '../maple/maple.ts';
import type * as rcu from '../rcu/rcu.ts';
import { rcuReadLock, rcuReadLockHeld, rcuReadUnlock } from '../rcu/rcu.ts';
import type * as heldLocks from '../sync/held_locks.ts';
import { VMA_LOCK } from '../sync/lock_class.ts';
import type * as semaphore from '../sync/rwsem.ts';
import type * as line from '../sync/wait_line.ts';
import type { Mm, MmRead, Vma, VmaHidden, VmaRcu } from './held.ts';
import type * as mmStruct from './mm_struct.ts';
import { MM_CACHE, mmCountAt, mmLockSeqAt } from './mm_struct.ts';
import { mmapWriteDowngrade, mmapReadUnlock, mmapWriteLock, mmapWriteUnlock } from './mmap_lock.ts';
import { vmAreaAlloc, vmAreaDup, vmAreaFree } from './vma_alloc.ts';
import { lockVmaUnderRcu, vmaLookup } from './vma_iterator.ts';
import type * as vmaLock from './vma_lock.ts';
import {
  isVmaDetached,
  VMA_DETACHED,
  VMA_LOCKED,
  vmaEndRead,
  vmaStartRead,
  vmaStartWrite,
} from './vma_lock.ts';
import type * as vmaStruct from './vma_struct.ts';
import { vmRangeRcu, VMA_CACHE, vmEnd, vmLockAt, vmRefcntAt, vmStart } from './vma_struct.ts';
import { cacheStats } from '../slab/cache.ts';

const MOMENTS = ['found', 'looked', 'locked', 'owner', 'dropped', 'tail', 'leaving'] as const;
type Moment = (typeof MOMENTS)[number];

const hooks = vi.hoisted(() => ({
  /** Run once, at the next of these moments. */
  once: new Map<string, () => void>(),
  /** Run whenever a field of a VMA is set. */
  set: null as ((vma: number) => void) | null,
  /** The calls of a lookup, while somebody wants to know. */
  calls: null as string[] | null,
}));

const reach = (moment: Moment): void => {
  const hook = hooks.once.get(moment);
  hooks.once.delete(moment);
  hook?.();
};
const note = (call: string): void => void hooks.calls?.push(call);
const at = (moment: Moment, act: () => unknown): void => void hooks.once.set(moment, () => act());

vi.mock('./vma_lock.ts', async (original) => {
  const real = await original<typeof vmaLock>();
  const startRead: typeof real.vmaStartRead = (mm, vma) => {
    reach('found');
    note('vmaStartRead');
    return real.vmaStartRead(mm, vma);
  };
  return { ...real, vmaStartRead: startRead };
});

vi.mock('../sync/held_locks.ts', async (original) => {
  const real = await original<typeof heldLocks>();
  const prepareHeld: typeof real.prepareHeld = (lock, cls, mode) => {
    if (cls === VMA_LOCK && mode === real.READ) reach('looked');
    return real.prepareHeld(lock, cls, mode);
  };
  return { ...real, prepareHeld };
});

vi.mock('../sync/rwsem.ts', async (original) => {
  const real = await original<typeof semaphore>();
  const downReadTrylock: typeof real.downReadTrylock = (sem, cls) => {
    const isTaken = real.downReadTrylock(sem, cls);
    if (isTaken && cls === VMA_LOCK) reach('locked');
    return isTaken;
  };
  const leaving =
    (leave: (sem: number) => void) =>
    (sem: number): void => {
      reach('leaving');
      leave(sem);
    };
  return {
    ...real,
    downReadTrylock,
    upWrite: leaving(real.upWrite),
    downgradeWrite: leaving(real.downgradeWrite),
  };
});

vi.mock('../sync/wait_line.ts', async (original) => {
  const real = await original<typeof line>();
  const headOfLine: typeof real.headOfLine = (lock) => {
    reach('tail');
    return real.headOfLine(lock);
  };
  return { ...real, headOfLine };
});

vi.mock('./mm_struct.ts', async (original) => {
  const real = await original<typeof mmStruct>();
  const mmWriterWaitAt: typeof real.mmWriterWaitAt = (mm) => {
    reach('dropped');
    return real.mmWriterWaitAt(mm);
  };
  return { ...real, mmWriterWaitAt };
});

vi.mock('./vma_struct.ts', async (original) => {
  const real = await original<typeof vmaStruct>();
  const setters = Object.entries(real).filter(([name]) => name.startsWith('setVm'));
  const told = setters.map(([name, set]) => [
    name,
    (vma: number, ...values: unknown[]): void => {
      (set as (...args: unknown[]) => void)(vma, ...values);
      hooks.set?.(vma);
    },
  ]);
  const start: typeof real.vmStart = (vma) => {
    note('vmStart');
    return real.vmStart(vma);
  };
  const vmMm: typeof real.vmMm = (vma) => {
    reach('owner');
    return real.vmMm(vma);
  };
  return { ...real, ...(Object.fromEntries(told) as typeof real), vmStart: start, vmMm };
});

vi.mock('../rcu/rcu.ts', async (original) => {
  const real = await original<typeof rcu>();
  const lock = (): void => {
    note('rcuReadLock');
    real.rcuReadLock();
  };
  const unlock = (): void => {
    note('rcuReadUnlock');
    real.rcuReadUnlock();
  };
  return { ...real, rcuReadLock: lock, rcuReadUnlock: unlock };
});

vi.mock('../maple/maple.ts', async (original) => {
  const real = await original<typeof mapleTree>();
  const mtreeLoad: typeof real.mtreeLoad = (tree, index) => {
    note('mtreeLoad');
    return real.mtreeLoad(tree, index);
  };
  return { ...real, mtreeLoad };
});

const BASE = 0x200000000000;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const RW = PROT_READ | PROT_WRITE;
const page = (n: number): number => BASE + n * PAGE_SIZE;
const EXCLUDE = 0x40000000;

let machine: Machine;
let process: Process;
let other: Process;
let mm: Mm;

const map = (from: number, pages: number, prot = RW, whose = process): number =>
  whose.mmap(page(from), pages * PAGE_SIZE, prot, FIXED, -1, 0);
const unmap = (from: number, pages: number): number =>
  process.munmap(page(from), pages * PAGE_SIZE);

function begin(protocol: Partial<Protocol>): void {
  hooks.once.clear();
  machine = Machine.create({ bytes: 4 * 2 ** 20, protocol });
  process = machine.spawn();
  other = machine.spawn();
  mm = mmOf(process);
  map(4, 4);
}

function end(): void {
  expect([...hooks.once.keys()], 'moments that never came').toEqual([]);
  hooks.set = null;
  process.verify();
  process.exit();
  other.exit();
  machine.tearDown();
}

const theVma = (): Vma => vmaLookup(mm as MmRead, page(5)) as Vma;

/** "4-8", in pages, of what a lookup of page 5 gives; it lets go at once. */
function lookUp(): string {
  const vma = lockVmaUnderRcu(mm, page(5));
  if (vma === null) return 'null';
  const place = [vmStart(vma), vmEnd(vma)].map((addr) => (addr - BASE) / PAGE_SIZE).join('-');
  vmaEndRead(vma);
  return place;
}

function tryRead(vma: VmaRcu): 'taken' | 'locked' | 'detached' {
  rcuReadLock();
  const locked = vmaStartRead(mm, vma);
  rcuReadUnlock();
  if (locked === VMA_LOCKED) return 'locked';
  if (locked === VMA_DETACHED) return 'detached';
  vmaEndRead(locked);
  return 'taken';
}

/** How many lookups were given up, and how many were made again. */
function counted(act: () => void): { abort: number; miss: number } {
  const before = machine.report().counters;
  act();
  const after = machine.report().counters;
  return {
    abort: after.vma_lock_abort - before.vma_lock_abort,
    miss: after.vma_lock_miss - before.vma_lock_miss,
  };
}

const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED;

/** What is done to 4-8, and what a lookup of page 5 then comes to: the place, aborts, misses. */
type Change = readonly [what: string, act: () => unknown, then: readonly [string, number, number]];
const CHANGES: readonly Change[] = [
  ['nothing', () => 0, ['4-8', 0, 0]],
  ['split', () => process.mprotect(page(6), 2 * PAGE_SIZE, PROT_READ), ['null', 1, 0]],
  ['cut at its front', () => unmap(4, 1), ['5-8', 0, 1]],
  ['cut at its end', () => unmap(6, 2), ['4-6', 0, 1]],
  ['grown', () => map(8, 2), ['4-10', 0, 0]],
  ['unmapped', () => unmap(4, 4), ['null', 1, 1]],
  ['replaced', () => map(4, 4, PROT_NONE), ['4-8', 0, 1]],
  [
    'moved',
    () => process.mremap(page(4), 4 * PAGE_SIZE, 4 * PAGE_SIZE, MOVE, page(20)),
    ['null', 1, 1],
  ],
];

/** What its memory is, where a freed VMA is used again at once. */
const REUSES: readonly Change[] = [
  ['the same range', () => void [unmap(4, 4), map(4, 4)], ['4-8', 0, 0]],
  ['another range', () => void [unmap(4, 4), map(30, 1)], ['null', 1, 0]],
  ['that of another mm', () => void [unmap(4, 4), map(4, 4, RW, other)], ['null', 1, 0]],
  [
    'that of another mm, and there is a new one',
    () => void [unmap(4, 4), map(4, 4, RW, other), map(4, 4)],
    ['null', 1, 0],
  ],
];

const GENERATIONS = ['refcnt', 'typesafe', 'rwsem'] as const;
const REUSED_AT_ONCE = ['refcnt', 'typesafe'] as const;

describe.each(GENERATIONS)('%s', (vmaLock) => {
  beforeEach(() => begin({ vmaLock }));
  afterEach(end);

  describe.each(['found', 'looked'] as const)('%s', (moment) => {
    it.each(CHANGES)('P2-7 P2-14 S4-3 S4-21 S4-23 it is %s', (_, change, [place, abort, miss]) => {
      at(moment, () => asAnother(change));
      expect(counted(() => expect(lookUp()).toBe(place))).toEqual({ abort, miss });
    });

    it('S2-12 S2-13 it is marked: the second look sees it, or the first', () => {
      const writer = claimCpu() as Cpu;
      at(moment, () => asCpu(writer, () => vmaStartWrite(mmapWriteLock(mm), theVma())));
      let place = '';
      const counts = counted(() => (place = lookUp()));
      asCpu(writer, () => mmapWriteUnlock(mm as Parameters<typeof mmapWriteUnlock>[0]));
      expect([place, counts]).toEqual(['null', { abort: 1, miss: 0 }]);
      expect(lookUp()).toBe('4-8');
      releaseCpu(writer);
    });
  });

  it('S4-2 a lookup is: enter RCU, find, lock, look at the range, and leave RCU', () => {
    const calls: string[] = [];
    hooks.calls = calls;
    const vma = lockVmaUnderRcu(mm, page(5));
    hooks.calls = null;
    if (vma !== null) vmaEndRead(vma);
    expect(calls).toEqual(['rcuReadLock', 'mtreeLoad', 'vmaStartRead', 'vmStart', 'rcuReadUnlock']);
  });

  it('S4-9 S4-16 nothing that is being filled in can be read', () => {
    const seen = new Set<string>();
    hooks.set = (vma) => void seen.add(asAnother(() => tryRead(vma as VmaRcu)));
    map(40, 2);
    process.mprotect(page(6), PAGE_SIZE, PROT_READ);
    process.mprotect(page(6), PAGE_SIZE, RW);
    process.mremap(page(4), 4 * PAGE_SIZE, 4 * PAGE_SIZE, MOVE, page(20));
    hooks.set = null;
    expect([...seen].toSorted()).toEqual(['detached', 'locked']);
  });

  it('S2-16 the end of a read that nobody began is caught', () => {
    expect(() => vmaEndRead(theVma())).toThrow('broken invariant');
    if (rcuReadLockHeld()) rcuReadUnlock();
  });

  it('S4-18 what is freed is as its constructor left it', () => {
    const vma = theVma();
    lookUp();
    rcuReadLock();
    asAnother(() => unmap(4, 4));
    expect(isVmaDetached(vma)).toBe(true);
    expect([word(vmRefcntAt(vma)), word(vmLockAt(vma))]).toEqual([0, 0]);
    rcuReadUnlock();
  });
});

describe.each(REUSED_AT_ONCE)('%s', (vmaLock) => {
  describe.each(['apart', 'in-range'] as const)('link %s', (vmaFreePointer) => {
    beforeEach(() => begin({ vmaLock, vmaFreePointer }));
    afterEach(end);

    describe.each(['found', 'looked'] as const)('%s', (moment) => {
      it.each(REUSES)('S4-1 S4-4 S4-5 S4-6 S4-7 S4-8 its memory is %s', (_, change, then) => {
        at(moment, () => asAnother(change));
        const [place, abort, miss] = then;
        expect(counted(() => expect(lookUp()).toBe(place))).toEqual({ abort, miss });
        expect(hooks.once.size).toBe(0);
      });
    });

    it('S4-13 a late reader of a free VMA is refused before it believes the range', () => {
      const vma = theVma();
      at('found', () => asAnother(() => [map(50, 1, PROT_NONE), unmap(50, 1), unmap(4, 4)]));
      expect(counted(() => expect(lookUp()).toBe('null'))).toEqual({ abort: 1, miss: 1 });
      const isKept = vmRangeRcu(vma)[0] === page(4);
      // A checked build spoils what is free.
      expect(isKept).toBe(vmaFreePointer === 'apart' && !IS_SHADOWED);
    });
  });
});

describe('typesafe', () => {
  beforeEach(() => begin({ vmaLock: 'typesafe' }));
  afterEach(end);

  it('S4-14 S4-15 the lock lives on from one life to the next, with a late reader inside', () => {
    const vma = theVma();
    map(60, 1, PROT_NONE);
    let copy: VmaRcu | 0 = 0;
    at('found', () => asAnother(() => unmap(4, 4)));
    at('locked', () => {
      asAnother(() => {
        const held = word(vmLockAt(vma));
        expect(held).not.toBe(0);
        copy = vmAreaDup(vmaLookup(mm as MmRead, page(60)) as Vma);
        expect(word(vmLockAt(vma)), 'a copy leaves the lock alone').toBe(held);
        expect(isVmaDetached(vma)).toBe(true);
      });
    });
    // The copy was taken from the free list of a worker that has left: give that to this one.
    expect(counted(() => expect(lookUp()).toBe('null'))).toEqual({ abort: 1, miss: 1 });
    expect(copy).toBe(vma);
    expect(word(vmLockAt(vma)), 'the late reader has left').toBe(0);
    vmAreaFree(copy as VmaHidden);
  });
});

describe('refcnt', () => {
  beforeEach(() => begin({}));
  afterEach(end);

  /** As if a writer had excluded readers, and waited for the one inside. */
  const exclude = (vma: Vma): void => setWord(vmRefcntAt(vma), word(vmRefcntAt(vma)) + EXCLUDE);
  /** It goes on. */
  const admit = (vma: Vma): void => setWord(vmRefcntAt(vma), word(vmRefcntAt(vma)) - EXCLUDE);

  it('S2-37 who gives the last count up touches the VMA no more', () => {
    const vma = lockVmaUnderRcu(mm, page(5)) as Vma;
    exclude(vma);
    let words: number[] = [];
    const all = (): number[] => Array.from({ length: VMA_CACHE.words }, (_, i) => word(vma + i));
    at('dropped', () =>
      asAnother(() => {
        admit(vma);
        unmap(4, 4);
        map(70, 3, PROT_NONE);
        expect(vmaLookup(mm as MmRead, page(70)), 'it is used again at once').toBe(vma);
        words = all();
      }),
    );
    vmaEndRead(vma);
    expect(words.length).toBe(VMA_CACHE.words);
    expect(all()).toEqual(words);
  });

  it('S4-22 the mm of somebody else is held while the count of its VMA is given up', () => {
    const third = machine.spawn();
    const its = mmOf(third);
    const vma = theVma();
    const live = (): number => cacheStats(MM_CACHE).live;
    const before = live();
    // The memory becomes the third one's after it was found; its writer waits for the reader.
    at('looked', () => {
      asAnother(() => [unmap(4, 4), map(4, 4, RW, third)]);
      at('owner', () => exclude(vma));
    });
    at('dropped', () => {
      expect(word(mmCountAt(its)), 'held').toBe(2);
      asAnother(() => {
        admit(vma);
        third.exit();
      });
      expect(live(), 'its last user is gone, and it is still there').toBe(before);
    });
    expect(lookUp()).toBe('null');
    expect(live()).toBe(before - 1);
  });

  it.each(['unlock', 'downgrade'] as const)('S2-21 the sequence moves before the %s', (how) => {
    const writer = mmapWriteLock(mm);
    let seq = 1;
    at('leaving', () => (seq = word(mmLockSeqAt(mm)) & 1));
    if (how === 'unlock') mmapWriteUnlock(writer);
    else mmapReadUnlock(mmapWriteDowngrade(writer));
    expect(seq).toBe(0);
  });
});

describe.each(['on', 'off'] as const)(
  'rwsem, the end of reading in an RCU section: %s',
  (inRcu) => {
    beforeEach(() => begin({ vmaLock: 'rwsem', endReadRcu: inRcu }));
    afterEach(end);

    /** So many that a batch of freed ones waits, and is given back if nobody is in the way. */
    const BATCHES = 600;
    const take = (): VmaHidden[] =>
      Array.from({ length: BATCHES }, () => vmAreaAlloc(mmOf(other)) as VmaHidden);

    it('S2-29 S2-30 S2-32 S2-36 P2-2 a writer gets in before the reader is done, and frees it', () => {
      const vma = lockVmaUnderRcu(mm, page(5)) as Vma;
      const WAITING = 2;
      setWord(vmLockAt(vma), word(vmLockAt(vma)) | WAITING);
      let isReused: boolean | null = null;
      at('tail', () =>
        asAnother(() => {
          expect(unmap(4, 4), 'the lock is free, though the reader is not done').toBe(0);
          for (const each of take()) vmAreaFree(each);
          const taken = take();
          isReused = taken.includes(vma as VmaHidden);
          for (const each of taken) vmAreaFree(each);
        }),
      );
      // Where it is used again, the reader's last step meets the memory of another VMA.
      const leave = (): void => vmaEndRead(vma);
      if (IS_SHADOWED && inRcu === 'off') expect(leave).toThrow('write after free');
      else leave();
      expect(isReused).toBe(inRcu === 'off');
    });
  },
);
