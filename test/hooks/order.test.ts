/** When the hook is called, and what a refusal leaves: seed 001, S1-9 to S1-12, S1-15, S1-27, S1-29. */
import { describe, expect, it } from 'vitest';
import {
  type Driver,
  EACCES,
  EAGAIN,
  EBADF,
  EBUSY,
  EEXIST,
  EINTR,
  EINVAL,
  EIO,
  ENODEV,
  ENOMEM,
  ENOSPC,
  EOPNOTSUPP,
  EPERM,
  type Errno,
  fget,
  type File,
  fput,
  type HookName,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
  registerDriver,
  unregisterDriver,
  VM_DONTDUMP,
  withFlags,
} from '../../src/index.ts';
import { vmLockSeqAt, vmRefcntAt } from '../../src/engine/mm/vma_struct.ts';
import { mmapRegion } from '../../src/engine/vma/map.ts';
import { Canvas, expectPicture, PAGE, PLAIN } from '../pictures.ts';
import { BASE, Stage } from './stage.ts';

const RW = PROT_READ | PROT_WRITE;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS;
const DESCRIPTOR_HOOKS = ['prepare', 'proto'] as const;
const ALL_HOOKS = ['prepare', 'proto', 'legacy'] as const;

/** A driver that answers with an errno in every generation. */
const refusing = (answer: () => number): Driver => {
  const refuse = (): 0 | Errno => answer() as 0 | Errno;
  return {
    name: 'refusing',
    fileOperations: {
      prepare: { mmapPrepare: refuse },
      proto: { mmapProto: refuse },
      legacy: { mmap: refuse },
    },
  };
};

/** A remote I/O error: an errno that the engine has no name for. */
const EREMOTEIO = -121 as Errno;
const ERRNOS = [EPERM, EINTR, EIO, EBADF, EAGAIN, ENOMEM, EACCES, EBUSY, EEXIST, ENODEV]
  .concat([EINVAL, ENOSPC, EOPNOTSUPP] as Errno[])
  .concat([EREMOTEIO]);

describe('a mapping of a file', () => {
  it.each(DESCRIPTOR_HOOKS)(
    'S1-27 S1-9 S1-15 %s: hook, merge, else a VMA, one store',
    (mmapHook) => {
      const accepting = refusing(() => 0);
      using stage = new Stage([accepting], { mmapHook });
      const fd = stage.open(accepting);
      const created = ['prepare', 'descriptor hook', 'merge', 'new VMA', 'store', 'complete'];
      expect(stage.steps(() => stage.map(fd, 0, 2))).toEqual(created);
      const merged = ['prepare', 'descriptor hook', 'merge', 'store', 'complete'];
      expect(stage.steps(() => stage.map(fd, 2, 2))).toEqual(merged);
      expect(stage.picture(5)).toBe('AAAA.');
    },
  );

  it('S1-27 S1-15 S1-13 legacy: merge, else a VMA, its hook, a second merge and store', () => {
    const marking: Driver = {
      name: 'marking',
      fileOperations: {
        mmap: (_file, vma) => {
          vma.vmFlags = withFlags(vma.vmFlags, VM_DONTDUMP);
          return 0;
        },
      },
    };
    using stage = new Stage([marking], { mmapHook: 'legacy' });
    const fd = stage.open(marking);
    const first = ['prepare', 'descriptor hook', 'merge', 'new VMA', 'mmap hook', 'store'];
    expect(stage.steps(() => stage.map(fd, 0, 2))).toEqual([...first, 'complete']);
    const steps = stage.steps(() => stage.map(fd, 2, 2));
    expect(steps).toEqual([...first, 'retry merge', 'store', 'complete']);
    expect(stage.counter('mmap_retry_merge')).toBe(1);
    expect(stage.counter('mmap_retry_merge_success')).toBe(1);
    expect(stage.picture(5)).toBe('AAAA.');
  });

  it('A.3 S1-12 the old mapping is cleaned up right before the store, or before a legacy .mmap', () => {
    const accepting = refusing(() => 0);
    const stepsOf = (mmapHook: HookName, mapFixedFailure: 'reattach' | 'leave-gap'): string[] => {
      using stage = new Stage([accepting], { mmapHook, mapFixedFailure });
      const fd = stage.open(accepting);
      stage.map(-1, 0, 2, { prot: RW, flags: ANON });
      return stage.steps(() => stage.map(fd, 0, 2));
    };
    const rest = ['store', 'complete'];
    expect(stepsOf('prepare', 'reattach')).toEqual(
      ['prepare', 'descriptor hook', 'merge', 'new VMA', 'clean up'].concat(rest),
    );
    expect(stepsOf('prepare', 'leave-gap')).toEqual(
      ['prepare', 'clean up', 'descriptor hook', 'merge', 'new VMA'].concat(rest),
    );
    expect(stepsOf('legacy', 'reattach')).toEqual(
      ['prepare', 'descriptor hook', 'merge', 'new VMA', 'clean up', 'mmap hook'].concat(rest),
    );
  });

  it.each(DESCRIPTOR_HOOKS)('S1-9 %s: nothing is allocated when the hook runs', (mmapHook) => {
    let atHook = -1;
    const counting = refusing(() => {
      atHook = stage.allocations();
      return 0;
    });
    using stage = new Stage([counting], { mmapHook });
    const fd = stage.open(counting);
    stage.map(-1, 0, 3, { prot: RW, flags: ANON });
    const before = stage.allocations();
    expect(stage.map(fd, 0, 3)).toBe(0);
    expect(atHook).toBe(before);
    expect(stage.allocations()).toBeGreaterThan(before);
  });
});

describe('a hook that refuses', () => {
  it.each(ALL_HOOKS)(
    'S1-10 %s: its errno is the result, and no word of an object has moved',
    (mmapHook) => {
      let answer = 0;
      const driver = refusing(() => answer);
      using stage = new Stage([driver], { mmapHook });
      const fd = stage.open(driver);
      stage.map(-1, 0, 2, { prot: RW, flags: ANON });
      stage.process.touch(BASE, 'write');
      // What a legacy mapping allocates goes back to free lists, whose words are nobody's.
      const isBare = mmapHook !== 'legacy';
      for (const errno of ERRNOS) {
        answer = errno;
        const image = stage.machine.save();
        const books = stage.books();
        for (const flags of [MAP_SHARED, MAP_PRIVATE]) {
          expect(stage.process.mmap(0, 3 * PAGE, RW, flags, fd, 0)).toBe(errno);
          expect(stage.map(fd, 4, 2, { prot: RW, flags })).toBe(errno);
        }
        if (isBare) expect(stage.changedWords(image)).toEqual([]);
        expect(stage.books()).toEqual(books);
      }
    },
  );

  it.each(DESCRIPTOR_HOOKS)(
    'S1-10 S1-12 %s: MAP_FIXED changes only the locks of its victims',
    (mmapHook) => {
      const driver = refusing(() => EIO);
      using stage = new Stage([driver], { mmapHook });
      const fd = stage.open(driver);
      stage.map(-1, 0, 2, { prot: RW, flags: ANON });
      stage.map(-1, 2, 2, { prot: PROT_READ, flags: ANON });
      stage.process.touch(BASE, 'write');
      const image = stage.machine.save();
      const books = stage.books();
      expect(stage.map(fd, 0, 4, { prot: RW, flags: MAP_PRIVATE })).toBe(EIO);
      expect(stage.books()).toEqual(books);
      const locks = new Set(stage.vmas().flatMap((vma) => [vmRefcntAt(vma), vmLockSeqAt(vma)]));
      expect(stage.changedWords(image).filter((at) => !locks.has(at))).toEqual([]);
      expect(stage.process.touch(BASE, 'write'), 'it is still attached').toBe('done');
    },
  );

  it.each([
    ['prepare', 'reattach', 'ABCD'],
    ['proto', 'reattach', 'ABCD'],
    ['legacy', 'reattach', 'A..B'], // its page tables could not be kept
    ['prepare', 'leave-gap', 'A..B'],
    ['proto', 'leave-gap', 'A..B'],
    ['legacy', 'leave-gap', 'A..B'],
  ] as const)(
    'S1-12 S0-23a %s, %s: leaves %s of what it was to replace',
    (mmapHook, mapFixedFailure, after) => {
      const driver = refusing(() => EIO);
      using stage = new Stage([driver], { mmapHook, mapFixedFailure });
      const fd = stage.open(driver);
      stage.map(-1, 0, 2, { prot: RW, flags: ANON });
      stage.map(-1, 2, 2, { prot: PROT_READ, flags: ANON });
      expect(stage.map(fd, 1, 2)).toBe(EIO);
      expect(stage.picture(4)).toBe(after);
      const pages = after.startsWith('AB') ? 2 : 1;
      expect(stage.machine.report().committedPages, 'the charge of what is left').toBe(pages);
    },
  );

  it.each(ALL_HOOKS)('S1-11 %s: a thousand refusals charge nothing', (mmapHook) => {
    const driver = refusing(() => EINVAL);
    using stage = new Stage([driver], { mmapHook });
    const fd = stage.open(driver);
    stage.map(-1, 0, 2, { prot: RW, flags: ANON });
    for (let i = 0; i < 1000; i++) {
      expect(stage.map(fd, 10, 64, { prot: RW, flags: MAP_PRIVATE })).toBe(EINVAL);
    }
    expect(stage.machine.report().committedPages).toBe(2);
  });

  it.each(ALL_HOOKS)(
    'S1-11 %s: a refused replacement returns the charge, more or less than before',
    (mmapHook) => {
      const driver = refusing(() => EINVAL);
      using stage = new Stage([driver], { mmapHook, mapFixedFailure: 'leave-gap' });
      const fd = stage.open(driver);
      stage.map(-1, 0, 8, { prot: RW, flags: ANON });
      expect(stage.map(fd, 2, 2, { prot: RW, flags: MAP_PRIVATE })).toBe(EINVAL);
      expect(stage.machine.report().committedPages).toBe(6);
      expect(stage.map(fd, 6, 20, { prot: RW, flags: MAP_PRIVATE })).toBe(EINVAL);
      expect(stage.machine.report().committedPages).toBe(4);
    },
  );
});

describe('memory that runs out after the hook', () => {
  it.each(['vm_area_struct', 'maple_node'])(
    'S1-29 S1-26 no %s: ENOMEM, the charge is back, the victim too',
    (cache) => {
      let calls = 0;
      let failures = 0;
      const driver = refusing(() => {
        calls++;
        stage.machine.failAllocations(cache, 0, -1);
        return 0;
      });
      using stage = new Stage([driver]);
      const fd = stage.open(driver);
      // The hole behind each is replaced too, so that its leaf has to be built anew.
      for (let i = 0; i < 15; i++) stage.map(-1, 2 * i, 1, { prot: RW, flags: ANON });
      for (let at = 0; at < 30; at += 2) {
        const books = stage.books();
        const result = stage.map(fd, at, 2, { prot: RW, flags: MAP_PRIVATE });
        stage.machine.failAllocations(cache, 0, 0);
        if (cache === 'vm_area_struct') expect(result).toBe(ENOMEM);
        if (result >= 0) continue;
        failures++;
        expect(stage.books()).toEqual(books);
      }
      expect(calls).toBe(15);
      expect(failures).toBeGreaterThan(0);
    },
  );
});

describe('S1-25 the floor of the VMAs by itself', () => {
  it('maps a file with a hook, splits and merges, without a system call, a fault or a scheduler', () => {
    const marking: Driver = {
      name: 'marking',
      fileOperations: {
        mmapPrepare: (desc) => {
          desc.vmFlags = withFlags(desc.vmFlags, VM_DONTDUMP);
          return 0;
        },
      },
    };
    registerDriver(marking);
    using canvas = new Canvas('AAAA....');
    const { machine } = canvas;
    const fd = machine.open({ kind: 'driver', driver: 'marking', path: '/m', size: PAGE });
    const file = fget(fd) as File;
    const map = (start: number, end: number): number =>
      mmapRegion({
        mm: canvas.mm,
        start: start * PAGE,
        end: end * PAGE,
        pgoff: start,
        flags: PLAIN,
        file,
      });
    expect(map(4, 6)).toBe(0);
    expect(map(6, 7)).toBe(0);
    expectPicture(canvas.picture(), 'AAAAnnn.');
    canvas.relock();
    expect(map(2, 4)).toBe(0);
    expectPicture(canvas.picture(), 'oonnnnn.'); // of A, the lower part of a split is the new one
    canvas.relock();
    canvas.verify();
    fput(file);
    unregisterDriver('marking');
  });
});
