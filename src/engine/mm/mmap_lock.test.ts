import { describe, expect, it } from 'vitest';
import { mmOf } from '../../../test/pictures.ts';
import { Machine, type Process } from '../../index.ts';
import { word } from '../arena/memory.ts';
import { mmLockSeqAt, mmMmapLockAt } from './mm_struct.ts';
import {
  mmapAssertLocked,
  mmapAssertWriteLocked,
  mmapReadLock,
  mmapReadTrylock,
  mmapReadUnlock,
  mmapWriteDowngrade,
  mmapWriteLock,
  mmapWriteLockKillable,
  mmapWriteUnlock,
} from './mmap_lock.ts';
import { mmapLockSpeculateRetry, mmapLockSpeculateTryBegin, NO_SPECULATION } from './speculate.ts';
import type { Mm } from './held.ts';

const LOCK_EVENTS = [
  'mmap_lock_start_locking',
  'mmap_lock_acquire_returned',
  'mmap_lock_released',
] as const;

/** Runs `act` with the three events on. @returns them as `event write`. */
function events(act: (mm: Mm, process: Process) => void): string[] {
  const machine = Machine.create({ bytes: 16 * 2 ** 20 });
  const process = machine.spawn();
  const mm = mmOf(process);
  machine.trace(LOCK_EVENTS);
  act(mm, process);
  machine.trace([]);
  const records = machine.readTrace();
  expect(records.every((record) => record.mm === mm)).toBe(true);
  process.exit();
  machine.tearDown();
  return records.map(
    ({ event, arg, a }) => `${event.slice('mmap_lock_'.length)} ${arg}${a === 1 ? ' refused' : ''}`,
  );
}

describe('mmap_lock', () => {
  it('S2-23 a read lock: start, acquire, release, all not for write', () => {
    const seen = events((mm) => mmapReadUnlock(mmapReadLock(mm)));
    expect(seen).toEqual(['start_locking 0', 'acquire_returned 0', 'released 0']);
  });

  it('S2-23 S2-21 a write lock: start, acquire, release, all for write', () => {
    const seen = events((mm) => mmapWriteUnlock(mmapWriteLock(mm)));
    expect(seen).toEqual(['start_locking 1', 'acquire_returned 1', 'released 1']);
  });

  it('S2-23 a downgrade is told as acquired for read', () => {
    const seen = events((mm) => mmapReadUnlock(mmapWriteDowngrade(mmapWriteLock(mm))));
    expect(seen).toEqual([
      'start_locking 1',
      'acquire_returned 1',
      'acquire_returned 0',
      'released 0',
    ]);
  });

  it('S2-23 a try that fails is told as acquired without success', () => {
    const seen = events((mm) => {
      const writer = mmapWriteLock(mm);
      expect(mmapReadTrylock(mm)).toBe(null);
      mmapWriteUnlock(writer);
    });
    expect(seen.slice(2)).toEqual(['start_locking 0', 'acquire_returned 0 refused', 'released 1']);
  });

  it('S2-23 system calls take it once: mmap for write, madvise(WILLNEED) for read', () => {
    const seen = events((_mm, process) => {
      const at = process.mmap(0, 4096, 3, 0x22, -1, 0);
      process.madvise(at, 4096, 3);
    });
    expect(seen).toEqual([
      'start_locking 1',
      'acquire_returned 1',
      'released 1',
      'start_locking 0',
      'acquire_returned 0',
      'released 0',
    ]);
  });

  it('X-11 records nothing while it is off', () => {
    const machine = Machine.create({ bytes: 16 * 2 ** 20 });
    const process = machine.spawn();
    process.mmap(0, 4096, 3, 0x22, -1, 0);
    expect(machine.readTrace()).toEqual([]);
    process.exit();
    machine.tearDown();
  });

  it('S2-21 S2-22 the sequence moves with each write lock, unlock and downgrade, never with a read lock', () => {
    events((mm) => {
      const seq = (): number => word(mmLockSeqAt(mm));
      const start = seq();
      mmapReadUnlock(mmapReadLock(mm));
      expect(seq()).toBe(start);
      const writer = mmapWriteLock(mm);
      expect(seq()).toBe(start + 1);
      const reader = mmapWriteDowngrade(writer);
      expect(seq()).toBe(start + 2);
      mmapReadUnlock(reader);
      expect(seq()).toBe(start + 2);
      mmapWriteUnlock(mmapWriteLock(mm));
      expect(seq()).toBe(start + 4);
    });
  });

  it('speculation: not begun while somebody writes, and told of every write since', () => {
    events((mm) => {
      const seq = mmapLockSpeculateTryBegin(mm);
      expect(seq, 'nobody writes').not.toBe(NO_SPECULATION);
      mmapReadUnlock(mmapReadLock(mm));
      expect(mmapLockSpeculateRetry(mm, seq), 'readers change nothing').toBe(false);
      const writer = mmapWriteLock(mm);
      expect(mmapLockSpeculateTryBegin(mm)).toBe(NO_SPECULATION);
      expect(mmapLockSpeculateRetry(mm, seq)).toBe(true);
      const reader = mmapWriteDowngrade(writer);
      expect(mmapLockSpeculateTryBegin(mm)).toBe(seq + 2);
      mmapReadUnlock(reader);
      expect(mmapLockSpeculateRetry(mm, seq)).toBe(true);
    });
  });

  it('P2-6 a condemned task gets a lock that is free, as in Linux: only waiting ends', () => {
    const seen = events((mm, process) => {
      process.kill(9);
      const writer = mmapWriteLockKillable(mm);
      if (writer === null) throw new Error('the lock is free');
      mmapWriteUnlock(writer);
    });
    expect(seen).toEqual(['start_locking 1', 'acquire_returned 1', 'released 1']);
  });

  it('S2-7 the asserts tell what is held', () => {
    events((mm) => {
      expect(() => mmapAssertLocked(mm)).toThrow('mmap_lock is held');
      const reader = mmapReadLock(mm);
      expect(() => mmapAssertLocked(mm)).not.toThrow();
      expect(() => mmapAssertWriteLocked(mm)).toThrow('mmap_lock is held for write');
      mmapReadUnlock(reader);
      const writer = mmapWriteLock(mm);
      expect(() => mmapAssertWriteLocked(mm)).not.toThrow();
      expect(mmapReadTrylock(mm)).toBe(null);
      mmapWriteUnlock(writer);
      const again = mmapReadTrylock(mm);
      expect(again).toBe(mm);
      if (again !== null) mmapReadUnlock(again);
      expect(word(mmMmapLockAt(mm))).toBe(0);
    });
  });
});
