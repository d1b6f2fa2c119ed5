/** The OOM killer and its reaper, process_mrelease(), and what they find of failed forks. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NULL } from '../../src/engine/arena/ref.ts';
import {
  MMF_OOM_SKIP,
  MMF_UNSTABLE,
  mmHasFlag,
  mmMapCount,
} from '../../src/engine/mm/mm_struct.ts';
import {
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteLock,
  mmapWriteUnlock,
} from '../../src/engine/mm/mmap_lock.ts';
import { vmaIterator, vmaPrev } from '../../src/engine/mm/vma_iterator.ts';
import { vmMm } from '../../src/engine/mm/vma_struct.ts';
import { mmRss } from '../../src/engine/page/rss.ts';
import { oomReapTask } from '../../src/engine/task/oom_reaper.ts';
import {
  CLONE_VM,
  EINVAL,
  ENOMEM,
  ESRCH,
  FAULT_BUS_ADRERR,
  Machine,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_PRIVATE,
  MAP_SHARED,
  type Process,
  PROT_READ,
  PROT_WRITE,
  SIGCHLD,
  SIGKILL,
  TASK_SIZE,
  WNOHANG,
} from '../../src/index.ts';
import { Household, page, portrait } from '../fork/household.ts';
import { mmOf } from '../pictures.ts';

const AT = 0x200000000000;
const SHARED_AT = 0x210000000000;
const FILE_AT = 0x220000000000;
const P = 4096;
const RW = PROT_READ | PROT_WRITE;

let machine: Machine;
let living: Process[];

beforeEach(() => {
  machine = Machine.create({ bytes: 16 * 2 ** 20, ramBytes: 16 * 2 ** 20 });
  living = [];
});

afterEach(() => {
  for (const process of living) if (process.isAlive) process.exit();
  machine.tearDown();
});

/** A process with so many pages of its own. */
function withPages(pages: number): Process {
  const process = machine.spawn();
  living.push(process);
  process.mmap(AT, 64 * P, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  for (let i = 0; i < pages; i++) process.store(AT + i * P, i + 1);
  return process;
}

const child = (process: Process | number): Process => {
  if (typeof process === 'number') throw new Error(`no child: ${process}`);
  living.push(process);
  return process;
};

describe('who is chosen', () => {
  it('is who has most pages', () => {
    const [few, most] = [withPages(3), withPages(30)];
    expect(machine.outOfMemory()?.id).toBe(most.id);
    expect([few.fatalSignal(), most.fatalSignal()]).toEqual([0, SIGKILL]);
  });

  it('among equals is the youngest, as in Linux', () => {
    const [, younger] = [withPages(5), withPages(5)];
    expect(machine.outOfMemory()?.id).toBe(younger.id);
  });

  it('is never a process with oom_score_adj -1000', () => {
    const spared = withPages(30);
    expect(machine.outOfMemory()?.id).toBe(spared.id);
    const [other, victim] = [withPages(20), withPages(10)];
    expect(other.setOomScoreAdj(-1000)).toBe(0);
    expect(machine.outOfMemory()?.id).toBe(victim.id);
    expect(machine.outOfMemory()).toBeNull();
    expect(other.fatalSignal()).toBe(0);
  });

  it('depends on oom_score_adj, in thousandths of all memory', () => {
    const [small, large] = [withPages(1), withPages(20)];
    small.setOomScoreAdj(1000);
    expect(small.oomScore()).toBeGreaterThan(1300);
    expect(large.oomScore()).toBeLessThan(700);
    expect(machine.outOfMemory()?.id).toBe(small.id);
    for (const wrong of [-1001, 1001, 0.5, NaN]) expect(large.setOomScoreAdj(wrong)).toBe(EINVAL);
    small.exit();
    expect(small.setOomScoreAdj(0)).toBe(ESRCH);
  });

  it('is not a child in its parent’s memory before it execs; its adj is its own', () => {
    const parent = withPages(10);
    const borrower = child(parent.vfork());
    expect(borrower.setOomScoreAdj(999)).toBe(0);
    expect(borrower.oomScore()).toBe(0);
    expect(parent.oomScore()).toBeLessThan(700);
    expect(machine.outOfMemory()?.id).toBe(parent.id);
    expect(borrower.fatalSignal(), 'but what its parent dies of, it dies of too').toBe(SIGKILL);
  });

  it('is nobody twice: one that is reaped has nothing more to give', () => {
    const [second, first] = [withPages(5), withPages(9)];
    expect(machine.outOfMemory()?.id).toBe(first.id);
    expect(machine.outOfMemory()?.id).toBe(second.id);
    expect(machine.outOfMemory()).toBeNull();
  });

  it('all who share the address space die with it, whatever their adj', () => {
    const victim = withPages(9);
    const sharer = child(victim.clone(CLONE_VM | SIGCHLD));
    expect(sharer.setOomScoreAdj(500), 'is that of both').toBe(0);
    expect(machine.outOfMemory()).not.toBeNull();
    expect([victim.fatalSignal(), sharer.fatalSignal()]).toEqual([SIGKILL, SIGKILL]);
  });
});

describe('S3-6 what is taken', () => {
  it('is private memory: VMAs and shared memory stay', () => {
    const victim = withPages(20);
    victim.mmap(SHARED_AT, 4 * P, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    const fd = machine.open({ kind: 'regular', path: '/f', size: 4 * P, writable: true });
    victim.mmap(FILE_AT, 4 * P, RW, MAP_PRIVATE | MAP_FIXED, fd, 0);
    victim.store(SHARED_AT, 77);
    victim.store(FILE_AT, 78);
    const before = victim.maps();
    expect(machine.outOfMemory()?.id).toBe(victim.id);
    expect(victim.maps()).toBe(before);
    expect(victim.rss()).toMatchObject({ anon: 0, file: 0, shmem: 1 });
    expect(victim.load(SHARED_AT)).toBe(77);
    victim.verify();
  });

  it('is never found as zeroes: who looks gets a signal', () => {
    const victim = withPages(20);
    const fd = machine.open({ kind: 'regular', path: '/f', size: 4 * P, writable: true });
    victim.mmap(FILE_AT, 4 * P, RW, MAP_PRIVATE | MAP_FIXED, fd, 0);
    victim.store(FILE_AT, 78);
    machine.outOfMemory();
    for (const at of [AT, AT + 40 * P]) {
      expect(victim.load(at)).toBe(FAULT_BUS_ADRERR);
      expect(victim.store(at, 1)).toBe(FAULT_BUS_ADRERR);
    }
    expect(victim.store(FILE_AT, 1), 'a copy of a page of the file').toBe(FAULT_BUS_ADRERR);
    expect(victim.load(FILE_AT), 'but fault-around finds the file’s own, as in Linux').toBe(0);
  });

  it('is left alone while the lock cannot be had; nobody is to hope for it then', () => {
    const victim = withPages(6);
    const mm = mmOf(victim);
    const writer = mmapWriteLock(mm);
    oomReapTask(mm);
    expect([mmHasFlag(mm, MMF_OOM_SKIP), mmHasFlag(mm, MMF_UNSTABLE)]).toEqual([true, false]);
    mmapWriteUnlock(writer);
    expect(mmRss(mm)).toBe(6);
    expect(machine.outOfMemory()).toBeNull();
  });

  it('of a process whose leader has ended is found by its other threads', () => {
    const victim = withPages(6);
    const thread = child(victim.clone(CLONE_VM | 0x10800));
    victim.exit();
    expect(machine.outOfMemory()?.id).toBe(victim.id);
    expect(thread.fatalSignal()).toBe(SIGKILL);
    expect(thread.rss().anon).toBe(0);
  });
});

describe('process_mrelease', () => {
  it('takes the memory of who is dying, and of nobody else', () => {
    const parent = withPages(2);
    const victim = child(parent.fork());
    expect(victim.mrelease()).toBe(EINVAL);
    expect(victim.mrelease(1)).toBe(EINVAL);
    victim.kill(SIGKILL);
    expect(victim.mrelease(1), 'flags come first').toBe(EINVAL);
    expect(victim.rss().anon).toBe(2);
    expect(victim.mrelease()).toBe(0);
    expect(victim.rss().anon).toBe(0);
    expect(victim.mrelease(), 'twice').toBe(0);
    expect(parent.load(AT)).toBe(1);
    victim.exit();
    expect(victim.mrelease(), 'of a zombie').toBe(ESRCH);
    expect(parent.wait(-1, WNOHANG)).toEqual({ pid: victim.id, status: SIGKILL });
    expect(victim.mrelease(), 'of nobody').toBe(ESRCH);
  });

  it('takes nothing while somebody who lives shares it', () => {
    const parent = withPages(3);
    const sharer = child(parent.clone(CLONE_VM | SIGCHLD));
    sharer.kill(SIGKILL);
    expect(sharer.mrelease()).toBe(EINVAL);
    parent.kill(SIGKILL);
    expect(sharer.mrelease()).toBe(0);
    expect(parent.rss().anon).toBe(0);
  });
});

describe.each(['tree-limit', 'xa-zero'] as const)(
  'S3-5 S3-6 S3-11 after a failed fork, %s',
  (how) => {
    it.each(['charge', 'pages', 'signal'] as const)(
      'the reaper takes nothing of the parent; %s',
      (step) => {
        using house = new Household({ forkRecovery: how });
        const before = portrait(house.process);
        house.holdNext();
        house.machine.failFork(step, 4);
        expect(house.process.fork()).toBeLessThan(0);
        const { held } = house;
        expect([mmHasFlag(held, MMF_OOM_SKIP), mmHasFlag(held, MMF_UNSTABLE)]).toEqual([
          true,
          true,
        ]);
        // What one would meet who, like the reaper, came from the right, and did not ask for the flag.
        const reader = mmapReadLock(held);
        const last = vmaPrev(vmaIterator(reader, TASK_SIZE));
        expect(last === NULL ? 'nothing' : vmMm(last) === held ? 'its own' : 'of the parent').toBe(
          how === 'xa-zero' ? 'of the parent' : 'nothing',
        );
        mmapReadUnlock(reader);
        oomReapTask(held);
        for (const at of [4, 20, 60, 700]) expect(house.process.load(page(at))).toBe(at);
        house.release();
        expect(portrait(house.process)).toEqual(before);
      },
    );

    it('that failed behind the last VMA leaves all to the reaper, or nothing', () => {
      using house = new Household({ forkRecovery: how });
      const before = portrait(house.process);
      house.holdNext();
      house.machine.failFork('finish');
      expect(house.process.fork()).toBe(ENOMEM);
      const { held } = house;
      expect(mmHasFlag(held, MMF_UNSTABLE)).toBe(true);
      expect(mmMapCount(held) > 0).toBe(how === 'xa-zero');
      oomReapTask(held);
      expect(mmHasFlag(held, MMF_OOM_SKIP)).toBe(true);
      house.release();
      expect(portrait(house.process)).toEqual(before);
    });
  },
);
