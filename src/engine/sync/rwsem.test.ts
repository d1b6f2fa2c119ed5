import { describe, expect, it } from 'vitest';
import { bareArena, contend } from '../../../test/contention.ts';
import { takeWords } from '../arena/arena.ts';
import { setWord, word } from '../arena/memory.ts';
import { I_RWSEM as CLASS } from './lock_class.ts';
import {
  downgradeWrite,
  downRead,
  downReadTrylock,
  downWrite,
  isHeld,
  isWriteHeld,
  upRead,
  upWrite,
} from './rwsem.ts';

const WAITING = 2;
const HANDOFF = 4;

function newSem(): number {
  bareArena();
  return takeWords(64);
}

describe('rwsem', () => {
  it('lets many readers in, and is free when the last has left', () => {
    const sem = newSem();
    for (let n = 1; n <= 5; n++) {
      downRead(sem, CLASS);
      expect([isHeld(sem), isWriteHeld(sem)]).toEqual([true, false]);
    }
    for (let n = 1; n <= 5; n++) upRead(sem);
    expect(isHeld(sem)).toBe(false);
    expect(word(sem)).toBe(0);
  });

  it('keeps readers out while it is held for write', () => {
    const sem = newSem();
    downWrite(sem, CLASS);
    expect([isHeld(sem), isWriteHeld(sem), downReadTrylock(sem, CLASS)]).toEqual([
      true,
      true,
      false,
    ]);
    upWrite(sem);
    expect(downReadTrylock(sem, CLASS)).toBe(true);
    upRead(sem);
  });

  it('keeps new readers out while a writer waits, and not after', () => {
    const sem = newSem();
    downRead(sem, CLASS);
    setWord(sem, word(sem) | WAITING | HANDOFF); // as a waiting writer marks it
    expect(downReadTrylock(sem, CLASS)).toBe(false);
    expect(isHeld(sem)).toBe(true);
    upRead(sem);
    expect(word(sem)).toBe(0);
    expect(downReadTrylock(sem, CLASS)).toBe(true);
  });

  it('S2-22 a writer becomes a reader with nobody in between', () => {
    const sem = newSem();
    downWrite(sem, CLASS);
    downgradeWrite(sem);
    expect([isHeld(sem), isWriteHeld(sem), downReadTrylock(sem, CLASS)]).toEqual([
      true,
      false,
      true,
    ]);
    upRead(sem);
    upRead(sem);
    expect(word(sem)).toBe(0);
  });

  it('S2-16 an unlock that does not pair is caught', () => {
    const sem = newSem();
    expect(() => upRead(sem)).toThrow('upRead() without a reader');
    const other = takeWords(64);
    expect(() => upWrite(other)).toThrow('upWrite() by a writer');
    const third = takeWords(64);
    expect(() => downgradeWrite(third)).toThrow('downgradeWrite() by a writer');
  });

  it('P2-6 lets nobody pass the first in line for ever: a reader among writers, and the reverse', async () => {
    // Each stops when the other has had its turns: without fairness the run would not end.
    for (const one of [0, 1]) {
      const { at, wrong } = await contend(one === 0 ? 'lone_reader' : 'lone_writer', 3, 200);
      expect(wrong).toBe(0);
      expect([word(at), word(at + 64)]).toEqual([0, 200]);
    }
  });

  it('keeps two words together for workers that read, write and downgrade', async () => {
    const { at, wrong } = await contend('rwsem', 3, 20_000);
    expect(wrong).toBe(0);
    expect([word(at + 16), word(at + 32), word(at)]).toEqual([15_000, 15_000, 0]);
  });
});
