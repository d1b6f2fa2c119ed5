import { describe, expect, it } from 'vitest';
import { bareArena, contend } from '../../../test/contention.ts';
import { asCpu } from '../../../test/cpus.ts';
import { claimCpu, type Cpu } from '../arena/cpu.ts';
import { H_RCU_EPOCH } from '../arena/layout.ts';
import { setWord, word } from '../arena/memory.ts';
import {
  pollStateSynchronizeRcu,
  rcuReadLock,
  rcuReadLockHeld,
  rcuReadUnlock,
  startPollSynchronizeRcu,
  synchronizeRcu,
} from './rcu.ts';

function twoCpus(): Cpu {
  bareArena();
  return claimCpu() as Cpu;
}

describe('rcu', () => {
  it('a grace period is over at once where nobody reads', () => {
    bareArena();
    expect(pollStateSynchronizeRcu(startPollSynchronizeRcu())).toBe(true);
  });

  it('S2-36 a reader that was there before holds a grace period up until it leaves', () => {
    const other = twoCpus();
    asCpu(other, rcuReadLock);
    const cookie = startPollSynchronizeRcu();
    expect(pollStateSynchronizeRcu(cookie)).toBe(false);
    asCpu(other, rcuReadUnlock);
    expect(pollStateSynchronizeRcu(cookie)).toBe(true);
  });

  it('a reader that came later does not', () => {
    const other = twoCpus();
    const cookie = startPollSynchronizeRcu();
    asCpu(other, rcuReadLock);
    expect(pollStateSynchronizeRcu(cookie)).toBe(true);
    asCpu(other, rcuReadUnlock);
  });

  it('sections nest: the outermost counts', () => {
    const other = twoCpus();
    asCpu(other, () => {
      rcuReadLock();
      rcuReadLock();
    });
    const cookie = startPollSynchronizeRcu();
    asCpu(other, rcuReadUnlock);
    expect(pollStateSynchronizeRcu(cookie)).toBe(false);
    asCpu(other, () => {
      expect(rcuReadLockHeld()).toBe(true);
      rcuReadUnlock();
      expect(rcuReadLockHeld()).toBe(false);
    });
    expect(pollStateSynchronizeRcu(cookie)).toBe(true);
  });

  it('an unlock that does not pair is caught', () => {
    bareArena();
    expect(() => rcuReadUnlock()).toThrow('rcuReadUnlock() without rcuReadLock()');
  });

  it('waiting inside a read section is caught, not waited for', () => {
    bareArena();
    rcuReadLock();
    expect(() => synchronizeRcu()).toThrow('never ends');
    rcuReadUnlock();
    synchronizeRcu();
  });

  it('epochs wrap, stepping over 0, which says "not reading"', () => {
    const other = twoCpus();
    setWord(H_RCU_EPOCH, -2);
    asCpu(other, rcuReadLock);
    const first = startPollSynchronizeRcu(); // -1
    const second = startPollSynchronizeRcu(); // 1
    expect([first, second]).toEqual([-1, 1]);
    expect(pollStateSynchronizeRcu(second)).toBe(false);
    asCpu(other, rcuReadUnlock);
    expect(pollStateSynchronizeRcu(first)).toBe(true);

    setWord(H_RCU_EPOCH, 0x7fffffff);
    asCpu(other, rcuReadLock);
    const third = startPollSynchronizeRcu();
    expect(third).toBe(-0x80000000);
    expect(pollStateSynchronizeRcu(third)).toBe(false);
    asCpu(other, rcuReadUnlock);
    expect(word(H_RCU_EPOCH)).toBe(-0x80000000);
  });

  it('S4-1 what a reader has found stays what it is while another worker replaces it', async () => {
    const { wrong } = await contend('rcu', 3, 40_000);
    expect(wrong).toBe(0);
  });
});
