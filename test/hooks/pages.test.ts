/** Drivers and page tables: what a failing hook has mapped, device memory, data that stays, faults. */
import { describe, expect, it } from 'vitest';
import { filemapFault } from '../../src/engine/file/filemap.ts';
import { fileInode } from '../../src/engine/file/file_struct.ts';
import { ptePtr } from '../../src/engine/page/table_struct.ts';
import { pageOf, pageRefcount, pfnOf, type Page } from '../../src/engine/page/page_struct.ts';
import { ptePfn } from '../../src/engine/page/pte.ts';
import { FAULT_SIGSEGV, type FaultError } from '../../src/engine/page/vm_fault.ts';
import { word } from '../../src/engine/arena/memory.ts';
import { findGetPage } from '../../src/engine/file/page_cache.ts';
import { putPage } from '../../src/engine/page/page_alloc.ts';
import {
  daxDriver,
  type Driver,
  EEXIST,
  EINVAL,
  EIO,
  EPERM,
  type File,
  flagsOf,
  hasFlag,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  type NewVma,
  pfnDevice,
  PROT_READ,
  PROT_WRITE,
  VIOLATED_FRAME,
  VIOLATED_RESULT,
  VIOLATED_THROW,
  type Vma,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_IO,
  VM_PFNMAP,
  vmFile,
  type VmOperations,
} from '../../src/index.ts';
import { made } from '../made.ts';
import { mmOf, PAGE } from '../pictures.ts';
import { BASE, expectFaults, Stage } from './stage.ts';

const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;

const pageAt = (file: File, index: number): Page => {
  const page = findGetPage(fileInode(file), index);
  if (page === 0) throw new Error(`The device has no frame ${index}.`);
  putPage(page);
  return page;
};

/** A device that has its frames mapped as `map` says. */
const device = (map: (file: File, vma: NewVma) => number): Driver => ({
  ...pfnDevice,
  name: 'odd device',
  fileOperations: {
    ...pfnDevice.fileOperations,
    mmap: (file, vma) => map(file, vma) as 0,
  },
});

/** Maps `count` frames of the file's own from the start. */
function mapSome(file: File, vma: NewVma, count: number): number {
  for (let i = 0; i < count; i++) {
    const addr = vma.vmStart + i * PAGE;
    const refused = vma.remapPfnRange({ addr, size: PAGE, pfn: pfnOf(pageAt(file, i)) });
    if (refused !== 0) return refused;
  }
  return 0;
}

const entry = (stage: Stage, page: number): number => {
  const at = ptePtr(mmOf(stage.process), BASE + page * PAGE);
  return at === 0 ? 0 : word(at);
};

describe.each(['prepare', 'proto', 'legacy'] as const)('%s: a device', (mmapHook) => {
  it('S1-4 that maps three pages and then fails leaves no entry, no table and no reference', () => {
    const driver = device((file, vma) => mapSome(file, vma, 3) || EIO);
    using stage = new Stage([driver], { mmapHook });
    const fd = stage.open(driver);
    // A neighbour below the same tables, whose memory stays.
    stage.map(-1, 8, 1, { prot: RW, flags: ANON });
    stage.process.store(BASE + 8 * PAGE, 77);
    const books = stage.books();
    for (let i = 0; i < 3; i++) expect(stage.map(fd, 0, 4, { prot: RW })).toBe(EIO);
    expect([0, 1, 2, 3].map((page) => entry(stage, page))).toEqual([0, 0, 0, 0]);
    expect(stage.books()).toEqual(books);
    expect(stage.process.load(BASE + 8 * PAGE)).toBe(77);
    stage.unmap(8, 1);
    expect(stage.map(fd, 0, 4, { prot: RW })).toBe(EIO);
    expect(stage.lives()['page_table 528'], 'all but the first table').toBe(1);
  });

  it('S1-4 the same over what was mapped there: a hole, with nothing of either', () => {
    const driver = device((file, vma) => mapSome(file, vma, 2) || EIO);
    using stage = new Stage([driver], { mmapHook });
    const fd = stage.open(driver);
    stage.map(-1, 0, 4, { prot: RW, flags: ANON });
    stage.process.store(BASE, 1);
    expect(stage.map(fd, 0, 4, { prot: RW })).toBe(EIO);
    expect(stage.picture(4)).toBe('....');
    expect(stage.process.touch(BASE, 'read')).toBe('SEGV_MAPERR');
  });

  it('S1-18 shows its frames to everybody who maps it, and they are its own to the end', () => {
    using stage = new Stage([pfnDevice], { mmapHook });
    const fd = stage.open(pfnDevice, { size: 4 * PAGE });
    expect(stage.map(fd, 0, 4, { prot: RW })).toBe(0);
    expect(stage.map(fd, 10, 2, { pgoff: 1 })).toBe(10);
    stage.process.store(BASE + PAGE, 0xabcd);
    expect(stage.process.load(BASE + 10 * PAGE), 'the same frame at another place').toBe(0xabcd);
    const child = made(stage.process.fork());
    child.store(BASE + 2 * PAGE, 0x1234);
    expect(stage.process.load(BASE + 11 * PAGE), 'and to a child').toBe(0x1234);
    const special = flagsOf(VM_IO, VM_PFNMAP, VM_DONTEXPAND, VM_DONTDUMP);
    for (const { flags } of stage.process.vmas()) {
      expect(hasFlag(flags, VM_IO) && hasFlag(flags, VM_PFNMAP)).toBe(true);
      expect(hasFlag(flags, special)).toBe(true);
    }
    child.exit();
    // The descriptor goes; the mappings keep the device.
    stage.machine.close(fd);
    expect(stage.process.load(BASE + PAGE)).toBe(0xabcd);
    const [frame] = [pageOf(ptePfn(entry(stage, 1)))];
    expect(pageRefcount(frame), 'only the device holds its frame').toBe(1);
    stage.unmap(0, 20);
    expect(stage.lives()['file 8']).toBe(0);
    const pages = stage.machine.report().caches.find(({ name }) => name === 'page');
    expect(pages?.live).toBe(0);
  });

  it('beyond its last frame it is EINVAL, with nothing mapped', () => {
    using stage = new Stage([pfnDevice], { mmapHook });
    const fd = stage.open(pfnDevice, { size: 4 * PAGE });
    stage.map(-1, 60, 1, { prot: RW, flags: ANON });
    stage.process.store(BASE + 60 * PAGE, 1); // the first table is there
    const books = stage.books();
    expect(stage.map(fd, 2, 4)).toBe(EINVAL);
    expect(stage.books()).toEqual(books);
  });
});

describe('frames that are not the device’s own', () => {
  it.each<[string, (stage: Stage) => number]>([
    ['of a process', (stage) => ptePfn(entry(stage, 20))],
    ['of another device', (stage) => ptePfn(entry(stage, 30))],
    ['that do not exist', () => 2 ** 23],
    ['the zero page', () => 0],
    ['a fraction', () => 0.5],
    ['negative', () => -1],
  ])('%s are refused: EPERM, and a violation', (_whose, frameOf) => {
    let pfn = 0;
    const driver = device((_file, vma) =>
      vma.remapPfnRange({ addr: vma.vmStart, size: PAGE, pfn }),
    );
    using stage = new Stage([driver, pfnDevice]);
    const fd = stage.open(driver);
    stage.map(-1, 20, 1, { prot: RW, flags: ANON });
    stage.process.store(BASE + 20 * PAGE, 5);
    stage.map(stage.open(pfnDevice, { size: PAGE }), 30, 1, { pgoff: 0 });
    pfn = frameOf(stage);
    const books = stage.books();
    expect(stage.map(fd, 0, 1, { prot: RW })).toBe(EPERM);
    expect(stage.books()).toEqual(books);
    expectFaults(VIOLATED_FRAME);
    expect(stage.process.verdict().violation).toBe(VIOLATED_FRAME);
  });

  it.each<[string, (vma: NewVma) => { addr: number; size: number }, number]>([
    ['before the VMA', (vma) => ({ addr: vma.vmStart - PAGE, size: PAGE }), EINVAL],
    ['beyond it', (vma) => ({ addr: vma.vmStart, size: 3 * PAGE }), EINVAL],
    ['no page', (vma) => ({ addr: vma.vmStart, size: 0 }), EINVAL],
    ['half a page', (vma) => ({ addr: vma.vmStart + 5, size: PAGE }), EINVAL],
  ])('a place that is not the VMA’s: %s', (_what, place, errno) => {
    const driver = device((file, vma) =>
      vma.remapPfnRange({ ...place(vma), pfn: pfnOf(pageAt(file, 0)) }),
    );
    using stage = new Stage([driver]);
    expect(stage.map(stage.open(driver), 0, 2)).toBe(errno);
  });

  it('one frame over another is EEXIST', () => {
    const driver = device((file, vma) => mapSome(file, vma, 1) || mapSome(file, vma, 1));
    using stage = new Stage([driver]);
    expect(stage.map(stage.open(driver), 0, 2)).toBe(EEXIST);
    expect(entry(stage, 0)).toBe(0);
  });

  it('a private writable mapping is of all its frames at once, and its stores are its own', () => {
    using stage = new Stage([pfnDevice]);
    const fd = stage.open(pfnDevice, { size: 4 * PAGE });
    expect(stage.map(fd, 0, 2, { prot: RW, flags: MAP_PRIVATE })).toBe(EINVAL);
    stage.map(fd, 4, 1, { prot: RW, pgoff: 0 });
    stage.process.store(BASE + 4 * PAGE, 41);
    expect(stage.map(fd, 0, 1, { prot: RW, flags: MAP_PRIVATE })).toBe(0);
    expect(stage.process.load(BASE)).toBe(41);
    stage.process.store(BASE, 42);
    expect(stage.process.load(BASE)).toBe(42);
    expect(stage.process.load(BASE + 4 * PAGE), 'the device’s is as it was').toBe(41);
  });
});

describe('data', () => {
  const refusing: Driver = {
    name: 'refusing',
    fileOperations: {
      prepare: { mmapPrepare: () => EIO },
      proto: { mmapProto: () => EIO },
      legacy: { mmap: () => EIO },
    },
  };

  it.each([
    ['prepare', 'reattach', 4711],
    ['proto', 'reattach', 4711],
    ['prepare', 'leave-gap', 'SEGV_MAPERR'],
    ['legacy', 'reattach', 'SEGV_MAPERR'],
  ] as const)(
    'S1-12 S1-10 %s, %s: a refused MAP_FIXED over it leaves %s',
    (mmapHook, mapFixedFailure, left) => {
      using stage = new Stage([refusing], { mmapHook, mapFixedFailure });
      const fd = stage.open(refusing);
      stage.map(-1, 0, 2, { prot: RW, flags: ANON });
      stage.process.store(BASE, 4711);
      expect(stage.map(fd, 0, 2)).toBe(EIO);
      if (left === 'SEGV_MAPERR') return expect(stage.process.touch(BASE, 'read')).toBe(left);
      expect(stage.process.load(BASE)).toBe(left);
      stage.process.store(BASE, 4712);
      expect(stage.process.load(BASE), 'it can be written, too').toBe(4712);
    },
  );

  it('of a file with the operations of the page cache is there for two mappings', () => {
    using stage = new Stage([daxDriver]);
    const fd = stage.open(daxDriver);
    stage.map(fd, 0, 2, { prot: RW });
    stage.map(fd, 8, 2, { prot: RW, pgoff: 0 });
    stage.process.store(BASE + PAGE, 9);
    expect(stage.process.load(BASE + 9 * PAGE)).toBe(9);
  });
});

describe('a fault handler of a driver’s own', () => {
  const faulting = (fault: VmOperations['fault'], more: Partial<VmOperations> = {}): Driver => {
    const table: VmOperations = { name: 'own', ...more, ...(fault && { fault }) };
    return {
      name: 'faulting',
      vmOperations: [table],
      fileOperations: {
        mmapPrepare: (desc) => {
          desc.vmOps = table;
          return 0;
        },
      },
    };
  };
  const inodeOf = (vma: Vma): ReturnType<typeof fileInode> => fileInode(vmFile(vma) as File);

  it('gives pages by any rule: here, every page of the mapping is the first of the file', () => {
    const driver = faulting((vma) => filemapFault(inodeOf(vma), 0));
    using stage = new Stage([driver]);
    stage.map(stage.open(driver), 0, 4, { prot: RW });
    stage.process.store(BASE + 3 * PAGE, 6);
    expect([0, 1, 2].map((page) => stage.process.load(BASE + page * PAGE))).toEqual([6, 6, 6]);
  });

  it('without one a touch is SIGBUS', () => {
    const driver = faulting(undefined);
    using stage = new Stage([driver]);
    stage.map(stage.open(driver), 0, 1);
    expect(stage.process.touch(BASE, 'read')).toBe('BUS_ADRERR');
  });

  it('its refusal is the signal', () => {
    const driver = faulting((): FaultError => FAULT_SIGSEGV);
    using stage = new Stage([driver]);
    stage.map(stage.open(driver), 0, 1);
    expect(stage.process.touch(BASE, 'read')).toMatch(/^SEGV/u);
    expectFaults();
  });

  it.each<[string, () => unknown, number]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
      VIOLATED_THROW,
    ],
    ['returns nothing', () => undefined, VIOLATED_RESULT],
    ['returns a word', () => 'page', VIOLATED_RESULT],
    ['returns what is no page', () => 12_345_678, VIOLATED_RESULT],
    ['returns an unknown refusal', () => -3, VIOLATED_RESULT],
  ])('that %s is SIGBUS, and is reported', (_what, fault, violation) => {
    const driver = faulting(fault as () => FaultError);
    using stage = new Stage([driver]);
    stage.map(stage.open(driver), 0, 1, { prot: RW });
    expect(stage.process.touch(BASE, 'read')).toBe('BUS_ADRERR');
    expect(stage.process.touch(BASE, 'write')).toBe('BUS_ADRERR');
    const [fault1] = expectFaults(violation, violation);
    expect(fault1?.hook).toBe('fault');
  });

  it('that throws while it looks for neighbours only loses them', () => {
    const driver = faulting((vma, pgoff) => filemapFault(inodeOf(vma), pgoff), {
      mapPages: () => {
        throw new Error('no');
      },
    });
    using stage = new Stage([driver]);
    stage.map(stage.open(driver), 0, 2, { prot: RW });
    expect(stage.process.touch(BASE, 'read')).toBe('done');
    expect(stage.process.rss().file).toBe(1);
    const [fault] = expectFaults(VIOLATED_THROW);
    expect(fault?.hook).toBe('mapPages');
    stage.process.munmap(BASE, 2 * PAGE); // no read section was left open
  });

  it('pageMkwrite may refuse a store, and not break one', () => {
    let answer: () => unknown = () => 0;
    const driver = faulting((vma, pgoff) => filemapFault(inodeOf(vma), pgoff), {
      pageMkwrite: () => answer() as 0,
    });
    using stage = new Stage([driver]);
    stage.map(stage.open(driver), 0, 3, { prot: RW });
    expect(stage.process.touch(BASE, 'write')).toBe('done');
    answer = () => FAULT_SIGSEGV;
    expect(stage.process.touch(BASE + PAGE, 'write')).toMatch(/^SEGV/u);
    answer = () => {
      throw new Error('no');
    };
    expect(stage.process.touch(BASE + 2 * PAGE, 'write')).toBe('BUS_ADRERR');
    expect(stage.process.touch(BASE + 2 * PAGE, 'read')).toBe('done');
    expectFaults(VIOLATED_THROW);
  });
});
