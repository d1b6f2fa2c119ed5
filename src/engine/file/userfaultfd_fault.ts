/**
 * A worker that waits for a page: one record of the context for each worker, since a
 * worker faults once at a time.
 *
 *   0      1      2      3     4
 *   state  flags  order  task  address
 *
 *            begin            read               wake
 *   FREE ──────────> PENDING ──────> READ ──────────────> WOKEN ──> FREE
 *                       └──────────────────────────────────^
 *
 * The worker sleeps on `state`. It looks at the page after it began and before it
 * sleeps; who resolves makes the page before it looks for whom to wake: one of them sees
 * the other.
 *
 * Source: fs/userfaultfd.c, struct userfaultfd_wait_queue, v6.18.
 */
import * as atomics from '#atomics';
import { cpuId, cpuOf, thisCpu } from '../arena/cpu.ts';
import { C_USERFAULT, CPUS } from '../arena/layout.ts';
import { double, setDouble, setWord, word } from '../arena/memory.ts';
import { NULL, type WordAt } from '../arena/ref.ts';
import type { UserfaultfdCtx } from '../mm/vma_struct.ts';
import {
  userfaultfdAnnounce,
  userfaultfdCtxGet,
  userfaultfdCtxPut,
  userfaultfdFaultAt,
  userfaultfdLock,
  userfaultfdNextOrder,
  userfaultfdUnlock,
} from './userfaultfd_ctx.ts';

const STATE = 0; // (a)
const FLAGS = 1;
const ORDER = 2;
const TASK = 3;
const ADDRESS = 4;

const FREE = 0;
const PENDING = 1;
const READ = 2;
const WOKEN = 3;

/** What a fault is. */
export interface Userfault {
  /** UFFD_PAGEFAULT_FLAG_* */
  readonly flags: number;
  /** Bytes. */
  readonly address: number;
  /** The task that faulted, or 0. */
  readonly ptid: number;
}

const ownFault = (ctx: UserfaultfdCtx): WordAt => userfaultfdFaultAt(ctx, cpuId(thisCpu));

/**
 * Announces a fault of this worker, and keeps the context until userfaultfdEndFault().
 *
 * @returns false when it has one here already: it is the one who would answer.
 */
export function userfaultfdBeginFault(ctx: UserfaultfdCtx, fault: Userfault): boolean {
  const at = ownFault(ctx);
  if (word(at + STATE) !== FREE) return false; // only this worker begins and ends it
  userfaultfdCtxGet(ctx);
  setWord(thisCpu + C_USERFAULT, ctx);
  userfaultfdLock(ctx);
  setWord(at + FLAGS, fault.flags);
  setWord(at + ORDER, userfaultfdNextOrder(ctx));
  setWord(at + TASK, fault.ptid);
  setDouble(at + ADDRESS, fault.address);
  atomics.store(at + STATE, PENDING);
  userfaultfdUnlock(ctx);
  userfaultfdAnnounce(ctx);
  return true;
}

/** Takes this worker's fault for a handler of its own. @returns null when it is answered already. */
export function userfaultfdTakeOwnFault(ctx: UserfaultfdCtx): Userfault | null {
  const at = ownFault(ctx);
  return atomics.cas(at + STATE, PENDING, READ) ? faultAt(at) : null;
}

/** Sleeps until somebody wakes this worker. */
export function userfaultfdSleep(ctx: UserfaultfdCtx): void {
  const at = ownFault(ctx) + STATE;
  // Ends with WOKEN: reading the fault changes the state once more before that.
  for (let state = atomics.load(at); state !== WOKEN; state = atomics.load(at)) {
    atomics.wait(at, state);
  }
}

export function userfaultfdEndFault(ctx: UserfaultfdCtx): void {
  userfaultfdEndFaultOf(ctx, cpuId(thisCpu));
}

/** Ends the fault of a worker. Without the lock, which a dead worker may have: see task/bury.ts. */
export function userfaultfdEndFaultOf(ctx: UserfaultfdCtx, cpu: number): void {
  atomics.store(userfaultfdFaultAt(ctx, cpu) + STATE, FREE);
  setWord(cpuOf(cpu) + C_USERFAULT, NULL);
  userfaultfdCtxPut(ctx);
}

/** Takes the oldest fault that nobody has read. */
export function userfaultfdTakeFault(ctx: UserfaultfdCtx): Userfault | null {
  userfaultfdLock(ctx);
  const at = oldestPending(ctx);
  const isTaken = at !== null && atomics.cas(at + STATE, PENDING, READ);
  const fault = isTaken ? faultAt(at) : null;
  userfaultfdUnlock(ctx);
  return fault;
}

function oldestPending(ctx: UserfaultfdCtx): WordAt | null {
  let oldest: WordAt | null = null;
  for (let cpu = 0; cpu < CPUS; cpu++) {
    const at = userfaultfdFaultAt(ctx, cpu);
    if (atomics.load(at + STATE) !== PENDING) continue;
    if (oldest === null || ((word(at + ORDER) - word(oldest + ORDER)) | 0) < 0) oldest = at;
  }
  return oldest;
}

/** Wakes whoever waits for a page in [start, end), also those whose faults nobody has read. */
export function userfaultfdWake(ctx: UserfaultfdCtx, start: number, end: number): void {
  for (let cpu = 0; cpu < CPUS; cpu++) {
    const at = userfaultfdFaultAt(ctx, cpu);
    if (atomics.load(at + STATE) === FREE) continue; // who begins later sees the page
    userfaultfdLock(ctx);
    const state = atomics.load(at + STATE);
    const isWaiting = state === PENDING || state === READ;
    if (isWaiting && double(at + ADDRESS) >= start && double(at + ADDRESS) < end) {
      // Not if its worker was buried just now.
      if (atomics.cas(at + STATE, state, WOKEN)) atomics.wakeAll(at + STATE);
    }
    userfaultfdUnlock(ctx);
  }
}

const faultAt = (at: WordAt): Userfault => ({
  flags: word(at + FLAGS),
  address: double(at + ADDRESS),
  ptid: word(at + TASK),
});
