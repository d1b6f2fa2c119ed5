/**
 * Forks that fail, at every step and every VMA, in both generations: nothing is left behind, and
 * the parent is what it was.
 */
import { describe, expect, it } from 'vitest';
import { word } from '../../src/engine/arena/memory.ts';
import type { Mm, Vma } from '../../src/engine/mm/held.ts';
import {
  MMF_OOM_SKIP,
  MMF_UNSTABLE,
  mmFlags,
  mmMapCount,
  mmMt,
  mmPgdAt,
} from '../../src/engine/mm/mm_struct.ts';
import { masFind, masState, MT_MAX, mtEmpty } from '../../src/engine/maple/maple.ts';
import { isMarker, lockVmaUnderRcu } from '../../src/engine/mm/vma_iterator.ts';
import { vmaEndRead } from '../../src/engine/mm/vma_lock.ts';
import { vmMm } from '../../src/engine/mm/vma_struct.ts';
import { mapsText } from '../../src/engine/procfs/maps.ts';
import { smapsText } from '../../src/engine/procfs/smaps.ts';
import {
  EINTR,
  ENOMEM,
  FORK_STEPS,
  type ForkStep,
  type MachineReport,
  type TraceRecord,
} from '../../src/index.ts';
import { made } from '../made.ts';
import { mmOf } from '../pictures.ts';
import { traced } from '../traced.ts';
import { Household, page, pages, portrait } from './household.ts';

const GENERATIONS = ['tree-limit', 'xa-zero'] as const;
type Generation = (typeof GENERATIONS)[number];

/** Steps whose failure is a signal. */
const errnoOf = (step: ForkStep): number => (step === 'lock' || step === 'signal' ? EINTR : ENOMEM);

/** Fails at a step of the VMA after `after` others. @returns whether there was one to fail at. */
function failAt(home: Household, step: ForkStep, after: number): boolean {
  home.machine.failFork(step, after);
  const result = home.process.fork();
  if (typeof result === 'number') {
    expect(result).toBe(errnoOf(step));
    return true;
  }
  result.exit();
  home.process.uffdRead(3);
  return false;
}

/** @returns whether a fault could go on without mmap_lock. */
function tryRead(mm: Mm, addr: number): boolean {
  const vma = lockVmaUnderRcu(mm, addr);
  if (vma !== null) vmaEndRead(vma);
  return vma !== null;
}

/** What is in a tree, without a look at what it points to. */
function entriesOf(tree: ReturnType<typeof mmMt>): { entry: number; index: number }[] {
  const found = [];
  const mas = masState(tree, 0, 0);
  for (let entry = masFind(mas, MT_MAX); entry !== 0; entry = masFind(mas, MT_MAX)) {
    found.push({ entry, index: mas.index });
  }
  return found;
}

const EVENTS = [
  'tree_store',
  'vm_area_free',
  'exit_mmap',
  'mmap_lock_released',
  'zap_range',
] as const;

const eventsOf = ({ machine }: Household, act: () => void): TraceRecord[] =>
  traced(machine, EVENTS, act);

describe.each(GENERATIONS)('forkRecovery %s', (forkRecovery) => {
  it.each(FORK_STEPS)(
    'S3-2 S3-9 S3-26 S3-28 nothing is left, and the parent is whole: %s',
    (step) => {
      using home = new Household({ forkRecovery });
      const books = home.books();
      const before = portrait(home.process);
      let failures = 0;
      for (let after = 0; after <= home.vmaCount; after++) {
        if (!failAt(home, step, after)) break;
        failures++;
        expect(home.books(), `what is left after ${after} VMAs`).toEqual(books);
        expect(portrait(home.process), `the parent after ${after} VMAs`).toEqual(before);
        expect(home.closed, 'the driver hears of the end of all it heard of').toBe(home.opened);
        expect(home.machine.report().warnings).toEqual([]);
        home.process.verify();
      }
      expect(failures).toBeGreaterThan(0);
      home.machine.failFork(null);
      expect(failAt(home, 'finish', 1), 'and then a fork succeeds').toBe(false);
    },
  );

  it('S3-18 S3-25 exit_mmap() is told of once, also of a child that never was', () => {
    using home = new Household({ forkRecovery });
    for (const [step, after] of [
      ['tree', 0],
      ['vma', 0],
      ['pages', 3],
      ['finish', 0],
    ] as const) {
      const events = eventsOf(home, () => expect(failAt(home, step, after)).toBe(true));
      const exits = events.filter(({ event }) => event === 'exit_mmap');
      expect(exits).toHaveLength(1);
      const [exit] = exits;
      const later = events.filter(
        ({ seq, event }) => seq > (exit?.seq ?? 0) && event !== 'mmap_lock_released',
      );
      // Its argument is the number of VMAs: what is found then has been taken apart before, or not.
      if (forkRecovery === 'tree-limit') expect([exit?.arg, later]).toEqual([0, []]);
      else
        expect(later.filter(({ event }) => event === 'vm_area_free')).toHaveLength(exit?.arg ?? -1);
    }
  });

  it('S3-28 a userfaultfd hears of no fork that failed, and what was to watch the child is gone', () => {
    using home = new Household({ forkRecovery });
    const books = home.books();
    expect(failAt(home, 'finish', 0)).toBe(true);
    expect(home.books()).toEqual(books);
    const child = made(home.process.fork());
    expect(home.process.uffdRead(3)).toMatchObject({ event: 'fork' });
    child.exit();
  });
});

describe('S3-1 the tree while a fork is under way', () => {
  it.each([1, 3, 5, 9])(
    "names the child's own VMAs and then the parent's, %i from the left",
    (count) => {
      using home = new Household({ forkRecovery: 'xa-zero' });
      home.holdNext();
      // DONTCOPY is cleared, and no VMA of the child: one step less.
      expect(failAt(home, 'vma', count > 2 ? count - 1 : count)).toBe(true);
      const parents = entriesOf(mmMt(mmOf(home.process))).map(({ entry }) => entry);
      const entries = entriesOf(mmMt(home.held));
      const mark = entries.findIndex(({ entry }) => isMarker(entry));
      const own = entries.slice(0, mark).map(({ entry }) => vmMm(entry as Vma));
      expect(own).toEqual(own.map(() => home.held));
      expect(own).toHaveLength(count > 2 ? count - 1 : count);
      expect(entries.slice(mark + 1).map(({ entry }) => entry)).toEqual(parents.slice(count + 1));
      home.release();
    },
  );
});

describe('S3-3 S3-4 S3-6 xa-zero', () => {
  it("marks where the child's VMAs end, drops the lock, and lets exit find the mark", () => {
    using home = new Household({ forkRecovery: 'xa-zero' });
    home.holdNext();
    expect(failAt(home, 'vma', 3)).toBe(true);
    const marked = entriesOf(mmMt(home.held)).find(({ entry }) => isMarker(entry));
    expect(marked?.index).toBe(page(30));
    expect(mmFlags(home.held) & (MMF_OOM_SKIP | MMF_UNSTABLE)).toBe(MMF_OOM_SKIP | MMF_UNSTABLE);
    const events = eventsOf(home, () => home.release());
    expect(events.filter(({ event }) => event === 'vm_area_free')).toHaveLength(3);
  });

  it('releases the lock of the child before anything of it is freed', () => {
    using home = new Household({ forkRecovery: 'xa-zero' });
    const events = eventsOf(home, () => expect(failAt(home, 'vma', 3)).toBe(true));
    const child = events.find(({ event }) => event === 'exit_mmap')?.mm;
    const released = events.find(({ event, mm }) => event === 'mmap_lock_released' && mm === child);
    const freed = events.find(({ event }) => event === 'vm_area_free');
    expect(released?.seq).toBeLessThan(freed?.seq ?? 0);
  });
});

describe('S3-7 S3-10 S3-23 tree-limit', () => {
  it.each<[ForkStep, number, number]>([
    ['vma', 0, 0],
    ['vma', 3, 3],
    ['pages', 3, 4], // the VMA whose pages failed is the child's, and goes as well
    ['finish', 0, 9],
  ])(
    'empties the child before its lock is dropped, without a store: %s after %i',
    (step, after, own) => {
      using home = new Household();
      const events = eventsOf(home, () => expect(failAt(home, step, after)).toBe(true));
      const child = events.find(({ event }) => event === 'exit_mmap')?.mm;
      const ofChild = events.filter(({ mm }) => mm === child);
      const first = ofChild.findIndex(({ event }) => event === 'vm_area_free');
      const released = ofChild.findIndex(({ event }) => event === 'mmap_lock_released');
      expect(ofChild.filter(({ event }) => event === 'vm_area_free')).toHaveLength(own);
      const lastFree = ofChild.findLastIndex(({ event }) => event === 'vm_area_free');
      expect(lastFree).toBeLessThan(released);
      if (own > 0) {
        expect(ofChild.slice(first).filter(({ event }) => event === 'tree_store')).toEqual([]);
      }
    },
  );

  it('whoever holds the child finds it empty, with nothing charged', () => {
    using home = new Household();
    const charged = home.machine.report().committedPages;
    home.holdNext();
    expect(failAt(home, 'pages', 6)).toBe(true);
    expect(mtEmpty(mmMt(home.held))).toBe(true);
    expect(mmMapCount(home.held)).toBe(0);
    expect(mmFlags(home.held) & (MMF_OOM_SKIP | MMF_UNSTABLE)).toBe(MMF_OOM_SKIP | MMF_UNSTABLE);
    expect(home.machine.report().committedPages).toBe(charged);
    home.release();
  });

  it('S3-22 the table that the last VMA copied shares with the first that was not is freed', () => {
    using home = new Household();
    const tables = (report: MachineReport): number =>
      report.caches.find(({ name }) => name === 'page_table')?.live ?? -1;
    const before = tables(home.machine.report());
    home.holdNext();
    // Pages 600 and 700 lie below one table.
    expect(failAt(home, 'vma', 8)).toBe(true);
    expect(word(mmPgdAt(home.held))).not.toBe(0);
    expect(tables(home.machine.report()) - before, 'all but the first table').toBe(1);
    home.release();
    expect(tables(home.machine.report())).toBe(before);
  });
});

describe('S3-8 S3-19 one way to take VMAs apart', () => {
  it('frees in the same order at exit, and after forks that failed in either generation', () => {
    const orders = [...GENERATIONS, 'exit' as const].map((how) => {
      using home = new Household(how === 'exit' ? {} : { forkRecovery: how });
      const events = eventsOf(home, () => {
        if (how !== 'exit') expect(failAt(home, 'finish', 0)).toBe(true);
        else made(home.process.fork()).exit();
      });
      const stores = events.filter(({ event, arg }) => event === 'tree_store' && arg !== 0);
      const startOf = new Map(stores.map(({ arg, a }) => [arg, a]));
      return events
        .filter(({ event }) => event === 'vm_area_free')
        .map(({ arg }) => startOf.get(arg));
    });
    expect(orders[0]).toHaveLength(9);
    expect(orders[1]).toEqual(orders[0]);
    expect(orders[2]).toEqual(orders[0]);
    expect(orders[0]).toEqual((orders[0] ?? []).toSorted((a, b) => (a ?? 0) - (b ?? 0)));
  });

  it('P2-13 frees them at once, without a grace period, where an unmapping needs one', () => {
    using home = new Household({ vmaLock: 'rwsem' });
    const counter = (): [number, number] => {
      const { vma_free_direct, vma_free_rcu } = home.machine.report().counters;
      return [vma_free_direct, vma_free_rcu];
    };
    const [direct, rcu] = counter();
    expect(failAt(home, 'finish', 0)).toBe(true);
    expect(counter()).toEqual([direct + 9, rcu]);
    made(home.process.fork()).exit();
    expect(counter()).toEqual([direct + 18, rcu]);
    home.process.munmap(page(60), pages(4));
    expect(counter()).toEqual([direct + 18, rcu + 1]);
  });
});

describe('S3-5 S3-6 who comes from elsewhere', () => {
  const cases: [Generation, 'careful' | 'careless' | 'skips-marks', object][] = [
    ['xa-zero', 'careless', { met: 'mark', vmas: 3, at: page(30) }],
    ['xa-zero', 'skips-marks', { met: 'foreign VMA', vmas: 3, at: page(40) }],
    ['xa-zero', 'careful', { met: 'unstable', vmas: 0 }],
    ['tree-limit', 'careless', { met: 'end', vmas: 0 }],
    ['tree-limit', 'skips-marks', { met: 'end', vmas: 0 }],
    ['tree-limit', 'careful', { met: 'unstable', vmas: 0 }],
  ];

  it.each(cases)('%s: by the list of address spaces, a %s walker', (forkRecovery, manner, met) => {
    using home = new Household({ forkRecovery });
    home.holdNext();
    expect(failAt(home, 'vma', 3)).toBe(true);
    const visits = home.machine.walkMms(manner);
    expect(visits).toHaveLength(2);
    expect(visits.find(({ mm }) => mm === home.held)).toMatchObject(met);
    expect(visits.find(({ mm }) => mm !== home.held)).toMatchObject({ met: 'end', vmas: 10 });
    home.release();
  });

  it.each(cases)('%s: by the reverse map of a page, a %s walker', (forkRecovery, manner, met) => {
    using home = new Household({ forkRecovery });
    home.holdNext();
    expect(failAt(home, 'vma', 3)).toBe(true);
    const found = home.process.walkRmap(page(4), manner).find(({ mm }) => mm === home.held);
    // Under tree-limit the child's VMAs have left the reverse map as well.
    if (forkRecovery === 'tree-limit') expect(found).toBeUndefined();
    else expect(found).toMatchObject(met);
    home.release();
  });

  it.each(GENERATIONS)(
    "%s: a reader of maps sees the child's own VMAs and no others",
    (forkRecovery) => {
      using home = new Household({ forkRecovery });
      home.holdNext();
      expect(failAt(home, 'vma', 3)).toBe(true);
      const gate = 1;
      const lines = mapsText(home.held).split('\n').length - 1 - gate;
      expect(lines).toBe(forkRecovery === 'xa-zero' ? 3 : 0);
      expect(smapsText(home.held)).not.toContain(page(40).toString(16));
      home.release();
    },
  );

  it('the last one to leave takes the child apart, whoever it is', () => {
    using home = new Household({ forkRecovery: 'xa-zero' });
    home.holdNext();
    expect(failAt(home, 'vma', 3)).toBe(true);
    const events = eventsOf(home, () => {
      home.machine.walkMms('careless');
      expect(
        home.machine.readTrace().some(({ event, mm }) => event === 'exit_mmap' && mm === home.held),
      ).toBe(false);
      home.release();
    });
    expect(events.filter(({ event }) => event === 'exit_mmap')).toHaveLength(1);
  });
});

describe("S3-27 the parent's VMAs while they are copied", () => {
  it('are write-locked: faults take mmap_lock, and wait', () => {
    using home = new Household();
    const parent = mmOf(home.process);
    let readable: boolean[] = [];
    home.machine.failFork('open', 1);
    home.onOpen = () => {
      readable = [page(0), page(4)].map((addr) => tryRead(parent, addr));
    };
    expect(typeof home.process.fork()).toBe('number');
    expect(readable).toEqual([false, true]); // what is copied, and what is to come
    expect(tryRead(parent, page(0)), "the parent's unlock ends it").toBe(true);
  });
});

describe('S3-29 what is not copied', () => {
  it('leaves holes in the child, and is not counted', () => {
    using home = new Household();
    const child = made(home.process.fork());
    expect(child.touch(page(10), 'read')).toBe('SEGV_MAPERR');
    expect(child.load(page(40))).toBe(0);
    expect(home.process.load(page(40))).toBe(40);
    const [theirs, ours] = [home.process.layout(), child.layout()];
    expect(theirs.totalVm - ours.totalVm).toBe(2);
    expect(theirs.dataVm - ours.dataVm).toBe(2);
    expect([theirs.lockedVm, ours.lockedVm]).toEqual([2, 0]);
    child.verify();
    child.exit();
    home.process.uffdRead(3);
  });
});

describe('a task that is to die', () => {
  it('does not fork: EINTR, with nothing left', () => {
    using home = new Household();
    const books = home.books();
    expect(failAt(home, 'signal', 4)).toBe(true);
    expect(failAt(home, 'lock', 0)).toBe(true);
    expect(home.books()).toEqual(books);
  });
});
