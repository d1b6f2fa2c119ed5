/**
 * P2-17: who may have what beside whom. One worker holds a state of the table in docs/locking.md,
 * another one tries each of those that can be tried.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimCpu, type Cpu, releaseCpu } from '../../src/engine/arena/cpu.ts';
import type { MmRead, MmWrite, Vma } from '../../src/engine/mm/held.ts';
import { mmMmapLockAt } from '../../src/engine/mm/mm_struct.ts';
import {
  mmapReadLock,
  mmapReadTrylock,
  mmapReadUnlock,
  mmapWriteDowngrade,
  mmapWriteLock,
  mmapWriteUnlock,
} from '../../src/engine/mm/mmap_lock.ts';
import { lockVmaUnderRcu, vmaLookup } from '../../src/engine/mm/vma_iterator.ts';
import {
  isVmaDetached,
  vmaEndRead,
  vmaMarkDetached,
  vmaReattach,
  vmaStartWrite,
} from '../../src/engine/mm/vma_lock.ts';
import { downWriteUnless, upWrite } from '../../src/engine/sync/rwsem.ts';
import { MMAP_LOCK } from '../../src/engine/sync/lock_class.ts';
import type { Machine, Process } from '../../src/index.ts';
import { asCpu } from '../cpus.ts';
import { mmOf } from '../pictures.ts';
import { machineOf } from './forms.ts';

const AT = 0x200000000000;
const PAGE = 4096;

let machine: Machine;
let process: Process;
let holder: Cpu;

const mm = (): MmWrite => mmOf(process) as MmWrite;
const vma = (): Vma => vmaLookup(mm(), AT) as Vma;

/** What a worker takes, and how it lets go. */
const STATES: Readonly<Record<string, () => () => unknown>> = {
  nothing: () => () => 0,
  'VMA read': () => {
    const read = lockVmaUnderRcu(mm(), AT) as Vma;
    return () => vmaEndRead(read);
  },
  'mmap_lock read': () => {
    const reader = mmapReadLock(mm());
    return () => mmapReadUnlock(reader);
  },
  'mmap_lock write': () => {
    const writer = mmapWriteLock(mm());
    return () => mmapWriteUnlock(writer);
  },
  'mmap_lock write, VMA marked': () => {
    const writer = mmapWriteLock(mm());
    vmaStartWrite(writer, vma());
    return () => mmapWriteUnlock(writer);
  },
  'mmap_lock write, VMA detached': () => {
    const writer = mmapWriteLock(mm());
    const victim = vmaStartWrite(writer, vma());
    vmaMarkDetached(writer, victim);
    return () => {
      vmaReattach(victim);
      mmapWriteUnlock(writer);
    };
  },
  'downgraded after a mark': () => {
    const writer = mmapWriteLock(mm());
    vmaStartWrite(writer, vma());
    const reader: MmRead = mmapWriteDowngrade(writer);
    return () => mmapReadUnlock(reader);
  },
};

function triesRead(): boolean {
  const reader = mmapReadTrylock(mm());
  if (reader !== null) mmapReadUnlock(reader);
  return reader !== null;
}

function triesWrite(): boolean {
  const lock = mmMmapLockAt(mm());
  const isTaken = downWriteUnless(lock, MMAP_LOCK, () => true);
  if (isTaken) upWrite(lock);
  return isTaken;
}

function triesVma(): boolean {
  const read = lockVmaUnderRcu(mm(), AT);
  if (read !== null) vmaEndRead(read);
  return read !== null;
}

/** Beside each state: may another read the VMA, read all, write all? */
const TABLE: readonly (readonly [string, boolean, boolean, boolean])[] = [
  ['nothing', true, true, true],
  ['VMA read', true, true, true],
  ['mmap_lock read', true, true, false],
  ['mmap_lock write', true, false, false],
  ['mmap_lock write, VMA marked', false, false, false],
  ['downgraded after a mark', true, true, false],
];

describe.each(['refcnt', 'typesafe', 'rwsem'] as const)('%s', (vmaLock) => {
  beforeEach(() => {
    machine = machineOf({ vmaLock });
    process = machine.spawn();
    process.mmap(AT, PAGE, 3, 0x32, -1, 0);
    holder = claimCpu() as Cpu;
  });

  afterEach(() => {
    releaseCpu(holder);
    process.verify();
    process.exit();
    machine.tearDown();
  });

  it.each(TABLE)('P2-17 beside %s: VMA read %s, mmap_lock read %s, write %s', (name, ...may) => {
    const letGo = asCpu(holder, () => STATES[name]?.());
    expect([triesVma(), triesRead(), triesWrite()]).toEqual(may);
    asCpu(holder, () => letGo?.());
    expect([triesVma(), triesRead(), triesWrite()]).toEqual([true, true, true]);
  });

  it('P2-17 S4-17 a detached VMA is nobody else’s, and found again once it is attached', () => {
    const letGo = asCpu(holder, () => STATES['mmap_lock write, VMA detached']?.());
    expect(isVmaDetached(vma())).toBe(true);
    expect([triesRead(), triesWrite()]).toEqual([false, false]);
    asCpu(holder, () => letGo?.());
    expect(triesVma()).toBe(true);
  });
});
