import { describe, expect, it } from 'vitest';
import {
  Canvas,
  expectPicture,
  type Looks,
  PAGE,
  PLAIN,
  placeOf,
  rangeOf,
  windowPicture,
} from '../../../test/pictures.ts';
import { traced } from '../../../test/traced.ts';
import { EINVAL, ENOMEM, EPERM } from '../arena/errno.ts';
import { mmDataVm, mmExecVm, mmLockedVm, mmStackVm, mmTotalVm } from '../mm/mm_struct.ts';
import { setSysctl } from '../mm/sysctl.ts';
import { lockVmaUnderRcu, vmaLookup } from '../mm/vma_iterator.ts';
import { isVmaDetached } from '../mm/vma_lock.ts';
import {
  VM_ACCOUNT,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_READ,
  VM_SEALED,
  flagsOf,
  withFlags,
} from '../mm/vm_flags.ts';
import {
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  RLIMIT_AS,
  type Process,
  type Protocol,
  type TraceRecord,
} from '../../index.ts';
import {
  doMunmap,
  vmaMunmap,
  vmsCompleteMunmapVmas,
  vmsFree,
  vmsGatherMunmapVmas,
  vmsReattach,
} from './munmap.ts';
import { vmaIterator, vmaIterClear } from '../mm/vma_iterator.ts';

interface UnmapCase {
  readonly before: string;
  readonly unmap: string;
  readonly after: string;
  readonly looks?: Looks;
}

function unmaps(test: UnmapCase): void {
  using canvas = new Canvas(test.before, test.looks);
  expect(doMunmap(canvas.mm, rangeOf(test.unmap), 'keep')).toBe(0);
  expectPicture(canvas.picture(), test.after);
  canvas.verify();
  for (let page = 0; page < test.after.length; page++) {
    const vma = canvas.at(page);
    if (vma === 0) continue;
    const [start, , pgoff] = placeOf(vma);
    expect(pgoff - start, 'offsets stay where they were').toBe(0);
  }
}

describe('doMunmap', () => {
  const cases: readonly (readonly [name: string, unmap: UnmapCase])[] = [
    ['the middle of a VMA', { before: 'AAAAA', unmap: '.**', after: 'n..oo' }],
    ['the head', { before: 'AAAAA', unmap: '**', after: '..nnn' }],
    ['the tail', { before: 'AAAAA', unmap: '...**', after: 'nnn..' }],
    ['a whole VMA', { before: 'AABBCC', unmap: '..**', after: 'AA..CC' }],
    ['across three', { before: 'AAABBCCC', unmap: '..****', after: 'nn....oo' }],
    ['holes', { before: 'AA..BB..CC', unmap: '.********', after: 'n........o' }],
    ['nothing', { before: 'AA...BB', unmap: '..***', after: 'AA...BB' }],
    ['beyond everything', { before: 'AA....', unmap: '...**', after: 'AA....' }],
  ];

  it.each(cases)('S0-6 unmaps %s', (_name, test) => unmaps(test));

  it('X-20 simple_shrink: [0,3) is cut to [0,1)', () => {
    using canvas = new Canvas('AAA');
    expect(doMunmap(canvas.mm, rangeOf('.**'), 'keep')).toBe(0);
    expect(placeOf(canvas.at(0))).toEqual([0, 1, 0]);
    expect(canvas.mapCount).toBe(1);
    canvas.verify();
  });

  it('S0-26 a hole inside one VMA is refused at the limit, an edge never', () => {
    using canvas = new Canvas('AAAA.BBBB');
    setSysctl('max_map_count', 3);
    expect(doMunmap(canvas.mm, rangeOf('.*'), 'keep')).toBe(0); // at limit - 1
    canvas.verify();
    expectPicture(canvas.picture(), 'n.oo.BBBB');
    expect(doMunmap(canvas.mm, rangeOf('......*'), 'keep')).toBe(ENOMEM); // at the limit
    expect(doMunmap(canvas.mm, rangeOf('........*'), 'keep')).toBe(0);
    expect(doMunmap(canvas.mm, rangeOf('...***'), 'keep')).toBe(0);
    // The part of A that was split off is used again at once, as the part of B.
    expectPicture(canvas.picture(), 'n.B...pp.');
    setSysctl('max_map_count', 2); // limit + 1
    expect(doMunmap(canvas.mm, rangeOf('.......*'), 'keep')).toBe(0);
    canvas.verify();
  });
});

describe('vmsGatherMunmapVmas', () => {
  it('S0-5 S0-7 lists what goes, in address order, while the tree still has it', () => {
    using canvas = new Canvas('AAABBCCC');
    const range = rangeOf('..****');
    const vms = vmaMunmap(canvas.mm, range.start, range.end);
    expect(vmsGatherMunmapVmas(vms)).toBe(0);
    expect(vms.gathered.map(placeOf)).toEqual([
      [2, 3, 2],
      [3, 5, 3],
      [5, 6, 5],
    ]);
    for (const vma of vms.gathered) {
      expect(vmaLookup(canvas.mm, placeOf(vma)[0] * PAGE)).toBe(vma);
      expect(isVmaDetached(vma)).toBe(true);
    }
    expect(lockVmaUnderRcu(canvas.mm, 3 * PAGE)).toBe(null);

    expect(vmaIterClear(vmaIterator(canvas.mm, range.start), range.start, range.end)).toBe(0);
    expect(vmaLookup(canvas.mm, 3 * PAGE)).toBe(0);
    vmsCompleteMunmapVmas(vms);
    vmsFree(vms);
    canvas.verify();
  });

  it.each(['AAAA', 'AABB', 'AABBCC', 'A.BB.C', 'ABCDEF'])(
    'S0-13 S0-6 S0-15 S0-16 visits each part of %s once, wherever it is cut',
    (before) => {
      for (let start = 0; start < before.length; start++) {
        for (let end = start + 1; end <= before.length; end++) {
          using canvas = new Canvas(before);
          const vms = vmaMunmap(canvas.mm, start * PAGE, end * PAGE);
          expect(vmsGatherMunmapVmas(vms)).toBe(0);
          const pages = vms.gathered.flatMap((vma) => {
            const [first, last] = placeOf(vma);
            return Array.from({ length: last - first }, (_, i) => first + i);
          });
          const mapped = [...before].flatMap((letter, page) => (letter === '.' ? [] : [page]));
          const inside = mapped.filter((page) => page >= start && page < end);
          expect(pages, `${start}-${end}`).toEqual(inside);
          expect(new Set(vms.gathered).size).toBe(vms.gathered.length);
          expect([vms.nrPages, vms.dataVm]).toEqual([inside.length, inside.length]);
          vmsReattach(vms);
          canvas.verify();
        }
      }
    },
  );

  it('S0-15 S0-16 sums what goes by class', () => {
    const exec = flagsOf(VM_READ, VM_EXEC, VM_MAYEXEC);
    using canvas = new Canvas('AAABBCCDD', {
      A: { flags: withFlags(PLAIN, VM_LOCKED) },
      B: { flags: exec },
      C: { flags: withFlags(PLAIN, VM_GROWSDOWN) },
      D: { flags: withFlags(PLAIN, VM_ACCOUNT) },
    });
    const vms = vmaMunmap(canvas.mm, PAGE, 8 * PAGE);
    vmsGatherMunmapVmas(vms);
    const totals = { nrPages: 7, lockedVm: 2, execVm: 2, stackVm: 2, dataVm: 3, nrAccounted: 1 };
    expect(vms).toMatchObject(totals);
    vmsReattach(vms);
    expect(
      [mmTotalVm, mmExecVm, mmStackVm, mmDataVm, mmLockedVm].map((of) => of(canvas.mm)),
    ).toEqual([9, 2, 2, 5, 3]);
  });

  it('S0-20 S0-24 gives everything back; the splits stay; nothing gathered is nothing to give', () => {
    using canvas = new Canvas('AAABBCCC');
    const vms = vmaMunmap(canvas.mm, 2 * PAGE, 6 * PAGE);
    vmsGatherMunmapVmas(vms);
    vmsReattach(vms);
    expectPicture(canvas.picture(), 'nnABBCoo');
    canvas.verify();
    vmsReattach(vmaMunmap(canvas.mm, 0, PAGE));
    canvas.verify();
  });

  it.each([0, 1, 2])(
    'S0-25 a sealed VMA at place %i refuses, and all are attached again',
    (sealed) => {
      const letter = ['A', 'B', 'C'][sealed] as string;
      using canvas = new Canvas('AAABBBCCC', { [letter]: { flags: withFlags(PLAIN, VM_SEALED) } });
      expect(doMunmap(canvas.mm, rangeOf('.*******'), 'keep')).toBe(EPERM);
      canvas.verify();
      expect(canvas.picture().replace(/n/gu, 'A')).toBe('AAABBBCCC');
    },
  );

  it('S0-20 a store without memory gives everything back', () => {
    using canvas = new Canvas('AABBCC');
    canvas.machine.failAllocations('maple_node', 0, -1);
    const result = doMunmap(canvas.mm, rangeOf('..**'), 'keep');
    canvas.machine.failAllocations('maple_node', 0, 0);
    expect([0, ENOMEM]).toContain(result);
    expectPicture(canvas.picture(), result === 0 ? 'AA..CC' : 'AABBCC');
    canvas.verify();
  });
});

const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const BASE = 0x200000000000;

function started(protocol: Partial<Protocol> = {}): { machine: Machine; process: Process } {
  const sysctl = { mmap_min_addr: 4096 };
  const machine = Machine.create({ bytes: 16 * 2 ** 20, sysctl, protocol });
  return { machine, process: machine.spawn() };
}

function ended(machine: Machine, process: Process): void {
  process.verify();
  process.exit();
  machine.tearDown();
}

/** The stores of the tree while `act` runs. */
const stores = (machine: Machine, act: () => void): TraceRecord[] =>
  traced(machine, ['tree_store'], act);

describe('mmap over what is mapped', () => {
  it('S0-4 S0-9 S0-17 S0-30 replaces in one store, and unmaps in one store', () => {
    const { machine, process } = started();
    for (let i = 0; i < 4; i++) {
      process.mmap(BASE + i * PAGE, PAGE, i % 2 === 0 ? RW : PROT_READ, ANON | MAP_FIXED, -1, 0);
    }
    const replace = (): void => {
      process.mmap(BASE, 4 * PAGE, PROT_READ | PROT_EXEC, ANON | MAP_FIXED, -1, 0);
    };
    const replaced = stores(machine, replace);
    expect(replaced.map((store) => store.arg === 0)).toEqual([false]);
    expect(replaced[0]).toMatchObject({ a: BASE, b: BASE + 4 * PAGE - 1 });

    const unmapped = stores(machine, () => void process.munmap(BASE, 4 * PAGE));
    expect(unmapped.map((store) => store.arg)).toEqual([0]);
    ended(machine, process);
  });

  it('S0-18 a replacement that merges to both sides is one store as well', () => {
    const { machine, process } = started();
    process.mmap(BASE, 6 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    process.mprotect(BASE + 2 * PAGE, 2 * PAGE, PROT_READ);
    const merged = stores(machine, () => {
      process.mmap(BASE + 2 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    });
    expect(merged.map((store) => store.arg === 0)).toEqual([false]);
    expectPicture(windowPicture(process, BASE, 6), 'AAAAAA');
    ended(machine, process);
  });

  it('S0-27 the address-space limit does not count what is replaced', () => {
    const { machine, process } = started();
    process.mmap(BASE, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    process.setRlimit(RLIMIT_AS, { soft: 4 * PAGE, hard: Infinity });
    expect(process.mmap(BASE, 4 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0)).toBe(BASE);
    expect(process.mmap(BASE, 5 * PAGE, RW, ANON | MAP_FIXED, -1, 0)).toBe(ENOMEM);
    expectPicture(windowPicture(process, BASE, 5), 'AAAA.');
    ended(machine, process);
  });

  it.each([
    ['reattach', 'ABBC'],
    ['leave-gap', 'A..B'],
  ] as const)(
    'S1-12 A.3 a driver that refuses a replacement, with mapFixedFailure %s: %s',
    (mapFixedFailure, after) => {
      const { machine, process } = started({ mapFixedFailure });
      const secret = machine.open({
        kind: 'secretmem',
        path: '/secretmem (deleted)',
        size: 1 << 20,
        writable: true,
      });
      process.mmap(BASE, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
      const refused = process.mmap(BASE + PAGE, 2 * PAGE, RW, MAP_PRIVATE | MAP_FIXED, secret, 0);
      expect(refused).toBe(EINVAL);
      expectPicture(windowPicture(process, BASE, 4), after);
      ended(machine, process);
    },
  );

  it('S0-25 a sealed VMA under a replacement keeps everything', () => {
    const { machine, process } = started();
    process.mmap(BASE, 6 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
    process.mseal(BASE + 4 * PAGE, PAGE, 0);
    expect(process.mmap(BASE + PAGE, 4 * PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0)).toBe(EPERM);
    expectPicture(windowPicture(process, BASE, 6), 'ABBBCD');
    ended(machine, process);
  });

  it('S0-28 munmap downgrades mmap_lock for its second part', () => {
    const { machine, process } = started();
    process.mmap(BASE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    const kinds = [
      'mmap_lock_acquire_returned',
      'mmap_lock_released',
      'tree_store',
      'vm_area_free',
    ] as const;
    const events = traced(machine, kinds, () => process.munmap(BASE, PAGE));
    expect(
      events.map(({ event, arg }) => (event.startsWith('mmap_lock') ? `${event} ${arg}` : event)),
    ).toEqual([
      'mmap_lock_acquire_returned 1',
      'tree_store',
      'mmap_lock_acquire_returned 0',
      'vm_area_free',
      'mmap_lock_released 0',
    ]);
    ended(machine, process);
  });
});
