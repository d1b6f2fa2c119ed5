/**
 * Ending what a worker had begun that is no more: it was terminated, or it threw where nothing may.
 * Nobody notices that by waiting for it, so whoever learns of its end says so.
 *
 *   its stores, its read section    end: nobody waits for them any more
 *   its place in a line             goes to the next
 *   its locks, innermost first      are broken, and who waits is woken
 *
 * Nothing here waits, so that a thread that may not sleep can do it, and one dead worker after the
 * other can be buried: no lock is taken, and none of another dead worker's can be in the way.
 *
 * What it was changing under a lock stays as it was at that moment, which may be half done: the
 * machine warns of it from then on, and the burial names the locks.
 */
import * as atomics from '#atomics';
import { DEAD_STAYS_IN_LINE } from '#mutants';
import {
  beginBurial,
  type Cpu,
  cpuId,
  cpuOf,
  cpuOfWorker,
  cpusSeen,
  endBurial,
} from '../arena/cpu.ts';
import { C_STORING, C_USERFAULT } from '../arena/layout.ts';
import { word } from '../arena/memory.ts';
import { NULL, type WordAt } from '../arena/ref.ts';
import { endTurn } from '../arena/turn.ts';
import { userfaultfdEndFaultOf } from '../file/userfaultfd_fault.ts';
import type { Mm } from '../mm/held.ts';
import { mmapEndDeadWrite } from '../mm/mmap_lock.ts';
import { vmaLockBreak } from '../mm/vma_lock.ts';
import type { UserfaultfdCtx } from '../mm/vma_struct.ts';
import { rcuEndOf } from '../rcu/rcu.ts';
import { forgetHeld, type HeldLock, locksHeld, READ, SPIN, WRITE } from '../sync/held_locks.ts';
import { lockName, MMAP_LOCK, MMAP_LOCK_CHILD, VMA_LOCK } from '../sync/lock_class.ts';
import { rwsemBreak, wakeLine } from '../sync/rwsem.ts';
import { spinBreak } from '../sync/spinlock.ts';
import { leaveLine, waitsFor } from '../sync/wait_line.ts';
import { WARN_BROKEN_LOCK, warnOnce } from '../trace/warn.ts';

/** What a worker left behind. */
export interface Burial {
  readonly worker: number;
  /** It was inside an RCU section. */
  readonly wasReading: boolean;
  /** It was storing to the memory of a process. */
  readonly wasStoring: boolean;
  /** It stood in line for a lock. */
  readonly wasWaiting: boolean;
  /** The locks it held, in the order it took them: 'mmap_lock for write'. */
  readonly locks: readonly string[];
}

/** @returns what it left, or null: it has left by itself, or somebody else buries it. */
export function buryWorker(worker: number): Burial | null {
  if (!beginBurial(worker)) return null;
  const cpu = cpuOfWorker(worker);
  const held = locksHeld(cpu);
  const wasStoring = atomics.exchange(cpu + C_STORING, 0) !== 0;
  const wasWaiting = endWaiting(cpu);
  for (const lock of held.toReversed()) breakLock(lock);
  forgetHeld(cpu);
  const wasReading = rcuEndOf(cpu);
  endUserfault(cpu);
  endTurn(worker);
  warnOnce(
    WARN_BROKEN_LOCK,
    held.some(({ mode }) => mode !== READ),
  );
  endBurial(cpu);
  return { worker, wasReading, wasStoring, wasWaiting, locks: held.map(nameOf) };
}

const MODES = { [SPIN]: '', [READ]: ' for read', [WRITE]: ' for write' };
const nameOf = ({ cls, mode }: HeldLock): string => `${lockName(cls)}${MODES[mode]}`;

function endWaiting(cpu: Cpu): boolean {
  const wasWaiting = waitsFor(cpu) !== NULL;
  if (wasWaiting) wakeLine(leave(cpu));
  // It may have given a lock up, and not come to waking who waits for it.
  for (let id = 0; id < cpusSeen(); id++) {
    const lock = waitsFor(cpuOf(id));
    if (lock !== NULL) wakeLine(lock);
  }
  return wasWaiting;
}

function leave(cpu: Cpu): WordAt {
  const lock = waitsFor(cpu);
  if (!DEAD_STAYS_IN_LINE) leaveLine(cpu);
  return lock;
}

function breakLock({ lock, cls, mode }: HeldLock): void {
  if (cls === VMA_LOCK) return vmaLockBreak(lock, mode);
  if (mode === SPIN) return spinBreak(lock);
  const isMmapLock = cls === MMAP_LOCK || cls === MMAP_LOCK_CHILD;
  if (isMmapLock && mode === WRITE) mmapEndDeadWrite(lock as Mm);
  return rwsemBreak(lock, mode);
}

/** The access it waited for is not made any more. */
function endUserfault(cpu: Cpu): void {
  const ctx = word(cpu + C_USERFAULT) as UserfaultfdCtx | 0;
  if (ctx !== NULL) userfaultfdEndFaultOf(ctx, cpuId(cpu));
}
