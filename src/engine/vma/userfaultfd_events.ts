/**
 * What a call tells the userfaultfds that watch what it changes.
 *
 *   prepare   under mmap_lock: a place in the queue is promised, or the call has no memory
 *   deliver   after mmap_lock is dropped: the events can be read
 *   forget    nothing came of it
 *
 * The list between the two is of the one call that this worker is making, like the
 * verdict: it is empty between calls, and no other worker sees it.
 *
 * Source: fs/userfaultfd.c, userfaultfd_unmap_prep(), mremap_userfaultfd_prep(),
 * userfaultfd_remove(), dup_userfaultfd(), v6.18.
 */
import { ENOMEM, type Errno, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import {
  copyUserfaultfdFeatures,
  userfaultfdCtxNew,
  userfaultfdCtxPut,
  type UserfaultfdEvent,
  userfaultfdFlags,
  userfaultfdHas,
  userfaultfdQueue,
  userfaultfdReserve,
  userfaultfdUnreserve,
} from '../file/userfaultfd_ctx.ts';
import {
  UFFD_EVENT_FORK,
  UFFD_EVENT_REMAP,
  UFFD_EVENT_REMOVE,
  UFFD_EVENT_UNMAP,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_EVENT_REMAP,
  UFFD_FEATURE_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_UNMAP,
} from '../file/userfaultfd_values.ts';
import { keepWorkerState } from '../arena/worker_state.ts';
import type { Mm, MmWrite, Vma } from '../mm/held.ts';
import { type UserfaultfdCtx, vmUserfaultfdCtx } from '../mm/vma_struct.ts';
import { userfaultfdRelease, userfaultfdReset } from './userfaultfd.ts';
import type { ByteRange } from './vma_merge.ts';

interface PreparedEvent extends UserfaultfdEvent {
  readonly ctx: UserfaultfdCtx;
}

const prepared = keepWorkerState<PreparedEvent[]>([]);

const NOWHERE = { start: 0, end: 0, len: 0, forked: NULL } as const;

/** A VMA of an unmapping of `range`: each context hears of the range as a whole, once. */
export function userfaultfdUnmapPrep(vma: Vma, { start, end }: ByteRange): 0 | Errno {
  const ctx = vmUserfaultfdCtx(vma);
  if (ctx === NULL || !userfaultfdHas(ctx, UFFD_FEATURE_EVENT_UNMAP)) return OK;
  const isKnown = prepared.some(
    (event) =>
      event.type === UFFD_EVENT_UNMAP &&
      event.ctx === ctx &&
      event.start === start &&
      event.end === end,
  );
  if (isKnown) return OK;
  return prepare({ ...NOWHERE, ctx, type: UFFD_EVENT_UNMAP, start, end });
}

function prepare(event: PreparedEvent): 0 | Errno {
  if (!userfaultfdReserve(event.ctx)) return ENOMEM;
  prepared.push(event);
  return OK;
}

/** A move of `len` bytes. */
export interface RemapEvent {
  readonly from: number;
  readonly to: number;
  readonly len: number;
}

/** Whoever is told of a move goes on watching the memory where it is then. */
export function userfaultfdRemapPrep(vma: Vma, { from, to, len }: RemapEvent): 0 | Errno {
  const ctx = vmUserfaultfdCtx(vma);
  if (ctx === NULL || !userfaultfdHas(ctx, UFFD_FEATURE_EVENT_REMAP)) return OK;
  return prepare({ ...NOWHERE, ctx, type: UFFD_EVENT_REMAP, start: from, end: to, len });
}

/**
 * The copy has been made, and perhaps merged with its neighbours. A context that is
 * not told of moves loses sight of all of it, neighbours included, as in Linux.
 */
export function userfaultfdRemapComplete(mm: MmWrite, copy: Vma): void {
  const ctx = vmUserfaultfdCtx(copy);
  if (ctx === NULL || userfaultfdHas(ctx, UFFD_FEATURE_EVENT_REMAP)) return;
  userfaultfdReset(mm, copy);
}

/** Whether what watches a VMA goes on watching its memory where it is moved to. */
export function userfaultfdFollows(vma: Vma): boolean {
  const ctx = vmUserfaultfdCtx(vma);
  return ctx === NULL || userfaultfdHas(ctx, UFFD_FEATURE_EVENT_REMAP);
}

/** Pages are about to go while their VMA stays. @returns ENOMEM when the queue is full. */
export function userfaultfdRemove(vma: Vma, { start, end }: ByteRange): 0 | Errno {
  const ctx = vmUserfaultfdCtx(vma);
  if (ctx === NULL || !userfaultfdHas(ctx, UFFD_FEATURE_EVENT_REMOVE)) return OK;
  if (!userfaultfdReserve(ctx)) return ENOMEM;
  userfaultfdQueue(ctx, { ...NOWHERE, type: UFFD_EVENT_REMOVE, start, end });
  return OK;
}

/**
 * What watches a child's VMA that is a copy of `vma`: one new context for each that
 * wants to know of forks, or nothing.
 *
 * @returns NULL for nothing, ENOMEM.
 */
export function userfaultfdForkPrep(child: Mm, vma: Vma): UserfaultfdCtx | Null | Errno {
  const ctx = vmUserfaultfdCtx(vma);
  if (ctx === NULL || !userfaultfdHas(ctx, UFFD_FEATURE_EVENT_FORK)) return NULL;
  const known = prepared.find((event) => event.ctx === ctx && event.type === UFFD_EVENT_FORK);
  if (known !== undefined) return known.forked;

  const forked = userfaultfdCtxNew(child, userfaultfdFlags(ctx));
  if (forked === NULL) return ENOMEM;
  copyUserfaultfdFeatures(ctx, forked);
  const refused = prepare({ ...NOWHERE, ctx, type: UFFD_EVENT_FORK, forked });
  if (refused === OK) return forked;
  userfaultfdCtxPut(forked);
  return refused;
}

/** How many events there are so far. */
export const userfaultfdPrepared = (): number => prepared.length;

/** Lets the events be read: mmap_lock is no longer held. */
export function userfaultfdDeliver(): void {
  if (prepared.length === 0) return;
  for (const event of prepared.splice(0)) {
    if (userfaultfdQueue(event.ctx, event) || event.forked === NULL) continue;
    userfaultfdRelease(event.forked); // its parent's file was closed meanwhile
  }
}

/** How a remapping ended. */
export interface RemapOutcome {
  /** The first events of the list: of what was unmapped at the destination. */
  readonly early: number;
  readonly hasFailed: boolean;
}

/**
 * A remapping tells what it unmapped at its destination, then the move, then the rest. A
 * move that failed is not told; what was unmapped for it is.
 */
export function userfaultfdDeliverRemap({ early, hasFailed }: RemapOutcome): void {
  const at = prepared.findIndex(({ type }) => type === UFFD_EVENT_REMAP);
  const moves = at < 0 ? [] : prepared.splice(at, 1);
  if (hasFailed) for (const { ctx } of moves) userfaultfdUnreserve(ctx);
  else prepared.splice(early, 0, ...moves);
  userfaultfdDeliver();
}

/** Takes all promises back: nobody is told. */
export function userfaultfdForget(): void {
  for (const { ctx, forked } of prepared.splice(0)) {
    userfaultfdUnreserve(ctx);
    if (forked !== NULL) userfaultfdCtxPut(forked);
  }
}
