/**
 * What another worker sees of an address space at every trace point of a call: before each lock,
 * mark, store, zap and free. It waits for nobody, so one thread can be both.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { claimCpu, type Cpu, releaseCpu } from '../../src/engine/arena/cpu.ts';
import { word } from '../../src/engine/arena/memory.ts';
import { NULL } from '../../src/engine/arena/ref.ts';
import { mtreeLoad } from '../../src/engine/maple/maple.ts';
import type { MmRead } from '../../src/engine/mm/held.ts';
import { mmLockSeqAt, mmMmapLockAt, mmMt } from '../../src/engine/mm/mm_struct.ts';
import {
  mmapReadTrylock,
  mmapReadUnlock,
  mmapWriteLock,
  mmapWriteUnlock,
} from '../../src/engine/mm/mmap_lock.ts';
import { lockNextVma, nextVma, unlockNextVma } from '../../src/engine/mm/next_vma.ts';
import { lockVmaUnderRcu } from '../../src/engine/mm/vma_iterator.ts';
import { vmaEndRead } from '../../src/engine/mm/vma_lock.ts';
import { vmEnd, vmStart } from '../../src/engine/mm/vma_struct.ts';
import { rcuReadLock, rcuReadUnlock } from '../../src/engine/rcu/rcu.ts';
import { isHeld, isWriteHeld } from '../../src/engine/sync/rwsem.ts';
import type * as traceEvents from '../../src/engine/trace/events.ts';
import { EVENT_NAMES } from '../../src/engine/trace/events.ts';
import { verifyMm } from '../../src/engine/vma/verify.ts';
import {
  ENOMEM,
  type EventName,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_PRIVATE,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  type Process,
  PROT_EXEC,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  type Protocol,
} from '../../src/index.ts';
import { Random } from '../../src/lab/oracle/random.ts';
import { asCpu } from '../cpus.ts';
import { mmOf, PAGE, windowPicture } from '../pictures.ts';
import { traced } from '../traced.ts';

/** Told of every event before it is recorded. */
const watch = vi.hoisted(() => ({ step: null as ((event: number, arg: number) => void) | null }));

vi.mock('../../src/engine/trace/events.ts', async (original) => {
  const real = await original<typeof traceEvents>();
  const tell = (event: number, arg: number): void => {
    const { step } = watch;
    watch.step = null; // what it does is not watched
    step?.(event, arg);
    watch.step = step;
  };
  const trace: typeof real.trace = (event, mm, arg) => {
    if (real.isTraced(event)) tell(event, arg);
    real.trace(event, mm, arg);
  };
  const traceRange: typeof real.traceRange = (event, mm, range) => {
    tell(event, range.arg);
    real.traceRange(event, mm, range);
  };
  return { ...real, trace, traceRange };
});

const BASE = 0x200000000000;
const FIXED = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
const at = (page: number): number => BASE + page * PAGE;
/** Neighbours with the same letter are one VMA. */
const PROTS: Readonly<Record<string, number>> = {
  A: PROT_READ | PROT_WRITE,
  B: PROT_READ,
  C: PROT_READ | PROT_EXEC,
  N: PROT_NONE,
};

let machine: Machine;
let process: Process;
let walker: Cpu;

function begin(protocol: Partial<Protocol> = {}): void {
  machine = Machine.create({ bytes: 4 * 2 ** 20, protocol });
  process = machine.spawn();
  walker = claimCpu() as Cpu;
}

function end(): void {
  releaseCpu(walker);
  process.verify();
  process.exit();
  machine.tearDown();
}

/** Maps a picture, one VMA for each run of a letter. */
function draw(picture: string): void {
  for (const run of picture.matchAll(/(\w)\1*/gu)) {
    const [pages, letter = ''] = run;
    process.mmap(at(run.index), pages.length * PAGE, PROTS[letter] ?? 0, FIXED, -1, 0);
  }
}

/** Runs `act`, and `step` before each of its events. @returns how many there were. */
function stepByStep(act: () => void, step: (event: EventName, arg: number) => void): number {
  let steps = 0;
  watch.step = (event, arg) => {
    steps++;
    step(EVENT_NAMES[event] ?? 'tree_store', arg);
  };
  traced(machine, EVENT_NAMES, act);
  watch.step = null;
  return steps;
}

/** Looks every page up under RCU, as another worker. @returns the holes, as `x`. */
function lookAtAll(pages: number): string {
  const mm = mmOf(process);
  return asCpu(walker, () => {
    let seen = '';
    for (let page = 0; page < pages; page++) {
      rcuReadLock();
      seen += mtreeLoad(mmMt(mm), at(page)) === NULL ? 'x' : '.';
      rcuReadUnlock();
      const vma = lockVmaUnderRcu(mm, at(page));
      if (vma === null) continue;
      expect(vmStart(vma) <= at(page) && at(page) < vmEnd(vma), 'what can be locked').toBe(true);
      vmaEndRead(vma);
    }
    return seen;
  });
}

/** `over` is what is mapped over the picture, at its place. */
const REPLACEMENTS: readonly (readonly [what: string, picture: string, over: string])[] = [
  ['exactly one VMA', 'AABBCC', '  CC'],
  ['several, across their boundaries', 'AABBCC', ' NNNN'],
  ['one, merging to both sides', 'AABBAA', '  AA'],
  ['one, merging to the left', 'AABB', '  AA'],
  ['the front of one, merging to the left', 'AABBB', '  A'],
  ['one, merging to the right', 'AABB', 'BB'],
  ['the end of one, merging to the right', 'AAABB', '  B'],
  ['two, merging to the left', 'AABBCC', '  AAAA'],
  ['the lower part of one', 'AAAA', 'BB'],
  ['the higher part of one', 'AAAA', '  BB'],
  ['the middle of one', 'AAAAA', '  B'],
];

describe.each(['gather', 'two-step'] as const)('%s: replacing', (munmap) => {
  beforeEach(() => begin({ munmap }));
  afterEach(end);

  it.each(REPLACEMENTS)('S0-2 S0-10 S0-18 %s', (_, picture, over) => {
    draw(picture);
    const holes = new Set<string>();
    const steps = stepByStep(
      () => draw(over),
      () => void holes.add(lookAtAll(picture.length)),
    );
    expect(steps).toBeGreaterThan(3);
    const wasHole = [...holes].some((seen) => seen.includes('x'));
    expect(wasHole, [...holes].join(' ')).toBe(munmap === 'two-step');
    expect(lookAtAll(picture.length)).not.toContain('x');
  });

  it('S0-3 who gets mmap_lock for read sees no hole', () => {
    draw('AABBCC');
    const mm = mmOf(process);
    let looks = 0;
    stepByStep(
      () => draw(' NNNN'),
      () => {
        const reader = asCpu(walker, () => mmapReadTrylock(mm));
        if (reader === null) return;
        looks++;
        expect(lookAtAll(6)).toBe('......');
        asCpu(walker, () => mmapReadUnlock(reader));
      },
    );
    expect(looks, 'before the lock was taken').toBeGreaterThan(0);
  });
});

describe('a call without memory', () => {
  beforeEach(() => begin());
  afterEach(end);

  it.each(REPLACEMENTS)('S0-14 S0-20 S0-24 no hole while %s is given up', (_, picture, over) => {
    draw(picture);
    const covered = prots(picture.length);
    let failures = 0;
    // Every allocation from the n-th on fails, also those of giving up; ends when none is left.
    for (let after = 0; ; after++) {
      machine.failAllocations({ after, count: Infinity });
      const [, pages = ''] = /(\w+)/u.exec(over) ?? [];
      let result = 0;
      stepByStep(
        () => {
          const start = at(over.length - pages.length);
          const prot = PROTS[pages[0] ?? ''] ?? 0;
          result = process.mmap(start, pages.length * PAGE, prot, FIXED, -1, 0);
        },
        () => expect(lookAtAll(picture.length)).not.toContain('x'),
      );
      machine.failAllocations({ count: 0 });
      if (result > 0) break;
      failures++;
      expect(result).toBe(ENOMEM);
      expect(prots(picture.length)).toEqual(covered);
      process.verify();
    }
    expect(failures).toBeGreaterThan(0);
  });

  it('S0-14 a store without memory, after all was gathered: ENOMEM, and all is attached', () => {
    draw('AABBCC');
    machine.failAllocations('maple_node', 0, Infinity);
    expect(process.munmap(at(2), 4 * PAGE)).toBe(ENOMEM);
    machine.failAllocations('maple_node', 0, 0);
    expect(windowPicture(process, BASE, 6)).toBe('AABBCC');
    expect(process.store(at(0), 1)).toBe(0);
  });
});

/** The rights of each page, whatever VMAs they are of. */
function prots(pages: number): string[] {
  const vmas = process.vmas();
  return Array.from({ length: pages }, (_, page) => {
    const vma = vmas.find(({ start, end: last }) => start <= at(page) && at(page) < last);
    return vma === undefined ? 'hole' : String(vma.flags % 8);
  });
}

describe('beside a writer', () => {
  beforeEach(() => begin());
  afterEach(end);

  it('S0-1 whoever walks under RCU takes no mmap_lock, while a writer holds it for ever', () => {
    draw('AABBCC');
    const writer = mmapWriteLock(mmOf(process));
    const locks = traced(machine, ['mmap_lock_start_locking'], () => {
      for (let walk = 0; walk < 20; walk++) {
        expect(lookAtAll(6)).toBe('......');
        asCpu(walker, () => {
          const next = nextVma(writer, BASE);
          const ends = [1, 2, 3].map(() => vmEnd(lockNextVma(next) as Parameters<typeof vmEnd>[0]));
          expect(ends).toEqual([at(2), at(4), at(6)]);
          unlockNextVma(next);
        });
      }
    });
    expect(locks).toEqual([]);
    mmapWriteUnlock(writer);
  });

  it('S0-28 P2-15 while munmap frees, readers go on, and nobody can grow into the hole', () => {
    draw('AABBCC');
    process.store(at(3), 1);
    process.store(at(1), 1);
    const lock = mmMmapLockAt(mmOf(process));
    const during: boolean[] = [];
    stepByStep(
      () => process.munmap(at(2), 2 * PAGE),
      (event) => {
        if (event !== 'zap_range' && event !== 'free_pgtables' && event !== 'vm_area_free') return;
        during.push(isHeld(lock) && !isWriteHeld(lock)); // growing needs it for write
        expect(lookAtAll(6)).toBe('..xx..');
        expect(asCpu(walker, () => lockVmaUnderRcu(mmOf(process), at(1)))).not.toBe(null);
        asCpu(walker, () => lockNextVmaAt(1));
      },
    );
    expect(during.length).toBeGreaterThanOrEqual(2);
    expect(during).not.toContain(false);
  });

  it('P2-1 P2-15 a stack that grows through all of a gap is never missed, nor what is below', () => {
    draw('NN......');
    process.mmap(at(6), 2 * PAGE, PROTS['A'] ?? 0, FIXED | MAP_GROWSDOWN, -1, 0);
    let isWritten = true;
    stepByStep(
      () => expect(process.store(at(2), 1)).toBe(0),
      (event) => {
        const seen = lookAtAll(8);
        expect(['..xxxx..', '........']).toContain(seen);
        if (event === 'tree_store') isWritten &&= isWriteHeld(mmMmapLockAt(mmOf(process)));
      },
    );
    expect(isWritten, 'only under mmap_lock for write').toBe(true);
    expect(windowPicture(process, BASE, 8)).toBe('AABBBBBB');
  });
});

/** Lets go of the read lock that the walker has on the VMA of a page. */
function lockNextVmaAt(page: number): void {
  const vma = mtreeLoad(mmMt(mmOf(process)), at(page));
  vmaEndRead(vma as Parameters<typeof vmaEndRead>[0]);
}

const SEED = 20240531;

it(`S0-19 X-8 from SEED=${SEED}: whenever mmap_lock is let go, all is as it must be`, () => {
  begin();
  const random = new Random(SEED);
  const page = (): number => at(random.below(24));
  const len = (): number => (1 + random.below(6)) * PAGE;
  const prot = (): number => Object.values(PROTS)[random.below(4)] ?? 0;
  const calls: (() => unknown)[] = [
    () => process.mmap(page(), len(), prot(), FIXED, -1, 0),
    () => process.munmap(page(), len()),
    () => process.mprotect(page(), len(), prot()),
    () => process.mremap(page(), len(), len(), MREMAP_MAYMOVE | MREMAP_FIXED, page()),
    () => process.madvise(page(), len(), 16),
  ];
  // Without pages: between the parts of an unmapping they are in no VMA.
  let released = 0;
  const mm = mmOf(process);
  const step = (event: EventName, arg: number): void => {
    const isWriter = (word(mmLockSeqAt(mm)) & 1) === 1;
    const isRelease = event === 'mmap_lock_released' && arg === 1;
    const isDowngrade = event === 'mmap_lock_acquire_returned' && arg === 0 && isWriter;
    if (!isRelease && !isDowngrade) return;
    released++;
    verifyMm(mm as MmRead);
  };
  for (let i = 0; i < 200; i++) stepByStep(() => calls[random.below(calls.length)]?.(), step);
  expect(released).toBeGreaterThan(100);
  end();
});
