/**
 * What nobody expects and everybody may meet: an address space without VMAs. A fork that failed
 * leaves one to whoever has got hold of it, and a process has one between its last munmap and its
 * next mmap.
 */
import { describe, expect, it } from 'vitest';
import { mmget, mmput } from '../../src/engine/mm/mm_refs.ts';
import { setTaskMm } from '../../src/engine/mm/task_struct.ts';
import {
  EFAULT,
  EINVAL,
  ENOMEM,
  FAULT_SEGV_MAPERR,
  MADV_DONTNEED,
  MADV_POPULATE_READ,
  MADV_WILLNEED,
  MCL_CURRENT,
  MREMAP_MAYMOVE,
  MS_SYNC,
  OK,
  type Process,
  PROT_READ,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../src/index.ts';
import { made } from '../made.ts';
import { mmOf, taskOf } from '../pictures.ts';
import { Household, page, pages } from './household.ts';

const [at, size] = [page(4), pages(2)];

function watched(process: Process, act: (fd: number) => unknown): unknown {
  const fd = process.userfaultfd(0);
  expect(process.uffdApi(fd, 0)).toBe(OK);
  const result = act(fd);
  process.machine.close(fd);
  return result;
}

/** Every call that takes VMAs, and what it says where there are none. */
const CALLS: Readonly<Record<string, readonly [(process: Process) => unknown, unknown]>> = {
  munmap: [(p) => p.munmap(at, size), OK],
  mprotect: [(p) => p.mprotect(at, size, PROT_READ), ENOMEM],
  pkeyMprotect: [(p) => p.pkeyMprotect(at, size, PROT_READ, -1), ENOMEM],
  mremap: [(p) => p.mremap(at, size, size * 2, MREMAP_MAYMOVE), EFAULT],
  'brk of 0': [(p) => p.brk(0), 0],
  dontneed: [(p) => p.madvise(at, size, MADV_DONTNEED), ENOMEM],
  willneed: [(p) => p.madvise(at, size, MADV_WILLNEED), ENOMEM],
  populate: [(p) => p.madvise(at, size, MADV_POPULATE_READ), ENOMEM],
  mlock: [(p) => p.mlock(at, size), ENOMEM],
  munlock: [(p) => p.munlock(at, size), ENOMEM],
  mlockall: [(p) => p.mlockall(MCL_CURRENT), OK],
  munlockall: [(p) => p.munlockall(), OK],
  msync: [(p) => p.msync(at, size, MS_SYNC), ENOMEM],
  mseal: [(p) => p.mseal(at, size, 0), ENOMEM],
  mbind: [(p) => p.mbind(at, size, 2, 1, 0), EFAULT],
  remapFilePages: [(p) => p.remapFilePages(at, size, 0, 0, 0), EINVAL],
  mincore: [(p) => p.mincore(at, size), ENOMEM],
  setAnonName: [(p) => p.setAnonName(at, size, 'name'), ENOMEM],
  setMdwe: [(p) => p.setMdwe(1), OK],
  setMemoryMerge: [(p) => p.setMemoryMerge(true), OK],
  uffdRegister: [
    (p) => watched(p, (fd) => p.uffdRegister(fd, at, size, UFFDIO_REGISTER_MODE_MISSING)),
    EINVAL,
  ],
  uffdUnregister: [(p) => watched(p, (fd) => p.uffdUnregister(fd, at, size)), EINVAL],
  'touch to read': [(p) => p.touch(at, 'read'), 'SEGV_MAPERR'],
  'touch to write': [(p) => p.touch(at, 'write'), 'SEGV_MAPERR'],
  load: [(p) => p.load(at), FAULT_SEGV_MAPERR],
  store: [(p) => p.store(at, 1), FAULT_SEGV_MAPERR],
  read: [(p) => p.read(at, new Uint8Array(9)), FAULT_SEGV_MAPERR],
  maps: [(p) => p.maps().split('\n').length, 2], // the vsyscall page, and the end of the text
  smaps: [(p) => /[0-9a-f]-[0-9a-f]+ (?!--xp)/.test(p.smaps()), false],
  vmas: [(p) => p.vmas(), []],
  find: [(p) => p.find(at), null],
  dumpVma: [(p) => p.dumpVma(at), null],
  mapCount: [(p) => p.mapCount(), 0],
  pageStats: [(p) => p.pageStats(), []],
  rss: [(p) => p.rss().anon + p.rss().file + p.rss().shmem, 0],
  walkRmap: [(p) => p.walkRmap(at), []],
  verify: [(p) => p.verify(), undefined],
  'fork and exit': [(p) => made(p.fork()).exit(), undefined],
};

/** A child whose fork has failed, in the hands of a process of its own. */
function inherit(home: Household): Process {
  home.holdNext();
  home.machine.failFork('vma', 6);
  expect(home.process.fork()).toBe(ENOMEM);
  const heir = home.machine.spawn();
  mmput(mmOf(heir));
  setTaskMm(taskOf(heir), mmget(home.held));
  return heir;
}

describe('S3-11 an address space without VMAs', () => {
  it.each(Object.entries(CALLS))('a spawned one: %s', (_name, [call, result]) => {
    using home = new Household();
    const process = home.machine.spawn();
    expect(call(process)).toEqual(result);
    process.exit();
  });

  it.each(Object.entries(CALLS))('a child whose fork has failed: %s', (_name, [call, result]) => {
    using home = new Household();
    const heir = inherit(home);
    expect(call(heir)).toEqual(result);
    heir.exit();
    home.release();
  });

  it('all its VMAs have been unmapped: the same answers', () => {
    using home = new Household();
    const process = home.machine.spawn();
    process.mmap(at, size, 3, 0x32, -1, 0);
    process.store(at, 1);
    process.munmap(0, 2 ** 47 - pages(1));
    for (const [name, [call, result]] of Object.entries(CALLS)) {
      expect(call(process), name).toEqual(result);
    }
    process.exit();
  });

  it('is met by all who walk address spaces, and can be mapped into again', () => {
    using home = new Household();
    const process = home.machine.spawn();
    for (const manner of ['careful', 'careless', 'skips-marks'] as const) {
      const visit = home.machine.walkMms(manner).find(({ mm }) => mm === mmOf(process));
      expect(visit).toMatchObject({ met: 'end', vmas: 0 });
    }
    expect(process.mmap(at, size, 3, 0x32, -1, 0)).toBe(at);
    expect(process.store(at, 1)).toBe(0);
    process.exit();
  });
});
