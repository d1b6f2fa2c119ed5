import { describe, expect, it } from 'vitest';
import {
  Canvas,
  expectPicture,
  type Looks,
  PAGE,
  PLAIN,
  placeOf,
  rangeOf,
} from '../../../test/pictures.ts';
import { EINVAL, ENOMEM } from '../arena/errno.ts';
import { word } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { SPECIAL_MAPPING_VM_OPS } from '../file/vm_ops.ts';
import { setSysctl } from '../mm/sysctl.ts';
import { VM_EXEC, VM_MAYBE_GUARD, withFlags } from '../mm/vm_flags.ts';
import { lockVmaUnderRcu } from '../mm/vma_iterator.ts';
import { isWriteLocked, vmaEndRead, vmaStartWrite } from '../mm/vma_lock.ts';
import { setVmOps, vmAnonVma, vmFlags, vmRefcntAt } from '../mm/vma_struct.ts';
import { type SplitSide, splitVma, splitVmaUnchecked, vmaModify, vmaModifyFlags } from './split.ts';

interface SplitCase {
  readonly before: string;
  /** The page where the upper part begins. */
  readonly at: number;
  readonly side: SplitSide;
  readonly after: string;
  readonly looks?: Looks;
}

function splits(test: SplitCase, more: (canvas: Canvas) => void = () => undefined): void {
  using canvas = new Canvas(test.before, test.looks);
  const at = { addr: test.at * PAGE, side: test.side };
  expect(splitVma(canvas.mm, canvas.at(test.at), at)).toBe(0);
  expectPicture(canvas.picture(), test.after);
  more(canvas);
  canvas.verify();
}

const EXEC = withFlags(PLAIN, VM_EXEC);

describe('splitVma', () => {
  it('makes the lower part the new VMA, and moves the offset of the rest', () => {
    splits({ before: '.AAAAA', at: 3, side: 'below', after: '.nnAAA' }, (canvas) => {
      expect(placeOf(canvas.vma('n'))).toEqual([1, 3, 1]);
      expect(placeOf(canvas.vma('A'))).toEqual([3, 6, 3]);
    });
  });

  it('makes the upper part the new VMA', () => {
    splits({ before: '.AAAAA', at: 3, side: 'above', after: '.AAnnn' }, (canvas) => {
      expect(placeOf(canvas.vma('A'))).toEqual([1, 3, 1]);
      expect(placeOf(canvas.vma('n'))).toEqual([3, 6, 3]);
    });
  });

  it.each(['below', 'above'] as const)('S0-11 write-locks both parts, new one %s', (side) => {
    splits({ before: 'AAAA', at: 2, side, after: side === 'below' ? 'nnAA' : 'AAnn' }, (canvas) => {
      for (const page of [1, 2]) {
        expect(isWriteLocked(canvas.mm, canvas.at(page))).toBe(true);
        expect(lockVmaUnderRcu(canvas.mm, page * PAGE)).toBe(null);
      }
      canvas.relock();
      expect(canvas.writeLocked()).toBe('');
    });
  });

  it('links both parts with the anon_vma', () => {
    splits(
      { before: 'AAAA', looks: { A: { anonVma: 'a' } }, at: 1, side: 'above', after: 'Annn' },
      (canvas) => {
        expect(vmAnonVma(canvas.vma('n'))).toBe(canvas.group('a'));
        expect(vmAnonVma(canvas.vma('A'))).toBe(canvas.group('a'));
      },
    );
  });

  it('S4-17 attaches the new part: one reference', () => {
    splits({ before: 'AAAA', at: 1, side: 'above', after: 'Annn' }, (canvas) =>
      expect(word(vmRefcntAt(canvas.vma('n')))).toBe(1),
    );
  });

  it('refuses at vm.max_map_count, and the unchecked form does not', () => {
    using canvas = new Canvas('AAAA.B');
    setSysctl('max_map_count', 2);
    const at = { addr: 2 * PAGE, side: 'above' } as const;
    expect(splitVma(canvas.mm, canvas.vma('A'), at)).toBe(ENOMEM);
    expectPicture(canvas.picture(), 'AAAA.B');
    expect(splitVmaUnchecked(canvas.mm, canvas.vma('A'), at)).toBe(0);
    expectPicture(canvas.picture(), 'AAnn.B');
  });

  it('refuses to cut a special mapping, and changes nothing', () => {
    using canvas = new Canvas('AAAA');
    setVmOps(vmaStartWrite(canvas.mm, canvas.vma('A')), SPECIAL_MAPPING_VM_OPS);
    expect(splitVma(canvas.mm, canvas.vma('A'), { addr: PAGE, side: 'below' })).toBe(EINVAL);
    expectPicture(canvas.picture(), 'AAAA');
    canvas.verify();
  });

  const caches = ['vm_area_struct', 'maple_node', 'anon_vma_chain'];
  it.each(caches)('X-4 leaves everything as it was without a %s', (cache) => {
    using canvas = new Canvas('AAAA', { A: { anonVma: 'a' } });
    canvas.machine.failAllocations(cache, 0, -1);
    const result = splitVma(canvas.mm, canvas.vma('A'), { addr: PAGE, side: 'below' });
    canvas.machine.failAllocations(cache, 0, 0);
    expect(result).toBe(ENOMEM);
    expectPicture(canvas.picture(), 'AAAA');
    expect(vmAnonVma(canvas.vma('A'))).toBe(canvas.group('a'));
    canvas.verify();
  });

  it('waits for nobody when a reader has left', () => {
    using canvas = new Canvas('AAAA');
    const reader = lockVmaUnderRcu(canvas.mm, 0);
    expect(reader).toBe(canvas.vma('A'));
    if (reader !== null) vmaEndRead(reader);
    expect(splitVma(canvas.mm, canvas.vma('A'), { addr: PAGE, side: 'below' })).toBe(0);
    canvas.verify();
  });
});

describe('vmaModify', () => {
  it('X-20 simple_modify: cuts the range out, and returns the VMA it was', () => {
    using canvas = new Canvas('AAA');
    const modified = vmaModify(canvas.modify('A', rangeOf('.*.'), EXEC));
    expect(modified).toBe(canvas.at(1));
    expectPicture(canvas.picture(), 'nAo');
    expect(placeOf(canvas.at(0))).toEqual([0, 1, 0]);
    expect(placeOf(canvas.at(1))).toEqual([1, 2, 1]);
    expect(placeOf(canvas.at(2))).toEqual([2, 3, 2]);
    expect(vmFlags(canvas.at(1))).toBe(PLAIN); // the flags are the caller's to set
    expect(canvas.writeLocked()).toBe('nAo');
    canvas.verify();
  });

  it('merges with a neighbour that has the new flags, in place of a split', () => {
    using canvas = new Canvas('AAABB', { B: { flags: EXEC } });
    vmaModifyFlags(canvas.modify('A', rangeOf('.**')), EXEC);
    expectPicture(canvas.picture(), 'ABBBB');
  });

  it('A.2 the first split stays when the second one meets the limit', () => {
    using canvas = new Canvas('AAA');
    setSysctl('max_map_count', 2);
    expect(vmaModify(canvas.modify('A', rangeOf('.*.'), EXEC))).toBe(ENOMEM);
    expectPicture(canvas.picture(), 'nAA');
    canvas.verify();
  });

  it('keeps what is sticky when it sets new flags', () => {
    using canvas = new Canvas('AA', { A: { flags: withFlags(PLAIN, VM_MAYBE_GUARD) } });
    vmaModifyFlags(canvas.modify('A', rangeOf('**')), EXEC);
    expect(vmFlags(canvas.vma('A'))).toBe(withFlags(EXEC, VM_MAYBE_GUARD));
  });

  it('reports nomem of the merge, and does not split instead', () => {
    using canvas = new Canvas('AAB', { B: { flags: EXEC } });
    canvas.machine.failAllocations('maple_node', 0, -1);
    expect(vmaModify(canvas.modify('A', rangeOf('.*'), EXEC))).toBe(ENOMEM);
    canvas.machine.failAllocations('maple_node', 0, 0);
    expectPicture(canvas.picture(), 'AAB');
    expect(canvas.mapCount).toBe(2);
    expect(vmAnonVma(canvas.vma('B'))).toBe(NULL);
  });
});
