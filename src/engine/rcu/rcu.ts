/**
 * Read-copy-update. A reader announces the epoch it started in; what was
 * unlinked before an epoch began may be reused once no reader is older.
 *
 *   writer:  unlink x ; cookie = startPoll...()  = epoch 7   ... poll(7)? reuse x
 *   CPU 1:   [ reading, announced 6 ]──────────┘ no            │ yes
 *   CPU 2:                   [ reading, announced 7 ]──────────┘ it cannot have seen x
 *
 * A reader that is slow to announce an old epoch only delays reuse. One that was
 * not announced when a writer looked starts its loads after that look, in the one
 * order of all atomics, and so finds the new links.
 */
import * as atomics from '#atomics';
import {
  EPOCH_ANNOUNCED_PLAINLY,
  FEWER_CPUS_POLLED,
  NESTED_UNLOCK_ENDS,
  NO_GRACE_PERIOD,
  NO_NEW_EPOCH,
  RCU_UNANNOUNCED,
} from '#mutants';
import { assert } from '../arena/assert.ts';
import { type Cpu, cpusSeen, thisCpu } from '../arena/cpu.ts';
import { CPUS_AT, CPU_WORDS, C_RCU_EPOCH, C_RCU_NESTING, H_RCU_EPOCH } from '../arena/layout.ts';
import { setWord, word } from '../arena/memory.ts';

/** What a grace period is asked by. */
export type RcuCookie = number;

/** Starts a read section; sections nest. Nothing found in one may be used after it. */
export function rcuReadLock(): void {
  const nesting = word(thisCpu + C_RCU_NESTING);
  setWord(thisCpu + C_RCU_NESTING, nesting + 1);
  // Pairs with the scan in pollStateSynchronizeRcu().
  if (nesting !== 0 || RCU_UNANNOUNCED) return;
  if (EPOCH_ANNOUNCED_PLAINLY) setWord(thisCpu + C_RCU_EPOCH, atomics.rcuDereference(H_RCU_EPOCH));
  else atomics.store(thisCpu + C_RCU_EPOCH, atomics.rcuDereference(H_RCU_EPOCH));
}

export function rcuReadUnlock(): void {
  const nesting = word(thisCpu + C_RCU_NESTING) - 1;
  assert(nesting >= 0, 'rcuReadUnlock() without rcuReadLock()');
  setWord(thisCpu + C_RCU_NESTING, nesting);
  if (nesting === 0 || NESTED_UNLOCK_ENDS) atomics.store(thisCpu + C_RCU_EPOCH, 0);
}

/** Ends the section of a worker that is no more. @returns whether it was in one. */
export function rcuEndOf(cpu: Cpu): boolean {
  setWord(cpu + C_RCU_NESTING, 0);
  return atomics.exchange(cpu + C_RCU_EPOCH, 0) !== 0;
}

export const rcuReadLockHeld = (): boolean => word(thisCpu + C_RCU_NESTING) > 0;

/** Starts a grace period for all that has been unlinked until now. */
export function startPollSynchronizeRcu(): RcuCookie {
  if (NO_NEW_EPOCH) return atomics.load(H_RCU_EPOCH);
  const epoch = (atomics.add(H_RCU_EPOCH, 1) + 1) | 0;
  // 0 says "not reading": the epoch steps over it once every 2^32 grace periods.
  return epoch === 0 ? (atomics.add(H_RCU_EPOCH, 1) + 1) | 0 : epoch;
}

/** @returns whether every read section that began before `cookie` has ended. Never waits. */
export function pollStateSynchronizeRcu(cookie: RcuCookie): boolean {
  // Who comes later starts its loads after this look.
  if (NO_GRACE_PERIOD) return true;
  for (let id = 0; id < cpusSeen(); id++) {
    const epoch = atomics.load(CPUS_AT + id * CPU_WORDS + C_RCU_EPOCH);
    if (epoch !== 0 && ((epoch - cookie) | 0) < 0) return false;
    if (FEWER_CPUS_POLLED && epoch === 0) return true;
  }
  return true;
}

/** Waits for a grace period. Only teardown may: a free path never waits. */
export function synchronizeRcu(): void {
  assert(!rcuReadLockHeld(), 'waiting for readers inside a read section never ends');
  const cookie = startPollSynchronizeRcu();
  while (!pollStateSynchronizeRcu(cookie));
}
