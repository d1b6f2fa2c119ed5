import { beforeEach, describe, expect, it } from 'vitest';
import { Machine } from '../../index.ts';
import { NULL } from '../arena/ref.ts';
import { mmAlloc, mmdrop } from '../mm/mm_refs.ts';
import type { Mm } from '../mm/held.ts';
import type { UserfaultfdCtx } from '../mm/vma_struct.ts';
import {
  EVENTS_MAX,
  type UserfaultfdEvent,
  userfaultfdCtxNew,
  userfaultfdCtxPut,
  userfaultfdHas,
  userfaultfdPutBack,
  userfaultfdQueue,
  userfaultfdReserve,
  userfaultfdShut,
  userfaultfdTake,
  userfaultfdUnreserve,
  setUserfaultfdFeatures,
} from './userfaultfd_ctx.ts';
import { UFFD_EVENT_FORK, UFFD_EVENT_REMAP, UFFD_EVENT_UNMAP } from './userfaultfd_values.ts';

let machine: Machine;
let mm: Mm;
let ctx: UserfaultfdCtx;

beforeEach(() => {
  machine = Machine.create({ bytes: 8 * 2 ** 20 });
  mm = mmAlloc() as Mm;
  ctx = userfaultfdCtxNew(mm, 0) as UserfaultfdCtx;
  return () => {
    userfaultfdShut(ctx);
    userfaultfdCtxPut(ctx);
    mmdrop(mm);
    machine.tearDown(); // throws when a reference is left
  };
});

const unmapOf = (start: number): UserfaultfdEvent => ({
  type: UFFD_EVENT_UNMAP,
  start,
  end: start + 4096,
  len: 0,
  forked: NULL,
});

function queue(start: number): void {
  expect(userfaultfdReserve(ctx)).toBe(true);
  expect(userfaultfdQueue(ctx, unmapOf(start))).toBe(true);
}

function take(): number | undefined {
  const event = userfaultfdTake(ctx);
  if (event !== null) userfaultfdUnreserve(ctx);
  return event?.start;
}

describe('the queue of a userfaultfd', () => {
  it('gives events in the order they came, round and round', () => {
    for (let lap = 0; lap < 3; lap++) {
      const starts = Array.from({ length: EVENTS_MAX - 3 }, (_, i) => (lap * 1000 + i) * 4096);
      starts.forEach(queue);
      expect(starts.map(take)).toEqual(starts);
      expect(take()).toBeUndefined();
    }
  });

  it('keeps every number of an event, also one that no 32 bits hold', () => {
    const move = {
      type: UFFD_EVENT_REMAP,
      start: 2 ** 46,
      end: 2 ** 45,
      len: 2 ** 40,
      forked: NULL,
    };
    userfaultfdReserve(ctx);
    userfaultfdQueue(ctx, move);
    expect(userfaultfdTake(ctx)).toEqual(move);
    userfaultfdUnreserve(ctx);
  });

  it('promises no more places than it has, queued or not', () => {
    for (let i = 0; i < EVENTS_MAX; i++) expect(userfaultfdReserve(ctx)).toBe(true);
    expect(userfaultfdReserve(ctx)).toBe(false);
    userfaultfdQueue(ctx, unmapOf(0));
    expect(userfaultfdReserve(ctx)).toBe(false);
    expect(take()).toBe(0);
    expect(userfaultfdReserve(ctx)).toBe(true);
    for (let i = 0; i < EVENTS_MAX; i++) userfaultfdUnreserve(ctx);
    expect(userfaultfdReserve(ctx)).toBe(true);
    userfaultfdUnreserve(ctx);
  });

  it('has a place for what is put back, however full it is, and in front', () => {
    for (let i = 1; i <= EVENTS_MAX; i++) queue(i * 4096);
    const event = userfaultfdTake(ctx);
    expect(userfaultfdReserve(ctx)).toBe(false);
    if (event !== null) userfaultfdPutBack(ctx, event);
    expect([take(), take()]).toEqual([4096, 8192]);
  });

  it('takes nothing more once it is shut, and gives up the children nobody asked for', () => {
    const child = userfaultfdCtxNew(mm, 0) as UserfaultfdCtx;
    userfaultfdReserve(ctx);
    userfaultfdQueue(ctx, { ...unmapOf(0), type: UFFD_EVENT_FORK, forked: child });
    userfaultfdReserve(ctx);
    expect(userfaultfdShut(ctx)).toEqual([child]);
    expect(userfaultfdQueue(ctx, unmapOf(0))).toBe(false);
    expect(userfaultfdTake(ctx)).toBeNull();
    userfaultfdCtxPut(child);
  });

  it('agrees on features once, also on none', () => {
    expect(setUserfaultfdFeatures(ctx, 0)).toBe(true);
    expect(setUserfaultfdFeatures(ctx, 8)).toBe(false);
    expect(userfaultfdHas(ctx, 8)).toBe(false);
  });
});
