/** Legacy `.mmap`: free to do anything, and what the core makes of it. Seed 001, S1-1 to S1-3, S1-13 to S1-15. */
import { describe, expect, it } from 'vitest';
import { isVmaDetached } from '../../src/engine/mm/vma_lock.ts';
import {
  type Driver,
  EINVAL,
  EIO,
  EPERM,
  type Errno,
  type File,
  fget,
  flagsOf,
  genericFileVmOps,
  hasFlag,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  type NewVma,
  pgprotNoncached,
  PROT_READ,
  PROT_WRITE,
  VIOLATED_FLAGS,
  VIOLATED_LATE,
  VIOLATED_RANGE,
  VIOLATED_VALUE,
  VM_ACCOUNT,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_GROWSDOWN,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_IO,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SEALED,
  VM_SHARED,
  vmPgoff,
  vmPrivateData,
  type VmFlags,
  type VmOperations,
  vmStart,
  withFlags,
  withoutFlags,
  F_SEAL_WRITE,
} from '../../src/index.ts';
import { vmCaching, vmOps } from '../../src/engine/mm/vma_struct.ts';
import { DRIVER_VM_OPS, GENERIC_FILE_VM_OPS } from '../../src/engine/file/vm_ops.ts';
import { setVmRange } from '../../src/engine/mm/vma_struct.ts';
import { PAGE } from '../pictures.ts';
import { BASE, expectFaults, Stage } from './stage.ts';

const RW = PROT_READ | PROT_WRITE;
const LEGACY = { mmapHook: 'legacy' } as const;

type Mmap = (file: File, vma: NewVma) => 0 | Errno;

const legacyDriver = (mmap: Mmap, vmOperations: readonly VmOperations[] = []): Driver => ({
  name: 'legacy driver',
  fileOperations: { mmap },
  vmOperations,
});

describe('.mmap', () => {
  it('S1-1 is called once for each new VMA, before it is in the tree, and never on a merge', () => {
    const seen: string[] = [];
    const detached: boolean[] = [];
    const driver = legacyDriver((_file, vma) => {
      seen.push(`${(vma.vmStart - BASE) / PAGE} ${(vma.vmEnd - BASE) / PAGE} ${vma.vmPgoff}`);
      detached.push(isVmaDetached(vma.handle));
      return 0;
    });
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver);
    expect(stage.map(fd, 0, 2)).toBe(0);
    expect(stage.map(fd, 2, 2)).toBe(2);
    expect(stage.map(fd, 6, 1)).toBe(6);
    expect(stage.picture(8)).toBe('AAAA..B.');
    expect(seen).toEqual(['0 2 0', '6 7 6']);
    expect(detached).toEqual([true, true]);
    expect(stage.counter('mmap_hook')).toBe(2);
  });

  it('S1-2 S1-10 when it fails nothing of its VMA is called, and nothing leaks', () => {
    let closes = 0;
    const table: VmOperations = { name: 'closing', close: () => void closes++ };
    const driver = legacyDriver(
      (_file, vma) => {
        vma.vmOps = table;
        vma.vmPrivateData = 7;
        vma.vmFlags = withFlags(vma.vmFlags, VM_DONTDUMP);
        vma.vmFile = fget(other) as File;
        return EIO;
      },
      [table],
    );
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver);
    const other = stage.open(driver);
    const books = stage.books();
    for (let i = 0; i < 100; i++) {
      expect(stage.map(fd, 0, 4, { prot: RW, flags: MAP_PRIVATE })).toBe(EIO);
    }
    expect(closes).toBe(0);
    expect(stage.books()).toEqual(books);
    expect(stage.machine.close(other), 'the file it put in place has its one reference').toBe(0);
    expect(stage.lives()['file 8']).toBe(1);
    expectFaults();
  });
});

describe('S1-3 a hostile .mmap that succeeds', () => {
  const table: VmOperations = { name: 'table', maySplit: () => EINVAL };

  it.each<[string, (vma: NewVma) => void, (stage: Stage) => void]>([
    [
      'flags',
      (vma) => (vma.vmFlags = withFlags(vma.vmFlags, VM_HUGEPAGE)),
      (stage) => {
        expect(hasFlag(stage.process.vmas()[0]?.flags ?? VM_IO, VM_HUGEPAGE)).toBe(true);
      },
    ],
    [
      'its right to write',
      (vma) => (vma.vmFlags = withoutFlags(vma.vmFlags, VM_MAYWRITE)),
      (stage) => {
        expect(stage.process.mprotect(BASE, PAGE, RW)).toBe(-13);
      },
    ],
    [
      'pgoff',
      (vma) => (vma.vmPgoff = 1000),
      (stage) => {
        expect(stage.vmas().map(vmPgoff)).toEqual([1000]);
      },
    ],
    [
      'protection',
      (vma) => (vma.vmPageProt = pgprotNoncached(vma.vmPageProt)),
      (stage) => {
        expect(stage.vmas().map(vmCaching)).toEqual([2]);
      },
    ],
    [
      'private data',
      (vma) => (vma.vmPrivateData = -5),
      (stage) => {
        expect(stage.vmas().map(vmPrivateData)).toEqual([-5]);
      },
    ],
    [
      'a table of its own',
      (vma) => (vma.vmOps = table),
      (stage) => {
        expect(stage.vmas().map(vmOps)).toEqual([DRIVER_VM_OPS]);
        expect(stage.unmap(0, 1)).toBe(EINVAL);
      },
    ],
    [
      'a table of the engine',
      (vma) => (vma.vmOps = genericFileVmOps),
      (stage) => {
        expect(stage.vmas().map(vmOps)).toEqual([GENERIC_FILE_VM_OPS]);
      },
    ],
  ])('has its way with %s', (_field, write, check) => {
    const driver = legacyDriver(
      (_file, vma) => {
        write(vma);
        return 0;
      },
      [table],
    );
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver);
    expect(stage.map(fd, 0, 2)).toBe(0);
    check(stage);
    expectFaults();
  });

  it('has its way with the file, whose reference becomes the VMA’s', () => {
    const driver = legacyDriver((_file, vma) => {
      vma.vmFile = fget(other) as File;
      return 0;
    });
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver);
    const other = stage.machine.open({ kind: 'shmem', path: '/other', size: PAGE, writable: true });
    expect(stage.map(fd, 0, 2, { prot: RW })).toBe(0);
    expect(stage.process.vmas().map(({ file }) => file?.path)).toEqual(['/other']);
    // The mapping counts as a writer of the file that it is of.
    expect(stage.machine.addSeals(other, F_SEAL_WRITE)).toBe(-16);
    stage.machine.close(other);
    stage.machine.close(fd);
    expect(stage.lives()['file 8']).toBe(1);
    expect(stage.unmap(0, 2)).toBe(0);
    expect(stage.lives()['file 8']).toBe(0);
  });

  it('cannot put a file in place that may not be written, and hears of the end', () => {
    let closes = 0;
    const closing: VmOperations = { name: 'closing', close: () => void closes++ };
    const driver = legacyDriver(
      (_file, vma) => {
        vma.vmOps = closing;
        vma.vmFile = fget(sealed) as File;
        return 0;
      },
      [closing],
    );
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver);
    const sealed = stage.machine.open({
      kind: 'shmem',
      path: '/s',
      size: PAGE,
      seals: F_SEAL_WRITE,
    });
    const books = stage.books();
    expect(stage.map(fd, 0, 2, { prot: RW })).toBe(EPERM);
    expect(stage.books()).toEqual(books);
    expect(closes).toBe(1);
  });

  it.each<[string, (vma: NewVma) => void, number]>([
    ['the start', (vma) => (vma.vmStart -= PAGE), VIOLATED_RANGE],
    ['the end', (vma) => (vma.vmEnd += PAGE), VIOLATED_RANGE],
    ['the mm', (vma) => (vma.vmMm = 64 as typeof vma.vmMm), VIOLATED_RANGE],
    ['the range, behind the core’s back', (vma) => setVmRange(vma.handle, 0, PAGE), VIOLATED_RANGE],
    ['a table that is nobody’s', (vma) => (vma.vmOps = { name: 'stray' }), VIOLATED_VALUE],
    ['a file that is none', (vma) => (vma.vmFile = 12_345 as File), VIOLATED_VALUE],
    ['a fraction of a page', (vma) => (vma.vmPgoff = 0.5), VIOLATED_VALUE],
    ['flags that do not exist', (vma) => (vma.vmFlags = Number.NaN as VmFlags), VIOLATED_VALUE],
    ...[VM_SHARED, VM_MAYSHARE, VM_ACCOUNT, VM_GROWSDOWN, VM_HUGETLB, VM_SEALED].map(
      (flag): [string, (vma: NewVma) => void, number] => [
        `flag ${flag}, which is the core’s`,
        (vma) => {
          const has = hasFlag(vma.vmFlags, flag);
          vma.vmFlags = has ? withoutFlags(vma.vmFlags, flag) : withFlags(vma.vmFlags, flag);
        },
        VIOLATED_FLAGS,
      ],
    ),
  ])('is refused once for %s, and the tree is as it was', (_what, write, violation) => {
    let closes = 0;
    const closing: VmOperations = { name: 'closing', close: () => void closes++ };
    const driver = legacyDriver(
      (_file, vma) => {
        vma.vmOps = closing;
        write(vma);
        return 0;
      },
      [closing],
    );
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver);
    stage.map(-1, 4, 1, { flags: MAP_PRIVATE | MAP_ANONYMOUS });
    const books = stage.books();
    expect(stage.map(fd, 0, 2, { flags: MAP_SHARED })).toBe(EINVAL);
    expect(stage.books()).toEqual(books);
    expect(stage.process.verdict().violation).toBe(violation);
    expect(stage.counter('driver_violation')).toBe(1);
    expectFaults(violation);
    expect(closes, 'its hook succeeded, so it hears of the end').toBe(1);
  });

  it('cannot make a mapping writable that its file does not count as such', () => {
    const driver = legacyDriver((_file, vma) => {
      vma.vmFlags = withFlags(vma.vmFlags, VM_MAYWRITE);
      return 0;
    });
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver, { writable: false });
    expect(stage.map(fd, 0, 2)).toBe(EINVAL);
    expectFaults(VIOLATED_FLAGS);
  });

  it('cannot write to a VMA after its hook has returned', () => {
    const kept: NewVma[] = [];
    const driver = legacyDriver((_file, vma) => {
      kept.push(vma);
      return 0;
    });
    using stage = new Stage([driver], LEGACY);
    stage.map(stage.open(driver), 0, 2);
    const [vma] = kept;
    if (vma === undefined) throw new Error('the hook was called');
    vma.vmFlags = withFlags(vma.vmFlags, VM_IO);
    vma.vmStart = 0;
    expect(vmStart(vma.handle)).toBe(BASE);
    expect(hasFlag(stage.process.vmas()[0]?.flags ?? VM_IO, VM_IO)).toBe(false);
    expectFaults(VIOLATED_LATE, VIOLATED_LATE);
  });
});

describe('the retry of seed 001', () => {
  const marking = (flags: VmFlags, mmap?: Mmap): Driver =>
    legacyDriver((file, vma) => {
      vma.vmFlags = withFlags(vma.vmFlags, flags);
      return mmap?.(file, vma) ?? 0;
    });

  it.each([
    ['left', [0, 2], 'AAAA..'],
    ['right', [2, 0], 'AAAA..'],
    ['both', [0, 4, 2], 'AAAAAA'],
  ] as const)('S1-13 S1-15 merges to the %s with a second store', (_side, places, picture) => {
    const driver = marking(VM_DONTDUMP);
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver);
    for (const at of places.slice(0, -1)) stage.map(fd, at, 2);
    const before = { ...stage.machine.report().counters };
    const steps = stage.steps(() => stage.map(fd, places.at(-1) ?? 0, 2));
    expect(steps.filter((step) => step === 'store')).toHaveLength(2);
    expect(stage.picture(6)).toBe(picture);
    expect(stage.counter('mmap_retry_merge') - before.mmap_retry_merge).toBe(1);
    expect(stage.counter('mmap_retry_merge_success') - before.mmap_retry_merge_success).toBe(1);
    const files = stage.lives()['file 8'];
    expect(files, 'the VMA that went dropped its reference').toBe(1);
  });

  it.each([
    ['unchanged flags', flagsOf()],
    ['VM_PFNMAP', VM_PFNMAP],
    ['VM_MIXEDMAP', VM_MIXEDMAP],
    ['VM_IO', VM_IO],
    ['VM_DONTEXPAND', VM_DONTEXPAND],
  ])('S1-14 is not made for %s', (_name, flags) => {
    const driver = marking(flags);
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver);
    stage.map(fd, 0, 2);
    stage.map(fd, 2, 2);
    expect(stage.counter('mmap_retry_merge')).toBe(0);
    expect(stage.picture(4)).toBe(
      hasFlag(flags, flagsOf(VM_PFNMAP, VM_MIXEDMAP, VM_IO, VM_DONTEXPAND)) ? 'AABB' : 'AAAA',
    );
  });

  it('S1-14 is not made for a driver that has a close hook: the VMA could not be removed', () => {
    const closing: VmOperations = { name: 'closing', close: () => undefined };
    const driver: Driver = {
      ...marking(VM_DONTDUMP, (_file, vma) => {
        vma.vmOps = closing;
        return 0;
      }),
      vmOperations: [closing],
    };
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver);
    stage.map(fd, 0, 2);
    stage.map(fd, 2, 2);
    expect(stage.picture(4)).toBe('AABB');
    expect(stage.counter('mmap_retry_merge_success')).toBe(0);
  });

  it('S1-15 survives that there is no memory for it: the VMA stays by itself', () => {
    const driver = marking(VM_DONTDUMP, () => {
      if (isShort) stage.machine.failAllocations('maple_node', 0, -1);
      return 0;
    });
    let isShort = false;
    using stage = new Stage([driver], LEGACY);
    const fd = stage.open(driver);
    for (let i = 0; i < 15; i++)
      stage.map(-1, 20 + 2 * i, 1, { flags: MAP_PRIVATE | MAP_ANONYMOUS });
    stage.map(fd, 0, 2);
    isShort = true;
    expect(stage.map(fd, 2, 2)).toBe(2);
    stage.machine.failAllocations('maple_node', 0, 0);
    expect(stage.counter('mmap_retry_merge')).toBe(1);
    expect(stage.counter('mmap_retry_merge_success')).toBe(0);
    expect(stage.picture(4)).toBe('AABB');
    stage.process.verify();
  });
});
