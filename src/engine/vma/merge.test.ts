import { describe, expect, it } from 'vitest';
import {
  Canvas,
  expectPicture,
  type Look,
  type Looks,
  PAGE,
  PLAIN,
  placeOf,
  rangeOf,
  taskOf,
} from '../../../test/pictures.ts';
import { NULL } from '../arena/ref.ts';
import { hasFlag } from '../mm/vm_flags.ts';
import {
  commonFlags,
  flagsOf,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_IO,
  VM_MAYBE_GUARD,
  VM_MIXEDMAP,
  VM_NONE,
  VM_PFNMAP,
  VM_SEALED,
  VM_SPECIAL,
  VM_STICKY,
  type VmFlags,
  withFlags,
} from '../mm/vm_flags.ts';
import { vmAnonVma, vmFlags, vmOps } from '../mm/vma_struct.ts';
import { SHM_VM_OPS } from '../file/vm_ops.ts';
import {
  REFUSED_ANON_NAME,
  REFUSED_ANON_VMA,
  REFUSED_BOTH_ANON_VMA,
  REFUSED_CLOSE,
  REFUSED_FILE,
  REFUSED_FLAGS,
  REFUSED_FORK_CHILD,
  REFUSED_INSIDE,
  REFUSED_NO_NEIGHBOUR,
  REFUSED_PGOFF,
  REFUSED_POLICY,
  REFUSED_SPECIAL,
  REFUSED_UFFD,
} from '../trace/verdict.ts';
import { Machine } from '../../machine.ts';
import { copyVma, vmaMergeExtend } from './copy.ts';
import { mmapRegion } from './map.ts';
import { vmaMergeExistingRange, vmaMergeNewRange } from './merge.ts';
import { vmaStartWrite } from '../mm/vma_lock.ts';
import { setCurrent } from '../mm/task_struct.ts';

interface NewRangeCase extends Look {
  readonly before: string;
  readonly after: string;
  readonly looks?: Looks;
  /** Letters that are write-locked afterwards, in address order. */
  readonly locked: string;
}

/** Merges the `*` of `before` as a new range, and hands on the canvas for more questions. */
function mergesNew(test: NewRangeCase, more: (canvas: Canvas) => void = () => undefined): void {
  using canvas = new Canvas(test.before, test.looks);
  const range = rangeOf(test.before);
  const merged = vmaMergeNewRange(canvas.newRange(range, test));
  if (merged !== NULL) canvas.account(range);
  expectPicture(canvas.picture(), test.after);
  expect(canvas.writeLocked()).toBe(test.locked);
  more(canvas);
  canvas.relock();
  canvas.verify();
}

interface ModifyCase {
  readonly before: string;
  /** `*` over the part of `of` that is modified. */
  readonly range: string;
  readonly of: string;
  readonly flags?: VmFlags;
  readonly after: string;
  readonly looks?: Looks;
  readonly locked: string;
}

/** Merges a part of a VMA that is modified. What it becomes is the neighbours' look. */
function mergesExisting(test: ModifyCase, more: (canvas: Canvas) => void = () => undefined): void {
  using canvas = new Canvas(test.before, test.looks);
  vmaMergeExistingRange(canvas.modify(test.of, rangeOf(test.range), test.flags ?? PLAIN));
  expectPicture(canvas.picture(), test.after);
  expect(canvas.writeLocked()).toBe(test.locked);
  more(canvas);
  canvas.relock();
  canvas.verify();
}

describe('vmaMergeNewRange', () => {
  it('X-20 simple_merge: fills the hole between two neighbours and makes the three one', () => {
    const test = { before: 'A*B', after: 'AAA', locked: 'A' };
    mergesNew(test, (canvas) => {
      expect(placeOf(canvas.vma('A'))).toEqual([0, 3, 0]);
      expect(vmFlags(canvas.vma('A'))).toBe(PLAIN);
    });
  });

  it('grows the previous VMA when only it is compatible', () => {
    mergesNew({ before: 'AA**..', after: 'AAAA..', locked: 'A' });
  });

  it('grows the next VMA downwards when only it is compatible', () => {
    const test = { before: '..**BB', after: '..BBBB', locked: 'B' };
    mergesNew(test, (canvas) => expect(placeOf(canvas.vma('B'))).toEqual([2, 6, 2]));
  });

  it('changes nothing where there is no neighbour', () => {
    mergesNew({ before: 'A.**.B', after: 'A....B', locked: '' });
  });

  it('is never called for an address twice: a merge is described anew each time', () => {
    using canvas = new Canvas('A*');
    const vmg = canvas.newRange(rangeOf('.*'));
    vmaMergeNewRange(vmg);
    canvas.account(rangeOf('.*'));
    expect(() => vmaMergeNewRange(vmg)).toThrow('a merge is described anew each time');
  });
});

const STICKY_SETS = [VM_NONE, VM_STICKY] as const;

describe('X-20 merge_new: the seven steps of the kernel, for every permutation of sticky flags', () => {
  const permutations = STICKY_SETS.flatMap((isSticky) =>
    STICKY_SETS.flatMap((aSticky) =>
      STICKY_SETS.flatMap((bSticky) =>
        STICKY_SETS.map((cSticky) => ({ isSticky, aSticky, bSticky, cSticky })),
      ),
    ),
  );

  it.each(permutations)(
    'X-20 merge_new: new $isSticky, A $aSticky, B $bSticky, C $cSticky',
    (sticky) => {
      using canvas = new Canvas('AA.B.......C', {
        A: { flags: withFlags(PLAIN, sticky.aSticky), hasClose: true },
        B: { flags: withFlags(PLAIN, sticky.bSticky), anonVma: 'b' },
        C: { flags: withFlags(PLAIN, sticky.cSticky), anonVma: 'b' },
      });
      const flags = withFlags(PLAIN, sticky.isSticky);
      const counts: number[] = [];
      let survivor = '';

      /** One step: a new range that must merge. */
      function merge(range: string, after: string): void {
        canvas.relock();
        const vmg = canvas.newRange(rangeOf(range), { flags });
        const merged = vmaMergeNewRange(vmg);
        expect(merged).not.toBe(NULL);
        expect(vmg.state).toBe('success');
        canvas.account(rangeOf(range));
        expectPicture(canvas.picture(), after);
        counts.push(canvas.mapCount);
        survivor = canvas.writeLocked();
        canvas.verify();
      }

      // Nothing to merge with: D becomes a VMA of its own.
      const refused = canvas.newRange(rangeOf('.......**'), { flags });
      expect(vmaMergeNewRange(refused)).toBe(NULL);
      expect(refused.state).toBe('nomerge');
      canvas.insert(rangeOf('.......**'), { flags });
      expectPicture(canvas.picture(), 'AA.B...nn..C');
      counts.push(canvas.mapCount);

      merge('..*', 'AAAA...nn..C');
      expect(survivor).toBe('A');
      expect(vmAnonVma(canvas.vma('A'))).toBe(canvas.group('b'));

      merge('....*', 'AAAAA..nn..C');
      expect(placeOf(canvas.vma('A'))).toEqual([0, 5, 0]);

      merge('......*', 'AAAAA.nnn..C');
      expect(placeOf(canvas.vma('n'))).toEqual([6, 9, 6]);
      expect(survivor).toBe('n');

      merge('.....*', 'AAAAAAAAA..C');
      expect(survivor).toBe('A');

      merge('..........*', 'AAAAAAAAA.CC');
      expect(placeOf(canvas.vma('C'))).toEqual([10, 12, 10]);
      expect(survivor).toBe('C');

      merge('.........*', 'AAAAAAAAAAAA');
      expect(placeOf(canvas.vma('A'))).toEqual([0, 12, 0]);
      expect(vmAnonVma(canvas.vma('A'))).toBe(canvas.group('b'));
      expect(counts).toEqual([4, 3, 3, 3, 2, 2, 1]);

      const union = [sticky.isSticky, sticky.aSticky, sticky.bSticky, sticky.cSticky].reduce(
        withFlags,
      );
      expect(vmFlags(canvas.vma('A'))).toBe(withFlags(PLAIN, union));
    },
  );
});

const SPECIAL_BITS = { VM_IO, VM_DONTEXPAND, VM_PFNMAP, VM_MIXEDMAP };

describe('X-20 vma_merge_special_flags', () => {
  it('X-20 vma_merge_special_flags: VM_SPECIAL is exactly these four', () => {
    expect(VM_SPECIAL).toBe(flagsOf(...Object.values(SPECIAL_BITS)));
  });

  it.each(Object.entries(SPECIAL_BITS))(
    'X-20 vma_merge_special_flags: %s alone forbids a merge',
    (_name, bit) => {
      const flags = withFlags(PLAIN, bit);
      using canvas = new Canvas('AAA*', { A: { flags } });
      const fresh = canvas.newRange(rangeOf('...*'), { flags });
      expect(vmaMergeNewRange(fresh)).toBe(NULL);
      expect(fresh.state).toBe('nomerge');
      expect(canvas.verdict().refusedLeft).toBe(REFUSED_SPECIAL);

      canvas.insert(rangeOf('...*'), { flags });
      canvas.picture();
      const change = canvas.modify('n', rangeOf('...*'), flags);
      expect(vmaMergeExistingRange(change)).toBe(NULL);
      expect(change.state).toBe('nomerge');
      expectPicture(canvas.picture(), 'AAAn');
      canvas.verify();
    },
  );
});

describe('X-20 vma_merge_with_close: a merge never removes a VMA whose driver has a close hook', () => {
  const closing = { hasClose: true };

  it('X-20 vma_merge_with_close: (1) only prev grows when next, which would go, has the hook', () => {
    const test = { before: 'PP**NN', looks: { N: closing }, after: 'PPPPNN', locked: 'P' };
    mergesNew(test, (canvas) => expect(canvas.verdict().refusedRight).toBe(REFUSED_CLOSE));
  });

  it('X-20 vma_merge_with_close: (2) a whole VMA with the hook does not go into prev', () => {
    const test = { before: 'PPVV', range: '..**', of: 'V', looks: { V: closing } };
    mergesExisting({ ...test, after: 'PPVV', locked: '' }, (canvas) =>
      expect(canvas.verdict().refusedLeft).toBe(REFUSED_CLOSE),
    );
  });

  it('X-20 vma_merge_with_close: (3) a whole VMA with the hook does not go into next', () => {
    const test = { before: 'VVNN', range: '**..', of: 'V', looks: { V: closing } };
    mergesExisting({ ...test, after: 'VVNN', locked: '' });
  });

  it('X-20 vma_merge_with_close: (4) nor between two that would take it', () => {
    const test = { before: 'PPVVNN', range: '..**..', of: 'V', looks: { V: closing } };
    mergesExisting({ ...test, after: 'PPVVNN', locked: '' });
  });

  it('X-20 vma_merge_with_close: (5) prev takes the middle and leaves a next with the hook', () => {
    const test = { before: 'PPVVNN', range: '..**..', of: 'V', looks: { N: closing } };
    mergesExisting({ ...test, after: 'PPPPNN', locked: 'P' }, (canvas) =>
      expect(canvas.verdict().refusedRight).toBe(REFUSED_CLOSE),
    );
  });

  it('X-20 vma_merge_new_with_close: both neighbours have the hook: prev grows and keeps its ops', () => {
    const looks = { P: closing, N: closing };
    mergesNew({ before: 'PP***NN', looks, after: 'PPPPPNN', locked: 'P' }, (canvas) => {
      expect(vmOps(canvas.vma('P'))).toBe(SHM_VM_OPS);
      expect(canvas.mapCount).toBe(2);
    });
  });
});

const OTHER = withFlags(PLAIN, VM_EXEC);

describe('X-20 merge_existing', () => {
  // The part of V that is modified takes its neighbours' flags; a survivor's hook is nothing.
  const hooks = [false, true].flatMap((first) =>
    [false, true].map((second) => [first, second] as const),
  );

  it.each(hooks)('X-20 merge_existing: right partial, hooks %s and %s', (vHook, nHook) => {
    const looks = { V: { flags: OTHER, anonVma: 'v', hasClose: vHook }, N: { hasClose: nHook } };
    const test = {
      before: '..VVVVNNN',
      range: '...***',
      of: 'V',
      after: '..VNNNNNN',
      locked: 'VN',
    };
    mergesExisting({ ...test, looks }, (canvas) => {
      expect(placeOf(canvas.vma('N'))).toEqual([3, 9, 3]);
      expect(placeOf(canvas.vma('V'))).toEqual([2, 3, 2]);
      expect(vmAnonVma(canvas.vma('N'))).toBe(canvas.group('v'));
      account(canvas, 3);
    });
  });

  it.each([false, true])('X-20 merge_existing: right full, hook of next %s', (hasClose) => {
    const looks = { V: { flags: OTHER, anonVma: 'v' }, N: { hasClose } };
    const test = { before: '..VVVVNNN', range: '..****', of: 'V', after: '..NNNNNNN', locked: 'N' };
    mergesExisting({ ...test, looks }, (canvas) => {
      expect(placeOf(canvas.vma('N'))).toEqual([2, 9, 2]);
      expect(vmAnonVma(canvas.vma('N'))).toBe(canvas.group('v'));
      expect(canvas.mapCount).toBe(1);
      account(canvas, 4);
    });
  });

  it.each(hooks)('X-20 merge_existing: left partial, hooks %s and %s', (pHook, vHook) => {
    const looks = { P: { hasClose: pHook }, V: { flags: OTHER, anonVma: 'v', hasClose: vHook } };
    const test = { before: 'PPPVVVV', range: '...***', of: 'V', after: 'PPPPPPV', locked: 'PV' };
    mergesExisting({ ...test, looks }, (canvas) => {
      expect(placeOf(canvas.vma('P'))).toEqual([0, 6, 0]);
      expect(placeOf(canvas.vma('V'))).toEqual([6, 7, 6]);
      expect(vmAnonVma(canvas.vma('P'))).toBe(canvas.group('v'));
      account(canvas, 3);
    });
  });

  it.each([false, true])('X-20 merge_existing: left full, hook of prev %s', (hasClose) => {
    const looks = { P: { hasClose }, V: { flags: OTHER, anonVma: 'v' } };
    const test = { before: 'PPPVVVV', range: '...****', of: 'V', after: 'PPPPPPP', locked: 'P' };
    mergesExisting({ ...test, looks }, (canvas) => {
      expect(placeOf(canvas.vma('P'))).toEqual([0, 7, 0]);
      expect(vmAnonVma(canvas.vma('P'))).toBe(canvas.group('v'));
      account(canvas, 4);
    });
  });

  it.each([false, true])('X-20 merge_existing: both, hook of prev %s', (hasClose) => {
    const looks = { P: { hasClose }, V: { flags: OTHER, anonVma: 'v' } };
    const test = {
      before: 'PPPVVVVNN',
      range: '...****',
      of: 'V',
      after: 'PPPPPPPPP',
      locked: 'P',
    };
    mergesExisting({ ...test, looks }, (canvas) => {
      expect(placeOf(canvas.vma('P'))).toEqual([0, 9, 0]);
      expect(vmAnonVma(canvas.vma('P'))).toBe(canvas.group('v'));
      expect(canvas.mapCount).toBe(1);
      account(canvas, 4);
    });
  });

  const inside = ['....*', '....**', '....***', '....****', '.....*', '.....***'];
  it.each(inside)('X-20 merge_existing: never %s, strictly inside', (range) => {
    const looks = { V: { flags: OTHER } };
    const test = { before: 'PPPVVVVVVNN', range, of: 'V', after: 'PPPVVVVVVNN', locked: '' };
    mergesExisting({ ...test, looks }, (canvas) => {
      expect(canvas.verdict()).toMatchObject({
        refusedLeft: REFUSED_INSIDE,
        refusedRight: REFUSED_INSIDE,
      });
    });
  });

  it('X-20 merge_existing: every sticky permutation merges to one VMA with the union', () => {
    for (const p of STICKY_SETS) {
      for (const v of STICKY_SETS) {
        for (const n of STICKY_SETS) {
          using canvas = new Canvas('PPVVNN', {
            P: { flags: withFlags(PLAIN, p) },
            V: { flags: withFlags(OTHER, v) },
            N: { flags: withFlags(PLAIN, n) },
          });
          const vmg = canvas.modify('V', rangeOf('..**..'), withFlags(PLAIN, v));
          vmaMergeExistingRange(vmg);
          account(canvas, 2);
          expectPicture(canvas.picture(), 'PPPPPP');
          expect(vmFlags(canvas.vma('P'))).toBe(withFlags(PLAIN, withFlags(p, withFlags(v, n))));
          canvas.relock();
          canvas.verify();
        }
      }
    }
  });
});

/** Pages that were OTHER are PLAIN now: what the caller of a modification accounts for. */
function account(canvas: Canvas, pages: number): void {
  canvas.account({ start: 0, end: -pages * PAGE }, OTHER);
  canvas.account({ start: 0, end: pages * PAGE }, PLAIN);
}

describe('X-20 anon_vma_non_mergeable: prev and next with different anon_vmas', () => {
  const looks = { P: { anonVma: 'p' }, N: { anonVma: 'n' } };

  it('X-20 anon_vma_non_mergeable: a modified middle goes left, and next is not even write-locked', () => {
    const test = { before: 'PPPVVVVNN', range: '...****', of: 'V', looks: { ...looks, V: {} } };
    mergesExisting({ ...test, after: 'PPPPPPPNN', locked: 'P' }, (canvas) => {
      expect(canvas.verdict().refusedRight).toBe(REFUSED_BOTH_ANON_VMA);
      expect(vmAnonVma(canvas.vma('N'))).toBe(canvas.group('n'));
    });
  });

  it('X-20 anon_vma_non_mergeable: a new range goes left, and next is not even write-locked', () => {
    mergesNew({ before: 'PPP****NN', looks, after: 'PPPPPPPNN', locked: 'P' }, (canvas) => {
      expect(canvas.verdict().refusedRight).toBe(REFUSED_BOTH_ANON_VMA);
    });
  });
});

describe('X-20 dup_anon_vma: a survivor without an anon_vma takes it', () => {
  const prevHas = (canvas: Canvas, group: string): void =>
    expect(vmAnonVma(canvas.vma('P'))).toBe(canvas.group(group));

  it('X-20 dup_anon_vma: from next, which is removed', () => {
    const test = {
      before: 'PPP**NN',
      looks: { N: { anonVma: 'n' } },
      after: 'PPPPPPP',
      locked: 'P',
    };
    mergesNew(test, (canvas) => prevHas(canvas, 'n'));
  });

  it('X-20 dup_anon_vma: from next, in a merge of three', () => {
    const looks = { N: { anonVma: 'n' } };
    const test = {
      before: 'PPPVVNNN',
      range: '...**',
      of: 'V',
      looks,
      after: 'PPPPPPPP',
      locked: 'P',
    };
    mergesExisting(test, (canvas) => prevHas(canvas, 'n'));
  });

  it('X-20 dup_anon_vma: from the middle, in a merge of three', () => {
    const looks = { V: { anonVma: 'v' } };
    const test = {
      before: 'PPPVVNNN',
      range: '...**',
      of: 'V',
      looks,
      after: 'PPPPPPPP',
      locked: 'P',
    };
    mergesExisting(test, (canvas) => prevHas(canvas, 'v'));
  });

  it('X-20 dup_anon_vma: from a middle that prev takes a part of', () => {
    const looks = { V: { anonVma: 'v' } };
    const test = {
      before: 'PPPVVVVV',
      range: '...**',
      of: 'V',
      looks,
      after: 'PPPPPVVV',
      locked: 'PV',
    };
    mergesExisting(test, (canvas) => prevHas(canvas, 'v'));
  });

  it('X-20 dup_anon_vma: from a middle that next takes a part of', () => {
    const looks = { V: { anonVma: 'v' } };
    const test = { before: 'VVVNNN', range: '.**', of: 'V', looks, after: 'VNNNNN', locked: 'VN' };
    mergesExisting(test, (canvas) => expect(vmAnonVma(canvas.vma('N'))).toBe(canvas.group('v')));
  });
});

describe('X-20 vmi_prealloc_fail: no node for the store', () => {
  it('X-20 vmi_prealloc_fail: a modification takes its clone of the anon_vma back', () => {
    using canvas = new Canvas('PPPVV', { V: { anonVma: 'v' } });
    canvas.machine.failAllocations('maple_node', 0, -1);
    const vmg = canvas.modify('V', rangeOf('...**'));
    expect(vmaMergeExistingRange(vmg)).toBe(NULL);
    canvas.machine.failAllocations('maple_node', 0, 0);
    expect(vmg.state).toBe('nomem');
    expect(vmAnonVma(canvas.vma('P'))).toBe(NULL);
    expect(vmAnonVma(canvas.vma('V'))).toBe(canvas.group('v'));
    expectPicture(canvas.picture(), 'PPPVV');
    canvas.verify();
  });

  it('X-20 vmi_prealloc_fail: so does an expansion over next', () => {
    using canvas = new Canvas('PPP**NN', { N: { anonVma: 'n' } });
    canvas.machine.failAllocations('maple_node', 0, -1);
    const vmg = canvas.newRange(rangeOf('...**'));
    expect(vmaMergeNewRange(vmg)).toBe(NULL);
    canvas.machine.failAllocations('maple_node', 0, 0);
    expect(vmg.state).toBe('nomem');
    expect(vmAnonVma(canvas.vma('P'))).toBe(NULL);
    expectPicture(canvas.picture(), 'PPP..NN');
    canvas.verify();
  });

  it('X-20 vmi_prealloc_fail: and no chain link for the clone is nomem as well', () => {
    using canvas = new Canvas('PPP**NN', { N: { anonVma: 'n' } });
    canvas.machine.failAllocations('anon_vma_chain', 0, -1);
    const vmg = canvas.newRange(rangeOf('...**'));
    expect(vmaMergeNewRange(vmg)).toBe(NULL);
    canvas.machine.failAllocations('anon_vma_chain', 0, 0);
    expect(vmg.state).toBe('nomem');
    expect(vmAnonVma(canvas.vma('P'))).toBe(NULL);
    canvas.verify();
  });
});

describe('vmaMergeExtend', () => {
  it('X-20 merge_extend: lengthens by two pages and swallows what comes after', () => {
    using canvas = new Canvas('A..B');
    expect(vmaMergeExtend(canvas.mm, canvas.vma('A'), 2 * PAGE)).toBe(canvas.vma('A'));
    canvas.account(rangeOf('.**.'));
    expectPicture(canvas.picture(), 'AAAA');
    expect(placeOf(canvas.vma('A'))).toEqual([0, 4, 0]);
    expect(canvas.mapCount).toBe(1);
    expect(canvas.writeLocked()).toBe('A');
    canvas.verify();
  });
});

describe('copyVma', () => {
  it('X-20 copy_vma: a copy with a gap around it is a new, attached VMA', () => {
    using canvas = new Canvas('.....AA', { A: { anonVma: 'a' } });
    const source = vmaStartWrite(canvas.mm, canvas.vma('A'));
    const copy = copyVma(canvas.mm, { source, range: rangeOf('**'), pgoff: 5 });
    canvas.account(rangeOf('**'));
    if (typeof copy === 'number') throw new Error('no copy');
    expectPicture(canvas.picture(), 'nn...AA');
    expect(copy).toMatchObject({ vma: canvas.vma('n'), source });
    expect(placeOf(copy.vma)).toEqual([0, 2, 5]);
    expect(vmAnonVma(copy.vma)).toBe(canvas.group('a'));
    expect(canvas.writeLocked()).toBe('nA');
    canvas.verify();
  });

  it('X-20 copy_vma: memory that was never written takes the pgoff of its new place', () => {
    using canvas = new Canvas('.....AA');
    const source = vmaStartWrite(canvas.mm, canvas.vma('A'));
    copyVma(canvas.mm, { source, range: rangeOf('**'), pgoff: 5 });
    canvas.account(rangeOf('**'));
    expect(placeOf(canvas.at(0))).toEqual([0, 2, 0]);
    canvas.verify();
  });

  it('X-20 copy_vma: beside a compatible VMA the copy is that VMA', () => {
    using canvas = new Canvas('AA...BB');
    const source = vmaStartWrite(canvas.mm, canvas.vma('A'));
    const copy = copyVma(canvas.mm, { source, range: rangeOf('....*'), pgoff: 4 });
    canvas.account(rangeOf('....*'));
    if (typeof copy === 'number') throw new Error('no copy');
    expect(copy.vma).toBe(canvas.vma('B'));
    expectPicture(canvas.picture(), 'AA..BBB');
    canvas.verify();
  });
});

describe('X-20 expand_only_mode', () => {
  it('X-20 expand_only_mode: brk extends what is on its left and looks no further', () => {
    using canvas = new Canvas('....PPPPP**NN');
    const vmg = canvas.newRange(rangeOf('.........**'));
    vmg.justExpand = true;
    expect(vmaMergeNewRange(vmg)).toBe(canvas.vma('P'));
    canvas.account(rangeOf('.........**'));
    expectPicture(canvas.picture(), '....PPPPPPPNN');
    expect(canvas.writeLocked()).toBe('P');
    expect(placeOf(canvas.vma('P'))).toEqual([4, 11, 4]);
    canvas.verify();
  });
});

describe('X-20 mmap_region_basic', () => {
  it('X-20 mmap_region_basic: four mappings of three pages end as two VMAs', () => {
    using canvas = new Canvas('');
    setCurrent(taskOf(canvas.process));
    for (const start of [0x300000, 0x250000, 0x303000, 0x24d000]) {
      canvas.relock();
      const end = start + 0x3000;
      const request = {
        mm: canvas.mm,
        start,
        end,
        pgoff: start / PAGE,
        flags: PLAIN,
        file: NULL,
      } as const;
      expect(mmapRegion(request)).toBe(0);
      canvas.verify();
    }
    canvas.relock();
    expect(canvas.mapCount).toBe(2);
    expect(placeOf(canvas.at(0x300))).toEqual([0x300, 0x306, 0x300]);
    expect(placeOf(canvas.at(0x24d))).toEqual([0x24d, 0x253, 0x24d]);
  });
});

describe('X-21: one test a rule, and the bit that a refusal leaves', () => {
  const rules: readonly [name: string, before: Looks, range: Look, bit: number][] = [
    ['flags differ', { A: { flags: OTHER }, B: { flags: OTHER } }, {}, REFUSED_FLAGS],
    ['a flag above bit 32 differs', high(VM_SEALED), {}, REFUSED_FLAGS],
    ['the policy differs', {}, { policy: 3 }, REFUSED_POLICY],
    ['the userfaultfd differs', {}, { uffdCtx: 7 }, REFUSED_UFFD],
    ['the name differs', { A: { name: 'x' }, B: { name: 'x' } }, { name: 'y' }, REFUSED_ANON_NAME],
    ['one has a name', {}, { name: 'y' }, REFUSED_ANON_NAME],
    ['the offsets do not continue', { A: { pgoff: 9 }, B: { pgoff: 1 } }, {}, REFUSED_PGOFF],
    ['the neighbour was inherited by a fork', forked(), {}, REFUSED_FORK_CHILD],
  ];

  it.each(rules)('X-21 %s: neither side merges', (_name, looks, range, bit) => {
    mergesNew({ before: 'A*B', looks, ...range, after: 'A.B', locked: '' }, (canvas) => {
      expect(canvas.verdict()).toMatchObject({ refusedLeft: bit, refusedRight: bit });
    });
  });

  it('X-21 the same name, by content, merges', () => {
    const looks = { A: { name: 'x' }, B: { name: 'x' } };
    mergesNew({ before: 'A*B', looks, name: 'x', after: 'AAA', locked: 'A' });
  });

  it('X-21 no neighbour touches the range', () => {
    mergesNew({ before: 'A.*.B', after: 'A...B', locked: '' }, (canvas) => {
      const bits = { refusedLeft: REFUSED_NO_NEIGHBOUR, refusedRight: REFUSED_NO_NEIGHBOUR };
      expect(canvas.verdict()).toMatchObject(bits);
    });
  });

  it('X-21 another opening of a file does not merge, the same one does', () => {
    const machine = Machine.create({ bytes: 16 * 2 ** 20 });
    const fd = machine.open({ kind: 'regular', path: '/f', size: 1 << 20 });
    const again = machine.reopen(fd);
    using canvas = new Canvas('A*B', { A: { fd }, B: { fd: again } }, machine);
    expect(vmaMergeNewRange(canvas.newRange(rangeOf('.*'), { fd }))).toBe(canvas.vma('A'));
    canvas.account(rangeOf('.*'));
    expectPicture(canvas.picture(), 'AAB');
    expect(canvas.verdict()).toMatchObject({ refusedLeft: 0, refusedRight: REFUSED_FILE });
    canvas.relock();
    canvas.verify();
  });

  it('X-21 a middle with another anon_vma than both neighbours stays', () => {
    const looks = { P: { anonVma: 'p' }, V: { anonVma: 'v', flags: OTHER }, N: { anonVma: 'n' } };
    const test = { before: 'PPVVNN', range: '..**..', of: 'V', after: 'PPVVNN', locked: '' };
    mergesExisting({ ...test, looks }, (canvas) => {
      const bits = { refusedLeft: REFUSED_ANON_VMA, refusedRight: REFUSED_ANON_VMA };
      expect(canvas.verdict()).toMatchObject(bits);
    });
  });

  it('X-21 one anon_vma on both sides of a new range is no obstacle', () => {
    const looks = { A: { anonVma: 'a' }, B: { anonVma: 'a' } };
    mergesNew({ before: 'A*B', looks, after: 'AAA', locked: 'A' });
  });

  it('X-21 a middle that was inherited by a fork does not hand its chain to an unfaulted neighbour', () => {
    const looks = { P: {}, V: { forkedFrom: 'v', flags: OTHER } };
    const test = { before: 'PPVV', range: '..**', of: 'V', after: 'PPVV', locked: '' };
    mergesExisting({ ...test, looks }, (canvas) => {
      expect(canvas.verdict().refusedLeft).toBe(REFUSED_FORK_CHILD);
    });
  });

  it('X-21 every VMA that a merge touches is write-locked, and an untouched next is not', () => {
    mergesNew({ before: 'AA**BB', looks: { B: { flags: OTHER } }, after: 'AAAABB', locked: 'A' });
  });

  it('X-21 NOMERGE and ERROR_NOMEM are told apart', () => {
    using canvas = new Canvas('A*');
    canvas.machine.failAllocations('maple_node', 0, -1);
    const nomem = canvas.newRange(rangeOf('.*'));
    const nomerge = canvas.newRange(rangeOf('.*'), { flags: OTHER });
    vmaMergeNewRange(nomem);
    vmaMergeNewRange(nomerge);
    canvas.machine.failAllocations('maple_node', 0, 0);
    expect([nomem.state, nomerge.state]).toEqual(['nomem', 'nomerge']);
  });

  it('X-21 sticky flags differ and do not stop a merge', () => {
    const looks = { A: { flags: withFlags(PLAIN, VM_MAYBE_GUARD) } };
    mergesNew({ before: 'A*B', looks, after: 'AAA', locked: 'A' }, (canvas) => {
      expect(hasFlag(vmFlags(canvas.vma('A')), VM_MAYBE_GUARD)).toBe(true);
      expect(commonFlags(vmFlags(canvas.vma('A')), VM_STICKY)).toBe(VM_MAYBE_GUARD);
    });
  });
});

function high(bit: VmFlags): Looks {
  const look = { flags: withFlags(PLAIN, bit) };
  return { A: look, B: look };
}

function forked(): Looks {
  return { A: { forkedFrom: 'a' }, B: { forkedFrom: 'a' } };
}
