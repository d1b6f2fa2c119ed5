/**
 * What each field of a description does, and that the description does what lists of arguments
 * did.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NULL } from '../../src/engine/arena/ref.ts';
import type { MmWrite, Vma } from '../../src/engine/mm/held.ts';
import { mmMapCount, mmPgtablesAt, setMmMapCount } from '../../src/engine/mm/mm_struct.ts';
import { vmaIterator, vmaNext, vmaPrev } from '../../src/engine/mm/vma_iterator.ts';
import { isWriteLocked } from '../../src/engine/mm/vma_lock.ts';
import { vmEnd, vmStart } from '../../src/engine/mm/vma_struct.ts';
import { word } from '../../src/engine/arena/memory.ts';
import { freePgdRange } from '../../src/engine/page/free_pgtables.ts';
import { tlbFinishMmu, tlbGatherMmu } from '../../src/engine/page/mmu_gather.ts';
import { firstVma, iteratorBehind } from '../../src/engine/task/exit.ts';
import { vmaMunmap, vmsGatherMunmapVmas } from '../../src/engine/vma/munmap.ts';
import {
  lastBelow,
  TREE_MAX,
  unmapAll,
  unmapCopied,
  type UnmapDesc,
  unmapPgtables,
  unmapState,
} from '../../src/engine/vma/unmap_desc.ts';
import { freePgtables, unmapRegion, unmapVmas } from '../../src/engine/vma/unmap_region.ts';
import { mmOf } from '../pictures.ts';
import { at, Landscape, type Plot, type Remains, TABLE } from './landscape.ts';
import { freePgtablesArgs, unmapRegionArgs, unmapVmasArgs } from './unmap_args.ts';

//             A       B       C           D            E
const PLOTS = [
  [0, 2],
  [4, 2],
  [600, 2],
  [2000, 2],
  [2004, 2],
] as const;
const WHOLE: Remains = {
  pages: PLOTS.flatMap(([first]) => [first, first + 1]),
  linked: PLOTS.map(([first]) => first),
  tables: [0, TABLE, 3 * TABLE],
};

/** B, C, D and E, as a whole: each test changes one field. */
const fromB = (land: Landscape, mm: MmWrite): UnmapDesc => {
  const first = land.vma(mm, 4);
  return {
    mm,
    mas: iteratorBehind(mm, first),
    first,
    pgStart: at(2),
    pgEnd: 0,
    vmaStart: 0,
    vmaEnd: TREE_MAX,
    treeEnd: TREE_MAX,
    treeReset: vmEnd(first),
    mmWrLocked: true,
  };
};

function after(change: (land: Landscape, mm: MmWrite) => Partial<UnmapDesc>): Remains {
  using land = new Landscape(PLOTS);
  const mm = land.lock();
  unmapRegion({ ...fromB(land, mm), ...change(land, mm) });
  return land.remains(mm);
}

describe('S3-12 the fields of unmap_desc', () => {
  it('all as they should be: only A is left', () => {
    expect(after(() => ({}))).toEqual({ pages: [0, 1], linked: [0], tables: [0] });
  });

  it('first: what is before it stays', () => {
    const first = after((land, mm) => ({
      first: land.vma(mm, 600),
      mas: vmaIterator(mm, at(602)),
      treeReset: at(602),
      pgStart: at(6),
    }));
    expect(first).toEqual({ pages: [0, 1, 4, 5], linked: [0, 4], tables: [0] });
  });

  it('mas: what it does not come to stays', () => {
    const mas = after((_, mm) => ({
      mas: vmaIterator(mm, at(2002)),
      treeReset: at(2002),
      pgStart: at(2002),
    }));
    expect(mas).toEqual({
      pages: [0, 1, 600, 601, 2000, 2001],
      linked: [0, 600, 2000],
      tables: [0, TABLE, 3 * TABLE],
    });
  });

  it('mas: a side list goes by numbers', () => {
    const side = after((land, mm) => ({
      mas: { gathered: [4, 600].map((page) => land.vma(mm, page) as never), index: 1 },
      treeEnd: 2,
      treeReset: 1,
      pgEnd: at(2000),
    }));
    expect(side).toEqual({
      pages: [0, 1, 2000, 2001, 2004, 2005],
      linked: [0, 2000, 2004],
      tables: [0, 3 * TABLE],
    });
  });

  it('pgStart: a table that reaches below it stays, one that begins there goes', () => {
    const floor = (page: number): number[] => after(() => ({ pgStart: at(page) })).tables;
    expect(floor(2)).toEqual([0]);
    expect(floor(0)).toEqual([]); // A's table went from under it: why the floor is A's end
    expect(floor(TABLE)).toEqual([0]);
    expect(floor(TABLE + 1)).toEqual([0, TABLE]);
  });

  it('pgEnd: a table that reaches to it stays, and 0 is no limit', () => {
    const ceiling = (page: number): number[] =>
      after(() => ({ pgEnd: at(page), vmaEnd: at(page) })).tables;
    expect(ceiling(4 * TABLE)).toEqual([0]);
    expect(ceiling(4 * TABLE - 1)).toEqual([0, 3 * TABLE]);
    expect(after(() => ({ pgEnd: 0 })).tables).toEqual([0]);
  });

  it('vmaStart, vmaEnd: what is zapped, and nothing else', () => {
    const range = (from: number, to: number): Remains =>
      after(() => ({ vmaStart: at(from), vmaEnd: at(to), pgStart: at(5000), pgEnd: at(5000) }));
    expect(range(5, 2001).pages).toEqual([0, 1, 4, 2001, 2004, 2005]);
    expect(range(5, 2001).linked).toEqual([0]);
  });

  it('treeEnd: what begins there or later stays', () => {
    const end = (page: number): Remains => after(() => ({ treeEnd: at(page), pgEnd: at(page) }));
    expect(end(2000)).toMatchObject({ linked: [0, 2000, 2004], tables: [0, 3 * TABLE] });
    expect(end(2001)).toMatchObject({ linked: [0, 2004], tables: [0, 3 * TABLE] });
    expect(end(2000).pages).toEqual([0, 1, 2000, 2001, 2004, 2005]);
  });

  it('treeReset: where the tables are begun with', () => {
    const reset = after(() => ({ treeReset: at(2002) }));
    expect(reset.pages).toEqual([0, 1]);
    expect(reset.linked).toEqual([0, 600, 2000]);
  });

  it('mmWrLocked: VMAs of the tree are write-locked, others have to be detached', () => {
    using land = new Landscape(PLOTS);
    const mm = land.lock();
    const [a, b] = [land.vma(mm, 0), land.vma(mm, 4)];
    expect(isWriteLocked(mm, b)).toBe(false);
    unmapRegion(fromB(land, mm));
    expect([a, b].map((vma) => isWriteLocked(mm, vma))).toEqual([false, true]);

    land.again();
    const again = land.lock();
    expect(() => unmapRegion({ ...fromB(land, again), mmWrLocked: false })).toThrow('detached');
  });
});

describe('S3-20 where a limit may lie', () => {
  const zapped = (limit: number): number[] => {
    using land = new Landscape(PLOTS);
    const mm = land.lock();
    const tlb = tlbGatherMmu(mm);
    unmapVmas(tlb, { ...fromB(land, mm), vmaEnd: limit, treeEnd: limit });
    tlbFinishMmu(tlb);
    const { pages } = land.remains(mm);
    return WHOLE.pages.filter((page) => !pages.includes(page));
  };

  it.each([
    ['at the start of a VMA', at(600), [4, 5]],
    ['in a hole', at(700), [4, 5, 600, 601]],
    ['in a VMA', at(601), [4, 5, 600]],
    ['at 0', 0, []],
    ['nowhere', TREE_MAX, WHOLE.pages.slice(2)],
  ])('%s', (_where, limit, pages) => {
    expect(zapped(limit)).toEqual(pages);
  });
});

describe('S3-21 a neighbour behind the limit', () => {
  it('stays in the reverse map, though it is near enough to go with the last', () => {
    using land = new Landscape(PLOTS);
    const mm = land.lock();
    const first = land.vma(mm, 0);
    unmapRegion(unmapCopied(iteratorBehind(mm, first), first, at(4)));
    expect(land.remains(mm).linked).toEqual([4, 600, 2000, 2004]);
    land.again();
    const again = land.lock();
    unmapRegion(unmapCopied(iteratorBehind(again, first), first, at(2004)));
    expect(land.remains(again).linked).toEqual([2004]);
  });
});

describe('S3-16 a limit of 0', () => {
  it('is none, and one that is only rounded to 0 leaves every table', () => {
    expect([0, 1, 4096].map(lastBelow)).toEqual([Infinity, 0, 4095]);
    using land = new Landscape([[-0x200000000, 1]]); // page 0 of all
    const mm = land.lock();
    const tables = (): number => word(mmPgtablesAt(mm));
    const before = tables();
    expect(before).toBeGreaterThan(2);
    freePgdRange(mm, { start: 0, end: 4096, floor: 0, ceiling: 4096 });
    expect(tables()).toBe(before);
    freePgdRange(mm, { start: 0, end: 4096, floor: 0, ceiling: 0 });
    expect(tables()).toBe(0);
  });
});

describe('what is warned of, and gone on with', () => {
  it('S3-15 VMAs beyond the ceiling of the tables', () => {
    using land = new Landscape(PLOTS);
    const mm = land.lock();
    const warnings = (): readonly string[] => land.machine.report().warnings;
    const first = land.vma(mm, 4);
    unmapRegion({ ...fromB(land, mm), treeEnd: at(5), vmaEnd: vmEnd(first), pgEnd: vmEnd(first) });
    expect(warnings()).toEqual([]);
    land.again();
    const again = land.lock();
    unmapRegion({ ...fromB(land, again), pgEnd: at(2000) });
    expect(warnings()).toEqual([expect.stringContaining('free_pgtables')]);
    expect(land.remains(again).linked).toEqual([0]);
  });

  it('S3-14 a map_count that is wrong: once, however often it is', () => {
    const land = new Landscape(PLOTS);
    for (const wrong of [1, -1]) {
      const process = land.machine.spawn();
      process.mmap(at(0), 8192, 3, 0x32, -1, 0);
      const mm = mmOf(process);
      setMmMapCount(mm as MmWrite, mmMapCount(mm) + wrong);
      process.exit();
      expect(land.machine.report().warnings).toEqual([expect.stringContaining('map_count')]);
    }
    land.process.exit();
    land.machine.tearDown(); // nothing is left of the miscounted ones either
  });
});

/** Some VMAs, near each other and far, with a hole before each. */
const plots = fc
  .array(fc.tuple(fc.constantFrom(1, 2, 40, 300, 510, 900), fc.integer({ min: 1, max: 4 })), {
    minLength: 1,
    maxLength: 9,
  })
  .map((steps) => {
    let page = 0;
    return steps.map(([hole, count]): Plot => {
      const first = page + hole;
      page = first + count;
      return [first, count];
    });
  });

/** What is left, and in which order it went. */
function effect(land: Landscape, act: (mm: MmWrite) => void): unknown {
  land.again();
  const mm = land.lock();
  const events = land.traced(['zap_range', 'free_pgtables', 'tlb_flush'], () => act(mm));
  return { remains: land.remains(mm), events };
}

const vmasOf = (land: Landscape, mm: MmWrite, all: readonly Plot[]): Vma[] =>
  all.map(([page]) => land.vma(mm, page));

/** Each builds a machine. */
const RUNS = { numRuns: 40 };

describe('S3-13 the description and the list of arguments', () => {
  it('leave the same of everything, in the same order', () => {
    fc.assert(
      fc.property(plots, (all) => {
        using land = new Landscape(all);
        const args = effect(land, (mm) => {
          const tlb = tlbGatherMmu(mm);
          const vmas = vmasOf(land, mm, all);
          unmapVmasArgs(tlb, vmas, { start: 0, end: TREE_MAX });
          freePgtablesArgs(mm, vmas, { start: 0, end: 0 });
          tlbFinishMmu(tlb);
        });
        const desc = effect(land, (mm) => {
          const first = firstVma(mm);
          if (first === NULL) throw new Error('no VMAs');
          const tlb = tlbGatherMmu(mm);
          unmapVmas(tlb, unmapAll(iteratorBehind(mm, first), first));
          freePgtables(unmapPgtables(iteratorBehind(mm, first), first));
          tlbFinishMmu(tlb);
        });
        expect(desc).toEqual(args);
        expect(desc).toMatchObject({ remains: { pages: [], linked: [], tables: [] } });
      }),
      RUNS,
    );
  });

  it('one VMA between its neighbours', () => {
    fc.assert(
      fc.property(plots, fc.nat(), (all, which) => {
        using land = new Landscape(all);
        const [page = 0] = all[which % all.length] ?? [];
        const around = (mm: MmWrite) => {
          const vma = land.vma(mm, page);
          const prev = vmaPrev(vmaIterator(mm, vmStart(vma)));
          return { vma, prev, next: vmaNext(iteratorBehind(mm, vma)) };
        };
        const args = effect(land, (mm) => {
          const { vma, prev, next } = around(mm);
          unmapRegionArgs(mm, vma, prev, next);
        });
        const desc = effect(land, (mm) => {
          const { vma, ...neighbours } = around(mm);
          unmapRegion(unmapState(iteratorBehind(mm, vma), vma, neighbours));
        });
        expect(desc).toEqual(args);
      }),
      RUNS,
    );
  });

  it('sees a field that is wrong', () => {
    using land = new Landscape(PLOTS);
    const right = effect(land, (mm) => unmapRegion(fromB(land, mm)));
    const wrong = effect(land, (mm) => unmapRegion({ ...fromB(land, mm), pgStart: 0 }));
    expect(wrong).not.toEqual(right);
  });
});

describe('S3-24 munmap', () => {
  const kinds = ['zap_range', 'free_pgtables', 'tlb_flush'] as const;

  it('clears what the list of arguments cleared, in the same order', () => {
    fc.assert(
      fc.property(plots, fc.nat(), fc.nat(), (all, a, b) => {
        using land = new Landscape(all);
        const [[start] = [0], [last, count] = [0, 1]] = [
          all[Math.min(a % all.length, b % all.length)],
          all[Math.max(a % all.length, b % all.length)],
        ];
        const desc = land.traced(kinds, () =>
          land.process.munmap(at(start), at(last + count) - at(start)),
        );
        const left = land.process.maps();
        land.again();
        const args = land.traced(kinds, () => munmapArgs(land, start, last + count));
        expect(desc).toEqual(args);
        expect(left.split('\n')).toHaveLength(all.length - gone(all, start, last) + 2);
      }),
      RUNS,
    );
  });

  const gone = (all: readonly Plot[], start: number, last: number): number =>
    all.filter(([page]) => page >= start && page <= last).length;

  /** What a munmap did of old with what it had gathered. Whole VMAs: nothing is split. */
  function munmapArgs(land: Landscape, from: number, to: number): void {
    const mm = land.lock();
    const prev = vmaPrev(vmaIterator(mm, at(from)));
    const next = vmaNext(vmaIterator(mm, at(to)));
    const vms = vmaMunmap(mm, at(from), at(to));
    expect(vmsGatherMunmapVmas(vms)).toBe(0);
    const tlb = tlbGatherMmu(mm);
    unmapVmasArgs(tlb, vms.gathered, { start: at(from), end: at(to) });
    freePgtablesArgs(mm, vms.gathered, {
      start: prev === NULL ? 0 : vmEnd(prev),
      end: next === NULL ? 0 : vmStart(next),
    });
    tlbFinishMmu(tlb);
  }

  /** As a munmap of B and C describes itself. */
  const gathered = (land: Landscape, mm: MmWrite): UnmapDesc => {
    const vms = vmaMunmap(mm, at(4), at(602));
    expect(vmsGatherMunmapVmas(vms)).toBe(0);
    const [first] = vms.gathered;
    if (first === undefined) throw new Error('nothing was gathered');
    return {
      ...fromB(land, mm),
      first,
      mas: { gathered: vms.gathered, index: 1 },
      pgEnd: at(2000),
      vmaStart: at(4),
      vmaEnd: at(602),
      treeEnd: 2,
      treeReset: 1,
      mmWrLocked: false,
    };
  };

  it('is found out when it walks the tree in place of what it gathered', () => {
    using land = new Landscape(PLOTS);
    const right = effect(land, (mm) => unmapRegion(gathered(land, mm)));
    // The numbers of the side list are no addresses: nothing behind the first is found.
    const planted = effect(land, (mm) => {
      const desc = gathered(land, mm);
      unmapRegion({ ...desc, mas: iteratorBehind(mm, desc.first) });
    });
    expect(planted).not.toEqual(right);

    // With addresses, it comes to VMAs that nobody has detached.
    land.again();
    const mm = land.lock();
    const desc = gathered(land, mm);
    const mas = iteratorBehind(mm, desc.first);
    const wrong = { ...desc, mas, treeEnd: TREE_MAX, treeReset: at(6) };
    expect(() => unmapRegion(wrong)).toThrow('detached');
  });
});
