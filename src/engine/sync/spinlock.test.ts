import { describe, expect, it } from 'vitest';
import { bareArena, contend } from '../../../test/contention.ts';
import { takeWords } from '../arena/arena.ts';
import { setWord, word } from '../arena/memory.ts';
import { PTE_LOCK as CLASS } from './lock_class.ts';
import { spinLock, spinUnlock } from './spinlock.ts';

describe('spinLock', () => {
  it('is a word: 0 free, 1 held', () => {
    bareArena();
    const lock = takeWords(64);
    spinLock(lock, CLASS);
    expect(word(lock)).toBe(1);
    spinUnlock(lock);
    expect(word(lock)).toBe(0);
  });

  it('leaves a contended word free', () => {
    bareArena();
    const lock = takeWords(64);
    spinLock(lock, CLASS);
    setWord(lock, 2); // as a sleeper marks it
    spinUnlock(lock);
    expect(word(lock)).toBe(0);
  });

  it('is released by its holder, once', () => {
    bareArena();
    const lock = takeWords(64);
    expect(() => spinUnlock(lock)).toThrow('a spinlock is released by its holder');
  });

  it('lets one worker in at a time', async () => {
    const { at, wrong } = await contend('spinlock', 3, 20_000);
    expect(wrong).toBe(0);
    expect([word(at + 16), word(at + 32), word(at)]).toEqual([60_000, 60_000, 0]);
  });
});
