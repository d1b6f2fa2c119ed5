import { describe, expect, it } from 'vitest';
import { bareArena } from '../../../test/contention.ts';
import { takeWords } from '../arena/arena.ts';
import { setWord, word } from '../arena/memory.ts';
import { refcountDecAndTest, refcountInc, refcountIncNotZero } from './refcount.ts';

function newCount(refs: number): number {
  bareArena();
  const at = takeWords(64);
  setWord(at, refs);
  return at;
}

describe('refcount', () => {
  it('tells the last one to leave, and nobody before', () => {
    const at = newCount(1);
    refcountInc(at);
    expect([refcountDecAndTest(at), refcountDecAndTest(at)]).toEqual([false, true]);
  });

  it('lets nobody come back once the last has left', () => {
    const at = newCount(1);
    expect([refcountIncNotZero(at), word(at)]).toEqual([true, 2]);
    setWord(at, 0);
    expect([refcountIncNotZero(at), word(at)]).toEqual([false, 0]);
  });

  it('refuses to be dropped more often than it was taken', () => {
    const at = newCount(0);
    expect(() => refcountDecAndTest(at)).toThrow('dropped as often as it is taken');
  });
});
