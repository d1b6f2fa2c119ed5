/** S2-14: sequences that wrap at once. Readers are refused too often, and never too seldom. */
import { describe, expect, it } from 'vitest';
import type { Vma } from '../../src/engine/mm/held.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../../src/engine/mm/mmap_lock.ts';
import { lockVmaUnderRcu, vmaLookup } from '../../src/engine/mm/vma_iterator.ts';
import { isWriteLocked, vmaEndRead, vmaStartWrite } from '../../src/engine/mm/vma_lock.ts';
import { mmOf } from '../pictures.ts';
import { machineOf } from './forms.ts';

const BASE = 0x200000000000;
const PAGE = 4096;

describe.each(['rwsem', 'typesafe'] as const)('%s', (vmaLock) => {
  it('S2-13 S2-14 an untouched VMA is refused by one write lock in eight, never by an unlocked mm', () => {
    const machine = machineOf({ vmaLock, vmaLockSeq: '4-bit' });
    const process = machine.spawn();
    process.mmap(BASE, PAGE, 3, 0x32, -1, 0);
    const mm = mmOf(process);
    const find = (): boolean => {
      const vma = lockVmaUnderRcu(mm, BASE);
      if (vma !== null) vmaEndRead(vma);
      return vma !== null;
    };
    const whileWritten: boolean[] = [];
    for (let i = 0; i < 32; i++) {
      const writer = mmapWriteLock(mm);
      whileWritten.push(find());
      // The writer is not fooled: it would wait for who is inside.
      expect(isWriteLocked(writer, vmaLookup(writer, BASE) as Vma)).toBe(false);
      mmapWriteUnlock(writer);
      expect(find(), 'the next release clears it').toBe(true);
    }
    expect(whileWritten.filter((found) => !found)).toHaveLength(4);
    const aborts = machine.report().counters.vma_lock_abort;
    expect(aborts, 'a false "locked" is counted as any other').toBe(4);

    // A real mark is seen in each of the sixteen places.
    for (let i = 0; i < 16; i++) {
      const writer = mmapWriteLock(mm);
      vmaStartWrite(writer, vmaLookup(writer, BASE) as Vma);
      expect(find()).toBe(false);
      mmapWriteUnlock(writer);
      expect(find()).toBe(true);
    }
    process.exit();
    machine.tearDown();
  });
});
