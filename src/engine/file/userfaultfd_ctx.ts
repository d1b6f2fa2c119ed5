/**
 * userfaultfd_ctx: what is behind one descriptor of userfaultfd(2). It belongs to
 * one address space for good, whoever holds the descriptor. 784 words.
 *
 *   0    1   2      3         4     5         6     7       8         9         10     11
 *   refs mm  flags  features  lock  released  head  queued  reserved  arrivals  order  lives
 *   16 ... 527   a ring of 64 events, 8 words each
 *   528 ... 783  a fault for each worker, 8 words each: see userfaultfd_fault.ts
 *
 *       ┌────────┬ queued ┬─ reserved ─┬────────┐
 *       │        │ e e e e│ promised   │        │     an event that must not be lost
 *       └────────┴────────┴────────────┴────────┘     is promised a place first
 *                head
 *
 * Who has references: the open file, and every promised place. VMAs have none: who
 * closes the file takes the context off them first, under their mmap_lock.
 *
 *   (a) atomic   (c) constant   (l) under `lock`
 *
 * Source: fs/userfaultfd.c, struct userfaultfd_ctx, v6.18. There an event is on the
 * stack of the task that caused it, which sleeps until somebody has read it; here
 * nobody sleeps, and whoever finds no place has no memory.
 */
import * as atomics from '#atomics';
import { assert } from '../arena/assert.ts';
import { CPUS } from '../arena/layout.ts';
import { double, setDouble, setWord, word } from '../arena/memory.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import type { Mm } from '../mm/held.ts';
import { mmdrop, mmgrab } from '../mm/mm_refs.ts';
import type { UserfaultfdCtx } from '../mm/vma_struct.ts';
import { type Cache, cacheAlloc, cacheKind, cacheFree } from '../slab/cache.ts';
import { refcountDecAndTest, refcountInc } from '../sync/refcount.ts';
import { USERFAULTFD_LOCK } from '../sync/lock_class.ts';
import { spinLock, spinUnlock } from '../sync/spinlock.ts';
import { UFFD_EVENT_FORK } from './userfaultfd_values.ts';

const REFS = 0; //     (a)
const MM = 1; //       (c) counted: the structure stays, its mappings need not
const FLAGS = 2; //    (c) of userfaultfd(2)
const FEATURES = 3; // (a) UFFD_FEATURE_*, and INITIALIZED
const LOCK = 4; //     (a)
const RELEASED = 5; // (l) the file is closed: nobody will read
const HEAD = 6; //     (l) the oldest event
const QUEUED = 7; //   (l)
const RESERVED = 8; // (l)
const ARRIVALS = 9; // (a) moves when there is something to read
const ORDER = 10; //   (l) faults are read in the order they came
const LIVES = 11; //   (c) how many contexts have lived here
const LINK = 15;
const EVENTS_AT = 16;

/** How many events can wait to be read. */
export const EVENTS_MAX = 64;
const EVENT_WORDS = 8;
const TYPE = 0;
const FORKED = 1;
const START = 2;
const END = 4;
const LENGTH = 6;

const FAULTS_AT = EVENTS_AT + EVENTS_MAX * EVENT_WORDS;
const FAULT_WORDS = 8;

export const USERFAULTFD_CTX_CACHE: Cache<'userfaultfd_ctx'> = cacheKind({
  name: 'userfaultfd_ctx',
  id: 10,
  words: FAULTS_AT + CPUS * FAULT_WORDS,
  link: LINK,
  // The lock is free, the counts go on, and no worker's fault is under way.
  inherits: [
    [LOCK, LOCK + 1],
    [ARRIVALS, LIVES + 1],
    [FAULTS_AT, FAULTS_AT + CPUS * FAULT_WORDS],
  ],
});

/** UFFDIO_API has been agreed on. */
const INITIALIZED = 1 << 30;

/** What happened to registered memory. */
export interface UserfaultfdEvent {
  /** UFFD_EVENT_* */
  readonly type: number;
  /** Bytes, inclusive; of REMAP, where the memory was. */
  readonly start: number;
  /** Bytes, exclusive; of REMAP, where it begins now. */
  readonly end: number;
  /** Bytes, of REMAP. */
  readonly len: number;
  /** Of FORK: the child's context. Whoever takes the event takes its reference too. */
  readonly forked: UserfaultfdCtx | Null;
}

/** @returns a context of `mm` with one reference, or NULL. */
export function userfaultfdCtxNew(mm: Mm, flags: number): UserfaultfdCtx | Null {
  const ctx = cacheAlloc(USERFAULTFD_CTX_CACHE);
  if (ctx === NULL) return NULL;
  mmgrab(mm);
  setWord(ctx + MM, mm);
  setWord(ctx + FLAGS, flags);
  setWord(ctx + LIVES, word(ctx + LIVES) + 1);
  atomics.store(ctx + FEATURES, 0);
  for (const at of [RELEASED, HEAD, QUEUED, RESERVED]) setWord(ctx + at, 0);
  atomics.store(ctx + REFS, 1);
  return ctx;
}

export function userfaultfdCtxGet(ctx: UserfaultfdCtx): UserfaultfdCtx {
  refcountInc(ctx + REFS);
  return ctx;
}

export function userfaultfdCtxPut(ctx: UserfaultfdCtx): void {
  if (!refcountDecAndTest(ctx + REFS)) return;
  assert(word(ctx + QUEUED) === 0, 'a userfaultfd context is freed without events');
  mmdrop(userfaultfdMm(ctx));
  cacheFree(USERFAULTFD_CTX_CACHE, ctx);
}

export const userfaultfdMm = (ctx: UserfaultfdCtx): Mm => word(ctx + MM) as Mm;
export const userfaultfdFlags = (ctx: UserfaultfdCtx): number => word(ctx + FLAGS);
export const userfaultfdHas = (ctx: UserfaultfdCtx, feature: number): boolean =>
  (atomics.load(ctx + FEATURES) & feature) !== 0;
export const isUserfaultfdInitialized = (ctx: UserfaultfdCtx): boolean =>
  userfaultfdHas(ctx, INITIALIZED);

/** @returns false when the features were agreed on before: that happens once. */
export const setUserfaultfdFeatures = (ctx: UserfaultfdCtx, features: number): boolean =>
  atomics.cas(ctx + FEATURES, 0, features | INITIALIZED);

/** A child's context has the features and flags of its parent's. */
export function copyUserfaultfdFeatures(from: UserfaultfdCtx, to: UserfaultfdCtx): void {
  atomics.store(to + FEATURES, atomics.load(from + FEATURES));
}

/** Promises an event a place, and keeps the context. @returns false when all are taken. */
export function userfaultfdReserve(ctx: UserfaultfdCtx): boolean {
  spinLock(ctx + LOCK, USERFAULTFD_LOCK);
  const isFull = word(ctx + QUEUED) + word(ctx + RESERVED) >= EVENTS_MAX;
  if (!isFull) setWord(ctx + RESERVED, word(ctx + RESERVED) + 1);
  spinUnlock(ctx + LOCK);
  if (!isFull) userfaultfdCtxGet(ctx);
  return !isFull;
}

/** Takes a promise back. */
export function userfaultfdUnreserve(ctx: UserfaultfdCtx): void {
  spinLock(ctx + LOCK, USERFAULTFD_LOCK);
  setWord(ctx + RESERVED, word(ctx + RESERVED) - 1);
  spinUnlock(ctx + LOCK);
  userfaultfdCtxPut(ctx);
}

/**
 * Puts an event at its promised place.
 *
 * @returns false when nobody will ever read it; what it carries stays the caller's.
 */
export function userfaultfdQueue(ctx: UserfaultfdCtx, event: UserfaultfdEvent): boolean {
  spinLock(ctx + LOCK, USERFAULTFD_LOCK);
  assert(word(ctx + RESERVED) > 0, 'an event has a place before it is queued');
  setWord(ctx + RESERVED, word(ctx + RESERVED) - 1);
  const isRead = word(ctx + RELEASED) === 0;
  if (isRead) {
    writeEvent(slotOf(ctx, word(ctx + QUEUED)), event);
    setWord(ctx + QUEUED, word(ctx + QUEUED) + 1);
  }
  spinUnlock(ctx + LOCK);
  if (isRead) userfaultfdAnnounce(ctx);
  userfaultfdCtxPut(ctx);
  return isRead;
}

/**
 * Takes the oldest event out. Its place stays promised until userfaultfdUnreserve(),
 * so that userfaultfdPutBack() cannot fail; both drop the reference that goes with it.
 */
export function userfaultfdTake(ctx: UserfaultfdCtx): UserfaultfdEvent | null {
  spinLock(ctx + LOCK, USERFAULTFD_LOCK);
  const isEmpty = word(ctx + QUEUED) === 0;
  const event = isEmpty ? null : readEvent(slotOf(ctx, 0));
  if (!isEmpty) {
    setWord(ctx + HEAD, (word(ctx + HEAD) + 1) % EVENTS_MAX);
    setWord(ctx + QUEUED, word(ctx + QUEUED) - 1);
    setWord(ctx + RESERVED, word(ctx + RESERVED) + 1);
  }
  spinUnlock(ctx + LOCK);
  if (!isEmpty) userfaultfdCtxGet(ctx);
  return event;
}

/** An event that could not be handed over is the oldest again. */
export function userfaultfdPutBack(ctx: UserfaultfdCtx, event: UserfaultfdEvent): void {
  spinLock(ctx + LOCK, USERFAULTFD_LOCK);
  setWord(ctx + RESERVED, word(ctx + RESERVED) - 1);
  setWord(ctx + HEAD, (word(ctx + HEAD) + EVENTS_MAX - 1) % EVENTS_MAX);
  setWord(ctx + QUEUED, word(ctx + QUEUED) + 1);
  writeEvent(slotOf(ctx, 0), event);
  spinUnlock(ctx + LOCK);
  userfaultfdCtxPut(ctx);
}

/** No event is queued any more. @returns the contexts of children that nobody has taken. */
export function userfaultfdShut(ctx: UserfaultfdCtx): UserfaultfdCtx[] {
  const forked: UserfaultfdCtx[] = [];
  spinLock(ctx + LOCK, USERFAULTFD_LOCK);
  setWord(ctx + RELEASED, 1);
  for (let i = 0; i < word(ctx + QUEUED); i++) {
    const event = readEvent(slotOf(ctx, i));
    if (event.type === UFFD_EVENT_FORK && event.forked !== NULL) forked.push(event.forked);
  }
  setWord(ctx + QUEUED, 0);
  spinUnlock(ctx + LOCK);
  return forked;
}

/** Something has happened that whoever watches has not heard of: nothing may be resolved now. */
export function isUserfaultfdChanging(ctx: UserfaultfdCtx): boolean {
  return word(ctx + QUEUED) + word(ctx + RESERVED) > 0;
}

/** Tells a context from others that had the same handle before. */
export const userfaultfdLife = (ctx: UserfaultfdCtx): number => word(ctx + LIVES);

export const userfaultfdLock = (ctx: UserfaultfdCtx): void =>
  spinLock(ctx + LOCK, USERFAULTFD_LOCK);
export const userfaultfdUnlock = (ctx: UserfaultfdCtx): void => spinUnlock(ctx + LOCK);

/** The fault of a worker: the record of its CPU. */
export const userfaultfdFaultAt = (ctx: UserfaultfdCtx, cpu: number): WordAt =>
  ctx + FAULTS_AT + cpu * FAULT_WORDS;
/** (l) is held. */
export function userfaultfdNextOrder(ctx: UserfaultfdCtx): number {
  const order = (word(ctx + ORDER) + 1) | 0;
  setWord(ctx + ORDER, order);
  return order;
}

/** What a reader reads before it looks for events, and then sleeps on. */
export const userfaultfdArrivals = (ctx: UserfaultfdCtx): number => atomics.load(ctx + ARRIVALS);

/** Sleeps unless something has arrived since `seen`. */
export function userfaultfdWait(ctx: UserfaultfdCtx, seen: number): void {
  atomics.wait(ctx + ARRIVALS, seen);
}

/** Pairs with a reader that looked before it sleeps: it sees the move. */
export function userfaultfdAnnounce(ctx: UserfaultfdCtx): void {
  atomics.add(ctx + ARRIVALS, 1);
  atomics.wakeAll(ctx + ARRIVALS);
}

const slotOf = (ctx: UserfaultfdCtx, i: number): WordAt =>
  ctx + EVENTS_AT + ((word(ctx + HEAD) + i) % EVENTS_MAX) * EVENT_WORDS;

function writeEvent(at: WordAt, { type, start, end, len, forked }: UserfaultfdEvent): void {
  setWord(at + TYPE, type);
  setWord(at + FORKED, forked);
  setDouble(at + START, start);
  setDouble(at + END, end);
  setDouble(at + LENGTH, len);
}

const readEvent = (at: WordAt): UserfaultfdEvent => ({
  type: word(at + TYPE),
  start: double(at + START),
  end: double(at + END),
  len: double(at + LENGTH),
  forked: word(at + FORKED) as UserfaultfdCtx | Null,
});
