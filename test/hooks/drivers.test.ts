/** Drivers: which hooks, which archetypes, stacked ones, and what becomes of VMAs: S1-16 to S1-24, S1-31, S1-32. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ARCHETYPES,
  daxDriver,
  type Driver,
  EAGAIN,
  EINVAL,
  EIO,
  ENODEV,
  erofsDriver,
  ext4Driver,
  type FileOperations,
  filePrivateData,
  flagsOf,
  getFile,
  fput,
  type HookName,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  mlockFutureOk,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  orangefsDriver,
  overlayDriver,
  type Process,
  PROT_READ,
  PROT_WRITE,
  registerDriver,
  RLIMIT_MEMLOCK,
  unconverted,
  unregisterDriver,
  usbStreamDriver,
  VM_DONTDUMP,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_RAND_READ,
  VM_SEQ_READ,
  VM_SPECIAL,
  hasFlag,
  vmFile,
  vmFlags,
  vmPrivateData,
  type VmOperations,
  vmStart,
  vmEnd,
  vfsMmap,
  withFlags,
  withoutFlags,
  xfsDriver,
} from '../../src/index.ts';
import { survey, surveyDocument, surveyText } from '../../src/lab/survey/survey.ts';
import { PAGE } from '../pictures.ts';
import { BASE, expectFaults, Stage } from './stage.ts';

const RW = PROT_READ | PROT_WRITE;
const ALL_HOOKS = ['prepare', 'proto', 'legacy'] as const;

describe('S1-17 which hooks a driver has', () => {
  const calls: string[] = [];
  const told = (hook: string) => (): 0 => {
    calls.push(hook);
    return 0;
  };
  const mmap = told('mmap');
  const mmapProto = told('mmapProto');
  const mmapPrepare = told('mmapPrepare');

  it.each<[HookName, string, FileOperations, readonly string[] | number]>([
    ['proto', 'none', {}, ENODEV],
    ['proto', 'mmap', { mmap }, ['mmap']],
    ['proto', 'mmapProto', { mmapProto }, ['mmapProto', 'mmapProto']],
    [
      'proto',
      'both: the first one, then .mmap of a new VMA',
      { mmap, mmapProto },
      ['mmapProto', 'mmap', 'mmapProto'],
    ],
    ['proto', 'only one that it does not know', { mmapPrepare }, ENODEV],
    ['prepare', 'none', {}, ENODEV],
    ['prepare', 'mmap', { mmap }, ['mmap']],
    ['prepare', 'mmapPrepare', { mmapPrepare }, ['mmapPrepare', 'mmapPrepare']],
    ['prepare', 'both, which exclude each other', { mmap, mmapPrepare }, ENODEV],
    ['prepare', 'one that it does not know beside .mmap', { mmap, mmapProto }, ['mmap']],
    ['legacy', 'none', {}, ENODEV],
    ['legacy', 'mmap', { mmap }, ['mmap']],
    ['legacy', 'all of them', { mmap, mmapProto, mmapPrepare }, ['mmap']],
    ['legacy', 'only new ones', { mmapProto, mmapPrepare }, ENODEV],
  ])('%s, %s', (mmapHook, _which, fileOperations, expected) => {
    const driver: Driver = { name: 'some hooks', fileOperations };
    using stage = new Stage([driver], { mmapHook });
    const fd = stage.open(driver);
    calls.length = 0;
    const results = [stage.map(fd, 0, 2), stage.map(fd, 2, 2)];
    if (typeof expected === 'number') {
      expect(results).toEqual([expected, expected]);
      expect(calls).toEqual([]);
      return;
    }
    expect(results).toEqual([0, 2]);
    expect(stage.picture(4), 'the second one merges').toBe('AAAA');
    expect(calls).toEqual(expected);
  });

  it('both, in proto: what the first one set stands', () => {
    const tables: VmOperations[] = [{ name: 'proto’s' }, { name: 'mmap’s' }];
    const driver: Driver = {
      name: 'two minds',
      fileOperations: {
        mmapProto: (proto) => {
          proto.privateData = 1;
          proto.vmOps = tables[0] as VmOperations;
          return 0;
        },
        mmap: (_file, vma) => {
          expect.soft(vma.vmOps.name).toBe('proto’s');
          vma.vmPrivateData = 2;
          vma.vmOps = tables[1] as VmOperations;
          return 0;
        },
      },
      vmOperations: tables,
    };
    using stage = new Stage([driver], { mmapHook: 'proto' });
    expect(stage.map(stage.open(driver), 0, 2)).toBe(0);
    expect(stage.vmas().map(vmPrivateData)).toEqual([1]);
    expect(stage.process.dumpVma(BASE)).toContain('vm_ops: proto’s');
  });
});

describe('the survey', () => {
  it('S1-18 in docs/survey.md is true', () => {
    const written = readFileSync(new URL('../../docs/survey.md', import.meta.url), 'utf8');
    const rows = survey();
    expect(written).toBe(surveyText(rows));
    const { summary } = surveyDocument(rows);
    expect(summary).toEqual({
      drivers: rows.length,
      oneVma: written.match(/\| one VMA \(2\) \|$/gmu)?.length,
    });
  });

  it.each(ALL_HOOKS)('S1-18 %s: what is VM_SPECIAL never merges, new or changed', (mmapHook) => {
    const special = ARCHETYPES.filter(({ name }) => /io|pfn|mixed|ring/u.test(name));
    expect(special).toHaveLength(4);
    using stage = new Stage(special, { mmapHook });
    for (const driver of special) {
      const fd = stage.open(driver);
      stage.map(fd, 0, 2, { prot: RW });
      stage.map(fd, 2, 2, { prot: RW });
      expect(stage.vmas().every((vma) => hasFlag(vmFlags(vma), VM_SPECIAL))).toBe(true);
      expect(stage.picture(4), driver.name).toBe('AABB');
      stage.process.mprotect(BASE, PAGE, PROT_READ);
      stage.process.mprotect(BASE, PAGE, RW);
      expect(stage.picture(4), `${driver.name}, split and made equal again`).toBe('ABCC');
      stage.unmap(0, 4);
    }
  });

  const three = [
    ['S1-19', daxDriver, VM_HUGEPAGE],
    ['S1-19', erofsDriver, VM_HUGEPAGE],
    ['S1-19', ext4Driver, VM_HUGEPAGE],
    ['S1-19', xfsDriver, VM_HUGEPAGE],
    ['S1-21', orangefsDriver, VM_SEQ_READ],
    ['S1-22', usbStreamDriver, VM_DONTDUMP],
  ] as const;

  it.each(three)(
    '%s $name: merges late, then not, then by one more function (S1-20)',
    (_id, driver, flag) => {
      const pictureOf = (which: Driver, mmapHook: HookName): string => {
        using stage = new Stage([which], { mmapHook });
        const fd = stage.open(which);
        stage.map(fd, 0, 2);
        stage.map(fd, 2, 2);
        for (const vma of stage.vmas()) {
          expect(hasFlag(vmFlags(vma), flag)).toBe(true);
          expect(hasFlag(vmFlags(vma), VM_RAND_READ)).toBe(false);
        }
        const { retries } = { retries: stage.counter('mmap_retry_merge') };
        return `${stage.picture(4)} ${retries}`;
      };
      expect(pictureOf(driver, 'legacy')).toBe('AAAA 1');
      for (const mmapHook of ['proto', 'prepare'] as const) {
        expect(pictureOf(unconverted(driver), mmapHook), 'accepted fragmentation').toBe('AABB 0');
        expect(pictureOf(driver, mmapHook)).toBe('AAAA 0');
      }
      const before = unconverted(driver).fileOperations;
      const after = driver.fileOperations;
      expect('legacy' in after && after.legacy, 'the old function is the same').toBe(before);
    },
  );
});

describe('S1-16 a converted driver', () => {
  interface Step {
    readonly isUnmap: boolean;
    readonly at: number;
    readonly pages: number;
    readonly isWritable: boolean;
    readonly file: number;
  }

  const step = fc.record<Step>({
    isUnmap: fc.boolean(),
    at: fc.integer({ min: 0, max: 11 }),
    pages: fc.integer({ min: 1, max: 4 }),
    isWritable: fc.boolean(),
    file: fc.integer({ min: 0, max: 1 }),
  });

  const layoutOf = (driver: Driver, mmapHook: HookName, steps: readonly Step[]): string[] => {
    using stage = new Stage([driver], { mmapHook });
    const fds = [stage.open(driver), stage.open(driver)];
    return steps.map(({ isUnmap, at, pages, isWritable, file }) => {
      if (isUnmap) stage.unmap(at, pages);
      else stage.map(fds[file] ?? 0, at, pages, { prot: isWritable ? RW : PROT_READ });
      stage.process.verify();
      const vmas = stage.process.vmas().map(({ start, end, flags }) => `${start} ${end} ${flags}`);
      return vmas.join('\n');
    });
  };

  it.each([daxDriver, orangefsDriver, usbStreamDriver])(
    'lays out $name after every call as .mmap and a retry did',
    (driver) => {
      const property = fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const legacy = layoutOf(driver, 'legacy', steps);
        expect(layoutOf(driver, 'proto', steps)).toEqual(legacy);
        expect(layoutOf(driver, 'prepare', steps)).toEqual(legacy);
      });
      fc.assert(property, { numRuns: 60 });
    },
  );
});

describe('memfd_secret', () => {
  const secret = { kind: 'secretmem', path: '/secretmem (deleted)', size: 2 ** 20, writable: true };
  const openSecret = (stage: Stage): number => stage.machine.open({ ...secret, kind: 'secretmem' });

  it.each(ALL_HOOKS)(
    'S1-23 %s: two beside each other are one, locked and not dumped',
    (mmapHook) => {
      using stage = new Stage([], { mmapHook });
      const fd = openSecret(stage);
      const steps = stage.steps(() => {
        expect(stage.map(fd, 0, 2, { prot: RW })).toBe(0);
        expect(stage.map(fd, 2, 2, { prot: RW })).toBe(2);
      });
      expect(stage.picture(4)).toBe('AAAA');
      expect(steps.filter((name) => name === 'store')).toHaveLength(mmapHook === 'legacy' ? 3 : 2);
      expect(steps.includes('retry merge')).toBe(mmapHook === 'legacy');
      const [vma] = stage.process.vmas();
      expect(withFlags(vma?.flags ?? flagsOf(), flagsOf(VM_LOCKED, VM_DONTDUMP))).toBe(vma?.flags);
      expect(stage.process.layout().lockedVm).toBe(4);
    },
  );

  it.each(ALL_HOOKS)(
    'S1-23 %s: over the limit of locked memory it is EAGAIN, private EINVAL',
    (mmapHook) => {
      using stage = new Stage([], { mmapHook });
      const fd = openSecret(stage);
      stage.process.setRlimit(RLIMIT_MEMLOCK, { soft: 3 * PAGE, hard: 3 * PAGE });
      stage.process.setCapabilities(0);
      expect(stage.map(fd, 0, 2, { prot: RW })).toBe(0);
      const books = stage.books();
      expect(stage.map(fd, 2, 2, { prot: RW })).toBe(EAGAIN);
      expect(stage.map(fd, 2, 2, { prot: RW, flags: MAP_PRIVATE })).toBe(EINVAL);
      expect(stage.books()).toEqual(books);
      expect(stage.map(fd, 2, 1, { prot: RW })).toBe(2);
    },
  );

  it('a driver of one’s own can keep the same limit', () => {
    const driver: Driver = {
      name: 'locking',
      fileOperations: {
        mmapPrepare: (desc) => {
          desc.vmFlags = withFlags(desc.vmFlags, VM_LOCKED);
          return mlockFutureOk(desc.mm, desc.vmFlags, desc.end - desc.start) ? 0 : EAGAIN;
        },
      },
    };
    using stage = new Stage([driver]);
    stage.process.setRlimit(RLIMIT_MEMLOCK, { soft: PAGE, hard: PAGE });
    stage.process.setCapabilities(0);
    const fd = stage.open(driver);
    expect(stage.map(fd, 0, 2)).toBe(EAGAIN);
    expect(stage.map(fd, 0, 1)).toBe(0);
  });
});

describe('a stacked file system', () => {
  const protoOnly: Driver = {
    name: 'below',
    vmOperations: [{ name: 'below’s' }],
    fileOperations: {
      prepare: {
        mmapPrepare: (desc) => {
          desc.vmFlags = withFlags(desc.vmFlags, VM_DONTDUMP);
          desc.vmOps = protoOnly.vmOperations?.[0] as VmOperations;
          desc.privateData = 11;
          desc.pgoff += 1;
          return refusal;
        },
      },
      proto: { mmapProto: () => 0 },
      legacy: { mmap: () => refusal },
    },
  };
  let refusal: 0 | typeof EIO = 0;

  it('S1-31 over a file with only .mmap_prepare goes through a description of the VMA', () => {
    refusal = 0;
    using stage = new Stage([overlayDriver, protoOnly]);
    const below = stage.open(protoOnly);
    const fd = stage.open(overlayDriver, { privateData: below });
    stage.machine.close(below);
    expect(stage.map(fd, 0, 2)).toBe(0);
    const [vma] = stage.process.vmas();
    expect(vma?.file?.path).toBe('/below');
    expect(hasFlag(vma?.flags ?? flagsOf(), VM_DONTDUMP)).toBe(true);
    expect(vma?.pgoff).toBe(1);
    expect(stage.vmas().map(vmPrivateData)).toEqual([11]);
    expect(stage.process.dumpVma(BASE)).toContain('vm_ops: below’s');
    stage.machine.close(fd);
    stage.unmap(0, 2);
    expect(stage.lives()['file 8'], 'overlay and lower file are gone').toBe(0);
  });

  it('S1-31 over a file with only .mmap_proto is refused, not silently mapped', () => {
    using stage = new Stage([overlayDriver, protoOnly], { mmapHook: 'proto' });
    const fd = stage.open(overlayDriver, { privateData: stage.open(protoOnly) });
    const books = stage.books();
    expect(stage.map(fd, 0, 2)).toBe(EINVAL);
    expect(stage.books()).toEqual(books);
  });

  it.each(['prepare', 'legacy'] as const)(
    'S1-31 %s: the refusal of the lower file is the result',
    (mmapHook) => {
      refusal = EIO;
      using stage = new Stage([overlayDriver, protoOnly], { mmapHook });
      const fd = stage.open(overlayDriver, { privateData: stage.open(protoOnly) });
      const books = stage.books();
      expect(stage.map(fd, 0, 2)).toBe(EIO);
      expect(stage.books()).toEqual(books);
    },
  );

  it('S1-31 the lower file’s hook can add flags, and not take them away', () => {
    const clearing: Driver = {
      ...protoOnly,
      fileOperations: {
        mmapPrepare: (desc) => {
          desc.vmFlags = withFlags(withoutFlags(desc.vmFlags, VM_MAYEXEC), VM_DONTDUMP);
          return 0;
        },
      },
    };
    using stage = new Stage([overlayDriver, clearing]);
    const below = stage.open(clearing);
    expect(stage.map(below, 0, 2)).toBe(0);
    expect(stage.map(stage.open(overlayDriver, { privateData: below }), 4, 2)).toBe(4);
    const flags = stage.vmas().map(vmFlags);
    expect(flags.map((set) => hasFlag(set, VM_DONTDUMP))).toEqual([true, true]);
    expect(flags.map((set) => hasFlag(set, VM_MAYEXEC))).toEqual([false, true]);
  });

  it('S1-31 cannot be opened over nothing', () => {
    using stage = new Stage([overlayDriver]);
    expect(stage.open(overlayDriver, { privateData: 99 })).toBe(-9);
    expect(stage.lives()['file 8']).toBe(0);
  });

  it('a hook may look at its file and hand on to another', () => {
    expect(vfsMmap.length).toBe(2);
    using stage = new Stage([overlayDriver]);
    const regular = stage.machine.open({ kind: 'regular', path: '/r', size: PAGE });
    const middle = stage.open(overlayDriver, { privateData: regular });
    const top = stage.open(overlayDriver, { privateData: middle });
    expect(stage.map(top, 0, 1)).toBe(0);
    expect(stage.process.vmas().map(({ file }) => file?.path)).toEqual(['/r']);
  });
});

/** Counts what a driver hears of its VMAs, and keeps a reference for each. */
class Counting {
  readonly log: string[] = [];
  references = 0;
  readonly driver: Driver;

  constructor(where: 'hook' | 'mapped') {
    const count = (vma: number): void => void (this.references += vma);
    const note = (what: string, start: number, end: number): void => {
      this.log.push(`${what} ${(start - BASE) / PAGE}-${(end - BASE) / PAGE}`);
    };
    const table: VmOperations = {
      name: 'counting',
      open: (vma) => {
        note('open', vmStart(vma), vmEnd(vma));
        count(1);
      },
      close: (vma) => {
        note('close', vmStart(vma), vmEnd(vma));
        count(-1);
      },
      mapped: (vma) => {
        note('mapped', vmStart(vma), vmEnd(vma));
        if (where === 'mapped') count(1);
      },
    };
    this.driver = {
      name: `counting in ${where}`,
      vmOperations: [table],
      fileOperations: {
        mmapPrepare: (desc) => {
          if (where === 'hook') count(1);
          desc.vmOps = table;
          return 0;
        },
      },
    };
  }
}

describe('S1-32 what a driver hears of its VMAs', () => {
  it.each(['hook', 'mapped'] as const)('references counted in %s', (where) => {
    const counting = new Counting(where);
    {
      using stage = new Stage([counting.driver]);
      const fd = stage.open(counting.driver);
      stage.map(fd, 0, 2);
      stage.map(fd, 2, 2); // a merge
      expect(stage.picture(4)).toBe('AAAA');
      stage.machine.failAllocations('vm_area_struct', 0, 1);
      expect(stage.map(fd, 8, 2)).toBeLessThan(0); // a failure
    }
    // A hook may be followed by a merge or a failure: each of them leaked one.
    expect(counting.references).toBe(where === 'hook' ? 2 : 0);
    expect(counting.log).toEqual(['mapped 0-2', 'close 0-4']);
  });

  it('open for a split, a fork and a move; close once for each that goes', () => {
    const counting = new Counting('mapped');
    let child: Process | null = null;
    {
      using stage = new Stage([counting.driver]);
      const fd = stage.open(counting.driver);
      stage.map(fd, 0, 6);
      stage.unmap(2, 2);
      expect(counting.log.splice(0)).toEqual(['mapped 0-6', 'open 0-2', 'open 4-6', 'close 2-4']);
      const forked = stage.process.fork();
      if (typeof forked === 'number') throw new Error('the fork failed');
      child = forked;
      expect(counting.log.splice(0)).toEqual(['open 0-2', 'open 4-6']);
      const to = BASE + 20 * PAGE;
      stage.process.mremap(BASE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
      expect(counting.log.splice(0)).toEqual(['open 20-22', 'close 0-2']);
      stage.map(-1, 20, 2, { prot: RW, flags: MAP_PRIVATE | MAP_ANONYMOUS });
      expect(counting.log.splice(0)).toEqual(['close 20-22']);
      child.exit();
      expect(counting.log.splice(0)).toEqual(['close 0-2', 'close 4-6']);
    }
    expect(counting.log.splice(0)).toEqual(['close 4-6']);
    expect(counting.references).toBe(0);
  });

  it('S0-22 close comes once, before the store, also when what replaces it fails', () => {
    const counting = new Counting('mapped');
    const failing: Driver = { name: 'failing', fileOperations: { mmap: () => EIO } };
    using stage = new Stage([counting.driver, failing]);
    stage.map(stage.open(counting.driver), 0, 2);
    expect(stage.map(stage.open(failing), 0, 2)).toBe(EIO);
    expect(counting.log).toEqual(['mapped 0-2', 'close 0-2']);
    expect(stage.process.find(BASE), 'a hole').toBe(null);
    expect(counting.references).toBe(0);
  });

  it('maySplit refuses munmap, mprotect and a move of a part, each with its errno', () => {
    const asked: number[] = [];
    const table: VmOperations = {
      name: 'whole',
      maySplit: (_vma, addr) => {
        asked.push((addr - BASE) / PAGE);
        return EIO;
      },
    };
    const driver: Driver = {
      name: 'whole',
      vmOperations: [table],
      fileOperations: {
        mmapPrepare: (desc) => {
          desc.vmOps = table;
          return 0;
        },
      },
    };
    using stage = new Stage([driver]);
    stage.map(stage.open(driver), 0, 4);
    expect(stage.unmap(1, 1)).toBe(EIO);
    expect(stage.process.mprotect(BASE, PAGE, 0)).toBe(EIO);
    const to = BASE + 20 * PAGE;
    const flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    expect(stage.process.mremap(BASE, 3 * PAGE, 3 * PAGE, flags, to)).toBe(EIO);
    expect(asked).toEqual([1, 1, 3]);
    expect(stage.picture(4)).toBe('AAAA');
    expect(stage.unmap(0, 4)).toBe(0);
  });

  it('what open, close, mapped or maySplit throw is reported, and the core goes on', () => {
    const broken = (): never => {
      throw new Error('broken');
    };
    const table = { name: 'broken', open: broken, close: broken, mapped: broken, maySplit: broken };
    const driver: Driver = {
      name: 'broken tables',
      vmOperations: [table],
      fileOperations: {
        mmapPrepare: (desc) => {
          desc.vmOps = table;
          return 0;
        },
      },
    };
    using stage = new Stage([driver]);
    expect(stage.map(stage.open(driver), 0, 2)).toBe(0);
    expect(stage.unmap(0, 1)).toBe(EIO);
    expect(stage.unmap(0, 2)).toBe(0);
    const hooks = expectFaults(7, 7, 7).map(({ hook }) => hook);
    expect(hooks).toEqual(['mapped', 'maySplit', 'close']);
  });
});

describe('a file of a driver', () => {
  it('is opened and released once, whoever holds it last', () => {
    const log: string[] = [];
    const driver: Driver = {
      name: 'logging',
      fileOperations: {
        open: (file) => {
          log.push(`open ${filePrivateData(file)}`);
          return filePrivateData(file) === 13 ? EIO : 0;
        },
        release: (file) => void log.push(`release ${filePrivateData(file)}`),
        mmapPrepare: () => 0,
      },
    };
    using stage = new Stage([driver]);
    expect(stage.open(driver, { privateData: 13 })).toBe(EIO);
    const fd = stage.open(driver, { privateData: 5 });
    expect(stage.machine.reopen(fd, { privateData: 6 })).toBe(fd + 1);
    stage.machine.close(fd + 1);
    stage.map(fd, 0, 1);
    stage.machine.close(fd);
    expect(log).toEqual(['open 13', 'open 5', 'open 6', 'release 6']);
    const [file] = stage.vmas().map(vmFile);
    if (file === undefined || file === 0) throw new Error('it has a file');
    fput(getFile(file));
    stage.unmap(0, 1);
    expect(log.at(-1)).toBe('release 5');
  });

  it('S1-24 with only a descriptor hook can be mapped, and a dump names its hooks', () => {
    const driver: Driver = {
      name: 'dumped',
      fileOperations: {
        mmapProto: function protoOfIt() {
          return 0;
        },
      },
    };
    using stage = new Stage([driver], { mmapHook: 'proto' });
    expect(stage.map(stage.open(driver), 0, 1)).toBe(0);
    const dump = stage.process.dumpVma(BASE);
    expect(dump).toContain('file: /dumped');
    expect(dump).toContain('driver: dumped');
    expect(dump).toContain('mmap: none');
    expect(dump).toContain('mmap_proto: protoOfIt');
    expect(stage.process.dumpVma(BASE - PAGE)).toBe(null);
  });

  it('of no registered driver is ENODEV, to open and to map', () => {
    const driver: Driver = { name: 'leaving', fileOperations: { mmapPrepare: () => 0 } };
    using stage = new Stage([driver]);
    const fd = stage.open(driver);
    expect(stage.map(fd, 0, 2)).toBe(0);
    unregisterDriver('leaving');
    expect(stage.open(driver)).toBe(ENODEV);
    expect(stage.map(fd, 4, 2)).toBe(ENODEV);
    expect(stage.picture(6)).toBe('AA....');
  });

  it('registers once under a name that fits', () => {
    const driver: Driver = { name: 'twice', fileOperations: {} };
    registerDriver(driver);
    registerDriver(driver);
    expect(() => registerDriver({ ...driver })).toThrow('Another driver');
    expect(unregisterDriver('twice')).toBe(true);
    expect(unregisterDriver('twice')).toBe(false);
    expect(() => registerDriver({ ...driver, name: '' })).toThrow('1 to 60 bytes');
    expect(() => registerDriver({ ...driver, name: 'ü'.repeat(31) })).toThrow('1 to 60 bytes');
    const nine = Array.from({ length: 9 }, () => ({ name: 'one' }));
    expect(() => registerDriver({ ...driver, vmOperations: nine })).toThrow('at most eight');
  });
});
