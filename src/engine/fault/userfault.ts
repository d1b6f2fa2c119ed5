/**
 * Faults that a userfaultfd is asked about.
 *
 *   handler   handleUserfault(): announce, under the lock that the fault holds
 *   caller    drops that lock
 *   caller    awaitUserfault(): a handler of this worker, else sleep; then fault again
 *
 * Source: fs/userfaultfd.c, handle_userfault(), userfaultfd_must_wait(), v6.18.
 */
import * as atomics from '#atomics';
import { assert } from '../arena/assert.ts';
import { views } from '../arena/memory.ts';
import { NULL } from '../arena/ref.ts';
import { keepWorkerState } from '../arena/worker_state.ts';
import { maySleep } from '../arena/sleep.ts';
import { userfaultfdFlags, userfaultfdHas, userfaultfdLife } from '../file/userfaultfd_ctx.ts';
import {
  type Userfault,
  userfaultfdBeginFault,
  userfaultfdEndFault,
  userfaultfdSleep,
  userfaultfdTakeOwnFault,
} from '../file/userfaultfd_fault.ts';
import {
  UFFD_FEATURE_EXACT_ADDRESS,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_THREAD_ID,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_PAGEFAULT_FLAG_MINOR,
  UFFD_PAGEFAULT_FLAG_WP,
  UFFD_PAGEFAULT_FLAG_WRITE,
  UFFD_USER_MODE_ONLY,
} from '../file/userfaultfd_values.ts';
import { current, setCurrent, taskTid } from '../mm/task_struct.ts';
import {
  hasFlag,
  VM_UFFD_MINOR,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  type VmFlags,
} from '../mm/vm_flags.ts';
import { type UserfaultfdCtx, vmFlags, vmUserfaultfdCtx } from '../mm/vma_struct.ts';
import { isPtePresent, type Pte, PTE_MARKER_UFFD_WP, PTE_UFFD_WP, PTE_WRITE } from '../page/pte.ts';
import {
  FAULT_FLAG_ALLOW_RETRY,
  FAULT_FLAG_USER,
  VM_FAULT_RETRY,
  VM_FAULT_SIGBUS,
} from '../page/vm_fault.ts';
import { isWriteFault, type VmFault } from './vmf.ts';

export const userfaultfdMissing = ({ vma }: VmFault): boolean =>
  hasFlag(vmFlags(vma), VM_UFFD_MISSING);
/** A store to this entry is somebody's business. */
export const userfaultfdPteWp = ({ vma, orig }: VmFault): boolean =>
  (orig & PTE_UFFD_WP) !== 0 && hasFlag(vmFlags(vma), VM_UFFD_WP);
/** The entry that takes the place of a marker is write-protected as it was. */
export const keepUffdWp = ({ orig }: VmFault, pte: Pte): Pte =>
  isPtePresent(orig) || (orig & PTE_MARKER_UFFD_WP) === 0 ? pte : (pte | PTE_UFFD_WP) & ~PTE_WRITE;

/** Whoever watches only wants to find out later what was written. */
export function userfaultfdWpAsync({ vma }: VmFault): boolean {
  const ctx = vmUserfaultfdCtx(vma);
  return ctx !== NULL && userfaultfdHas(ctx, UFFD_FEATURE_WP_ASYNC);
}

/** The context that this worker waits for, from handleUserfault() to awaitUserfault(). */
const pending = keepWorkerState<{ awaited: UserfaultfdCtx | null }>({ awaited: null });

/**
 * Announces the fault, if somebody may answer it; `reason` is the VM_UFFD_* flag of its VMA.
 *
 * @returns VM_FAULT_RETRY, and the caller drops its locks and calls awaitUserfault();
 *   VM_FAULT_SIGBUS when nobody will answer, or nobody could be waited for.
 */
export function handleUserfault(vmf: VmFault, reason: VmFlags): number {
  const ctx = vmUserfaultfdCtx(vmf.vma);
  assert(ctx !== NULL, 'a watched VMA has a context');
  if (userfaultfdHas(ctx, UFFD_FEATURE_SIGBUS)) return VM_FAULT_SIGBUS;
  const isUser = (vmf.flags & FAULT_FLAG_USER) !== 0;
  if (!isUser && (userfaultfdFlags(ctx) & UFFD_USER_MODE_ONLY) !== 0) return VM_FAULT_SIGBUS;
  if ((vmf.flags & FAULT_FLAG_ALLOW_RETRY) === 0) return VM_FAULT_SIGBUS;
  if (!maySleep && handlerOf(ctx) === undefined) return VM_FAULT_SIGBUS;

  assert(pending.awaited === null, 'a fault is waited for before the next one');
  if (!userfaultfdBeginFault(ctx, describe(vmf, ctx, reason))) return VM_FAULT_SIGBUS;
  if (mustWait(vmf, reason)) pending.awaited = ctx;
  else userfaultfdEndFault(ctx);
  return VM_FAULT_RETRY;
}

function describe(vmf: VmFault, ctx: UserfaultfdCtx, reason: VmFlags): Userfault {
  const isExact = userfaultfdHas(ctx, UFFD_FEATURE_EXACT_ADDRESS);
  const why =
    reason === VM_UFFD_WP
      ? UFFD_PAGEFAULT_FLAG_WP
      : reason === VM_UFFD_MINOR
        ? UFFD_PAGEFAULT_FLAG_MINOR
        : 0;
  return {
    flags: why | (isWriteFault(vmf) ? UFFD_PAGEFAULT_FLAG_WRITE : 0),
    address: isExact ? vmf.realAddr : vmf.addr,
    ptid: userfaultfdHas(ctx, UFFD_FEATURE_THREAD_ID) ? taskTid(current()) : 0,
  };
}

/** Whether nobody was faster: looked at after the fault was announced. */
function mustWait({ at }: VmFault, reason: VmFlags): boolean {
  const pte = atomics.readOnce(at);
  if (!isPtePresent(pte)) return true;
  return reason === VM_UFFD_WP && (pte & PTE_WRITE) === 0;
}

/**
 * Waits for the answer to the fault that handleUserfault() announced, if it did. No lock
 * is held.
 *
 * @returns whether there was one: then the access begins again.
 */
export function awaitUserfault(): boolean {
  const ctx = pending.awaited;
  if (ctx === null) return false;
  pending.awaited = null;
  const handler = handlerOf(ctx);
  try {
    const fault = handler === undefined ? null : userfaultfdTakeOwnFault(ctx);
    if (handler !== undefined && fault !== null) callHandler(handler, fault);
    userfaultfdSleep(ctx);
  } finally {
    userfaultfdEndFault(ctx); // a handler may throw
  }
  return true;
}

/** It may make any call on this machine, as any of its processes. */
function callHandler(handler: UserfaultHandler, fault: Userfault): void {
  const task = current();
  const memory = views.i32;
  handler(fault);
  assert(views.i32 === memory, 'a userfault handler stays in its machine');
  setCurrent(task);
}

/** Answers a fault of its own worker, before that goes to sleep. */
export type UserfaultHandler = (fault: Userfault) => void;

interface Registered {
  readonly handler: UserfaultHandler;
  readonly life: number;
}

/**
 * By machine, then by context. Functions cannot be shared between workers, so each has its
 * own; what all see is in the context.
 */
const handlers = new WeakMap<object, Map<UserfaultfdCtx, Registered>>();

function handlerOf(ctx: UserfaultfdCtx): UserfaultHandler | undefined {
  const registered = handlers.get(views.i32)?.get(ctx);
  return registered?.life === userfaultfdLife(ctx) ? registered.handler : undefined;
}

/** Sets this worker's handler for a userfaultfd; null takes it away. */
export function setUserfaultHandler(ctx: UserfaultfdCtx, handler: UserfaultHandler | null): void {
  const known = handlers.get(views.i32) ?? new Map<UserfaultfdCtx, Registered>();
  handlers.set(views.i32, known);
  if (handler === null) known.delete(ctx);
  else known.set(ctx, { handler, life: userfaultfdLife(ctx) });
}
