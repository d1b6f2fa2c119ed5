/** What a descriptor hook is shown, what it may do, and where that goes: S1-5 to S1-8, S1-28, S1-32. */
import { describe, expect, it } from 'vitest';
import { vmCaching, vmFlags, vmOps } from '../../src/engine/mm/vma_struct.ts';
import { DRIVER_VM_OPS } from '../../src/engine/file/vm_ops.ts';
import {
  type Driver,
  EINVAL,
  EIO,
  type Errno,
  type File,
  fget,
  hasFlag,
  MAP_PRIVATE,
  MAP_SHARED,
  pgprotWritecombine,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  REFUSED_DRIVER,
  VIOLATED_FLAGS,
  VIOLATED_IMMUTABLE,
  VIOLATED_LATE,
  VIOLATED_RESULT,
  VIOLATED_THROW,
  VIOLATED_UNKNOWN,
  VIOLATED_VALUE,
  VM_DONTDUMP,
  VM_SHARED,
  type VmAreaDesc,
  vmFile,
  vmGetPageProt,
  vmPgoff,
  vmPrivateData,
  type VmaProto,
  shmemVmOps,
  type VmOperations,
  withFlags,
  withoutFlags,
} from '../../src/index.ts';
import { PAGE } from '../pictures.ts';
import { BASE, expectFaults, Stage } from './stage.ts';

const RW = PROT_READ | PROT_WRITE;
const BOTH = ['prepare', 'proto'] as const;

/** A descriptor of either generation, with the names that differ brought together. */
interface Either {
  readonly raw: VmAreaDesc | VmaProto;
  flags: VmAreaDesc['vmFlags'];
  vmFile: File;
}

function either(raw: VmAreaDesc | VmaProto): Either {
  const isDesc = 'vmFlags' in raw;
  return {
    raw,
    get flags() {
      return isDesc ? raw.vmFlags : raw.flags;
    },
    set flags(flags) {
      if (isDesc) raw.vmFlags = flags;
      else raw.flags = flags;
    },
    get vmFile() {
      return isDesc ? raw.vmFile : raw.file;
    },
    set vmFile(file) {
      if (isDesc) raw.vmFile = file;
      else raw.file = file;
    },
  };
}

const twoTables: readonly VmOperations[] = [{ name: 'first' }, { name: 'second' }];

/** One hook in both descriptor generations. */
function describing(hook: (desc: Either) => number | void, name = 'describing'): Driver {
  const run = (raw: VmAreaDesc | VmaProto): 0 | Errno => (hook(either(raw)) ?? 0) as 0 | Errno;
  return {
    name,
    fileOperations: {
      prepare: { mmapPrepare: run },
      proto: { mmapProto: run },
      legacy: {},
    },
    vmOperations: twoTables,
  };
}

describe.each(BOTH)('the descriptor of %s', (mmapHook) => {
  it('S1-5 has exactly the names of the kernel’s', () => {
    let names: string[] = [];
    const driver = describing(({ raw }) => {
      names = Object.keys(raw);
    });
    using stage = new Stage([driver], { mmapHook });
    stage.map(stage.open(driver), 0, 2);
    const immutable = ['mm', 'start', 'end'];
    const rest =
      mmapHook === 'proto'
        ? ['pgoff', 'file', 'flags', 'pageProt']
        : ['file', 'vmFile', 'pgoff', 'vmFlags', 'pageProt'];
    expect(names).toEqual([...immutable, ...rest, 'vmOps', 'privateData']);
  });

  it('S1-6 shows what a mapping without a hook would have', () => {
    const shown: unknown[] = [];
    const driver = describing(({ raw, flags, vmFile: file }) => {
      const { mm, start, end, pgoff, pageProt } = raw;
      shown.push({ mm, start, end, pgoff, pageProt, flags, file });
    });
    const silent = { ...describing(() => undefined, 'silent') };
    using stage = new Stage([driver, silent], { mmapHook });
    const fd = stage.open(driver);
    const quiet = stage.open(silent);
    const mapping = { prot: RW | PROT_EXEC, flags: MAP_PRIVATE, pgoff: 5 };
    stage.map(fd, 0, 2, mapping);
    stage.map(quiet, 8, 2, mapping);
    const [mine, other] = stage.vmas();
    if (mine === undefined || other === undefined) throw new Error('two mappings');
    expect(shown).toEqual([
      {
        mm: expect.any(Number) as number,
        start: BASE,
        end: BASE + 2 * PAGE,
        pgoff: vmPgoff(other),
        pageProt: vmGetPageProt(vmFlags(other)),
        flags: vmFlags(other),
        file: vmFile(mine),
      },
    ]);
  });

  it('S1-7 lets nothing be read of what is only to be set, of this mapping or an earlier one', () => {
    const read: unknown[] = [];
    const driver = describing(({ raw }) => {
      read.push(raw.vmOps, raw.privateData);
      raw.vmOps = twoTables[1] as VmOperations;
      raw.privateData = 42;
      read.push(raw.vmOps, raw.privateData, Reflect.get(raw, 'vmOps'));
      read.push(Object.getOwnPropertyDescriptor(raw, 'privateData')?.value, { ...raw }.vmOps);
    });
    using stage = new Stage([driver], { mmapHook });
    const fd = stage.open(driver);
    stage.map(fd, 0, 2);
    stage.map(fd, 4, 2);
    expect(read).toEqual(Array.from({ length: 14 }, () => undefined));
    expect(stage.vmas().map(vmPrivateData)).toEqual([42, 42]);
    expect(stage.vmas().map(vmOps)).toEqual([DRIVER_VM_OPS + 1, DRIVER_VM_OPS + 1]);
  });

  it.each<[string, (desc: Either) => void, (stage: Stage) => void]>([
    [
      'pgoff',
      ({ raw }) => {
        raw.pgoff += 100;
      },
      (stage) => expect(stage.vmas().map(vmPgoff)).toEqual([100]),
    ],
    [
      'flags',
      (desc) => {
        desc.flags = withFlags(desc.flags, VM_DONTDUMP);
      },
      (stage) => expect(stage.vmas().every((vma) => hasFlag(vmFlags(vma), VM_DONTDUMP))).toBe(true),
    ],
    [
      'pageProt',
      ({ raw }) => {
        raw.pageProt = pgprotWritecombine(raw.pageProt);
      },
      (stage) => expect(stage.vmas().map(vmCaching)).toEqual([1]),
    ],
    [
      'vmOps',
      ({ raw }) => {
        raw.vmOps = twoTables[1] as VmOperations;
      },
      (stage) => expect(stage.vmas().map(vmOps)).toEqual([DRIVER_VM_OPS + 1]),
    ],
    [
      'privateData',
      ({ raw }) => {
        raw.privateData = -1;
      },
      (stage) => expect(stage.vmas().map(vmPrivateData)).toEqual([-1]),
    ],
  ])('S1-8 takes %s into the VMA, and into the merge', (field, write, check) => {
    let isWriting = true;
    const driver = describing((desc) => {
      if (isWriting) write(desc);
    });
    using stage = new Stage([driver], { mmapHook });
    const fd = stage.open(driver);
    stage.map(fd, 0, 2);
    stage.map(fd, 2, 2);
    expect(stage.picture(4), 'both alike: they merge').toBe('AAAA');
    check(stage);
    isWriting = false;
    stage.map(fd, 4, 2);
    expect(stage.picture(6), `one with another ${field}`).toBe('AAAABB');
  });

  it('S1-8 takes the file into the VMA, and into the merge', () => {
    const driver = describing((desc) => {
      desc.vmFile = fget(other) as File;
      desc.raw.vmOps = shmemVmOps;
    });
    using stage = new Stage([driver], { mmapHook });
    const fd = stage.open(driver);
    const other = stage.machine.open({ kind: 'shmem', path: '/o', size: 2 ** 20, writable: true });
    stage.map(other, 0, 2, { prot: RW });
    stage.map(fd, 2, 2, { prot: RW });
    expect(stage.process.vmas().map(({ file }) => file?.path)).toEqual(['/o']);
    expect(stage.picture(4), 'with a mapping that other file already has').toBe('AAAA');
    stage.machine.close(other);
    stage.unmap(0, 4);
    expect(stage.lives()['file 8'], 'its references are balanced').toBe(1);
  });

  it('S1-28 keeps apart mappings whose private data or operations differ, and counts it', () => {
    let table = 0;
    let data = 1;
    const driver = describing(({ raw }) => {
      raw.vmOps = twoTables[table] as VmOperations;
      raw.privateData = data;
    });
    using stage = new Stage([driver], { mmapHook });
    const fd = stage.open(driver);
    stage.map(fd, 0, 2);
    data = 2;
    stage.map(fd, 2, 2);
    expect(stage.process.verdict().refusedLeft).toBe(REFUSED_DRIVER);
    expect(stage.counter('proto_field_clobber')).toBe(1);
    table = 1;
    stage.map(fd, 4, 2);
    expect(stage.counter('proto_field_clobber')).toBe(2);
    expect(stage.picture(6)).toBe('AABBCC');
    expect(stage.vmas().map(vmPrivateData)).toEqual([1, 2, 2]);
    // Nor does a later change of flags bring them together.
    stage.process.mprotect(BASE, 6 * PAGE, RW);
    expect(stage.picture(6)).toBe('AABBCC');
  });
});

describe.each(BOTH)('a hostile hook of %s', (mmapHook) => {
  const attempts: [string, (desc: Either) => void, number][] = [
    ...(['mm', 'start', 'end'] as const).map((name): [string, (desc: Either) => void, number] => [
      `${name}, which is immutable`,
      ({ raw }) => void Reflect.set(raw, name, 4096),
      VIOLATED_IMMUTABLE,
    ]),
    [
      'a property that it has not',
      ({ raw }) => void Object.assign(raw, { vmMm: 1 }),
      VIOLATED_UNKNOWN,
    ],
    ['a symbol', ({ raw }) => void Reflect.set(raw, Symbol('s'), 1), VIOLATED_UNKNOWN],
    ['an inherited name', ({ raw }) => void Reflect.set(raw, 'toString', 1), VIOLATED_UNKNOWN],
    [
      'a field through an heir',
      ({ raw }) => void Object.assign(Object.create(raw) as object, { pgoff: 1 }),
      VIOLATED_UNKNOWN,
    ],
    [
      'a definition',
      ({ raw }) => void Reflect.defineProperty(raw, 'start', { value: 0 }),
      VIOLATED_UNKNOWN,
    ],
    ['a deletion', ({ raw }) => void Reflect.deleteProperty(raw, 'end'), VIOLATED_UNKNOWN],
    ['its prototype', ({ raw }) => void Object.setPrototypeOf(raw, null), VIOLATED_UNKNOWN],
    ['a negative pgoff', ({ raw }) => void (raw.pgoff = -1), VIOLATED_VALUE],
    ['a pgoff that is no number', ({ raw }) => void Reflect.set(raw, 'pgoff', '1'), VIOLATED_VALUE],
    ['flags that are none', (desc) => void (desc.flags = 0.5 as typeof desc.flags), VIOLATED_VALUE],
    ['a file that is none', (desc) => void (desc.vmFile = 77 as File), VIOLATED_VALUE],
    [
      'a protection that is none',
      ({ raw }) => void Reflect.set(raw, 'pageProt', 99),
      VIOLATED_VALUE,
    ],
    ['another driver’s table', ({ raw }) => void (raw.vmOps = { name: 'x' }), VIOLATED_VALUE],
    ['data beyond a word', ({ raw }) => void (raw.privateData = 2 ** 40), VIOLATED_VALUE],
    [
      'a core flag',
      (desc) => void (desc.flags = withoutFlags(desc.flags, VM_SHARED)),
      VIOLATED_FLAGS,
    ],
  ];

  it.each(attempts)(
    'S1-5 that writes %s is refused, and changes nothing',
    (_what, write, violation) => {
      const driver = describing(write);
      using stage = new Stage([driver], { mmapHook });
      const fd = stage.open(driver);
      const image = stage.machine.save();
      expect(stage.map(fd, 0, 2, { prot: RW })).toBe(EINVAL);
      expect(stage.changedWords(image)).toEqual([]);
      expect(stage.process.verdict().violation).toBe(violation);
      expect(stage.counter('driver_violation')).toBe(1);
      const [fault] = expectFaults(violation);
      expect(fault?.driver).toBe('describing');
      expect(fault?.hook).toBe(mmapHook === 'proto' ? 'mmapProto' : 'mmapPrepare');
    },
  );

  it('S1-5 that writes later, when nobody asks any more, has no effect', () => {
    const kept: Either[] = [];
    const driver = describing((desc) => void kept.push(desc));
    using stage = new Stage([driver], { mmapHook });
    stage.map(stage.open(driver), 0, 2);
    const books = stage.books();
    for (const desc of kept) {
      desc.raw.pgoff = 9;
      desc.flags = withFlags(desc.flags, VM_DONTDUMP);
      Reflect.set(desc.raw, 'start', 0);
    }
    expectFaults(VIOLATED_LATE, VIOLATED_LATE, VIOLATED_LATE);
    expect(stage.books()).toEqual(books);
  });

  it.each<[string, () => unknown]>([
    ['a string', () => 'yes'],
    ['a positive number', () => 1],
    ['a fraction', () => -1.5],
    ['something beyond the errnos', () => -5000],
    ['a promise', () => Promise.resolve(0)],
    ['true', () => true],
  ])('that returns %s is refused with EINVAL', (_what, result) => {
    const driver = describing(() => undefined);
    const lying = {
      ...driver,
      fileOperations: {
        prepare: { mmapPrepare: () => result() as 0 },
        proto: { mmapProto: () => result() as 0 },
        legacy: { mmap: () => result() as 0 },
      },
    };
    using stage = new Stage([lying], { mmapHook });
    expect(stage.map(stage.open(lying), 0, 2)).toBe(EINVAL);
    expectFaults(VIOLATED_RESULT);
  });

  it('drops the file that it had put in place before it refused', () => {
    const driver = describing((desc) => {
      desc.vmFile = fget(other) as File;
      return EIO;
    });
    using stage = new Stage([driver], { mmapHook });
    const fd = stage.open(driver);
    const other = stage.open(driver);
    expect(stage.map(fd, 0, 2)).toBe(EIO);
    stage.machine.close(other);
    expect(stage.lives()['file 8']).toBe(1);
  });
});

describe.each(['prepare', 'proto', 'legacy'] as const)(
  'a device that throws under %s',
  (mmapHook) => {
    const throwing = (thrown: () => unknown): Driver => {
      const hook = (): never => {
        throw thrown();
      };
      return {
        name: 'broken device',
        fileOperations: {
          prepare: { mmapPrepare: hook },
          proto: { mmapProto: hook },
          legacy: { mmap: hook },
        },
      };
    };

    it.each<[string, () => unknown]>([
      ['an Error', () => new Error('the device is on fire')],
      ['a string', () => 'the device is on fire'],
      ['undefined', () => undefined],
      [
        'an object that cannot be shown',
        () => ({
          toString: () => {
            throw new Error('not even this');
          },
        }),
      ],
    ])(
      'X-4 its throw of %s is EIO, the mm is unchanged, the fault is reported',
      (_what, thrown) => {
        const driver = throwing(thrown);
        using stage = new Stage([driver], { mmapHook });
        const fd = stage.open(driver);
        const books = stage.books();
        expect(stage.map(fd, 0, 2, { prot: RW, flags: MAP_PRIVATE })).toBe(EIO);
        expect(stage.map(fd, 0, 2, { flags: MAP_SHARED })).toBe(EIO);
        expect(stage.books()).toEqual(books);
        expect(stage.process.verdict().violation).toBe(VIOLATED_THROW);
        expect(stage.counter('driver_fault')).toBe(2);
        const [fault] = expectFaults(VIOLATED_THROW, VIOLATED_THROW);
        expect(fault?.driver).toBe('broken device');
      },
    );

    it('a hook that makes a system call is EIO, and nobody waits for ever', () => {
      const driver = throwing(() => {
        stage.process.munmap(BASE, PAGE);
        return new Error('not reached');
      });
      using stage = new Stage([driver], { mmapHook });
      expect(stage.map(stage.open(driver), 0, 2)).toBe(EIO);
      const [fault] = expectFaults(VIOLATED_THROW);
      expect(fault?.what).toContain('cannot use a process');
    });
  },
);
