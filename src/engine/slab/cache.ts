/**
 * Caches of equal objects. Each worker allocates from a free list of its own;
 * lists are filled from the arena or from a depot that all workers share, in
 * batches, under a lock.
 *
 *   worker 0: free ──> o ──> o      pending ──> o ──> o      waiting ──> o ──> o
 *                 ^                 freed under RCU,         a grace period is
 *                 │                 not yet asked for        under way
 *   depot: o ──> o ──> o            └── one batch at a time ─┘──────> free
 *
 * A freed object keeps its contents but for the link word, and its memory is
 * always an object of the same cache: a late RCU reader may look, and must then
 * check.
 */
import * as atomics from '#atomics';
import { RELEASE_WITHOUT_GRACE, UNLOCKED_DEPOT } from '#mutants';
import {
  IS_SHADOWED,
  scheduled,
  shadowAlloc,
  shadowCarve,
  shadowFree,
  shadowPlaces,
  shadowRelease,
} from '#shadow';
import { cacheAt, takeFrom } from '../arena/arena.ts';
import { cpuOf, thisCpu } from '../arena/cpu.ts';
import { CPUS, C_SLABS, SLAB_WORDS } from '../arena/layout.ts';
import { rawViews } from '../arena/memory.ts';
import { NULL, type Null, type Ref, type WordAt } from '../arena/ref.ts';
import { pollStateSynchronizeRcu, startPollSynchronizeRcu } from '../rcu/rcu.ts';
import { CACHE_DEPOT_LOCK } from '../sync/lock_class.ts';
import { spinLock, spinTryLock, spinUnlock } from '../sync/spinlock.ts';
import { ARMED, CARVED, DEPOT_COUNT, DEPOT_HEAD, DEPOT_LOCK } from './cache_line.ts';
import type { Cache } from './cache_kind.ts';
import { isRefused, noteExhausted, refusalsOf } from './fail.ts';

export { type Cache, cacheKind } from './cache_kind.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = rawViews;

// Its own, not those of arena/memory.ts: links stand in objects that are free, which a checked build
// lets nobody else look at.
const word = (at: WordAt): number => views.i32[at] ?? NULL;
function setWord(at: WordAt, value: number): void {
  views.i32[at] = value;
}
const double = (at: WordAt): number => views.f64[at >> 1] ?? NULL;
function setDouble(at: WordAt, value: number): void {
  views.f64[at >> 1] = value;
}

/** Objects moved between a worker and the depot, or waited for, at one time. */
const BATCH = 256;
/** A scheduler may ask for a grace period of fewer: its programs are short. */
const rcuBatch = (): number => (IS_SHADOWED ? (scheduled()?.rcuBatch ?? BATCH) : BATCH);
/** Objects first carved out of the arena: enough to share a lock over, few enough to waste. */
const CHUNK_WORDS = 4096;
/** What chunks are multiples of. */
const ALIGN_WORDS = 64;

// A worker's part: offsets from slabAt(cache).
const FREE = 0;
const FREE_COUNT = 1;
const PENDING = 2;
const PENDING_LAST = 3;
const PENDING_COUNT = 4;
const WAITING = 5;
const WAITING_LAST = 6;
const WAITING_COUNT = 7;
const WAITING_COOKIE = 8;
const ALLOCS = 10; // a double, since a counter passes 2^31 in minutes
const FREES = 12;

const slabAt = (id: number, cpu: WordAt): WordAt => cpu + C_SLABS + id * SLAB_WORDS;

/**
 * @returns an object with the contents of its last life (zero in its first), or
 *   NULL when the arena is full or a fault was asked for.
 */
export function cacheAlloc<Kind extends string>(cache: Cache<Kind>): Ref<Kind> | Null {
  if (word(cacheAt(cache.id) + ARMED) !== 0 && isRefused(cache)) return NULL;
  if (IS_SHADOWED && scheduled()?.refuses(cache.name) === true) return NULL;

  const slab = slabAt(cache.id, thisCpu);
  if (word(slab + FREE) === NULL && !refill(cache, slab)) return NULL;

  const object = word(slab + FREE);
  setWord(slab + FREE, word(object + cache.link));
  setWord(slab + FREE_COUNT, word(slab + FREE_COUNT) - 1);
  setDouble(slab + ALLOCS, double(slab + ALLOCS) + 1);
  if (IS_SHADOWED) shadowAlloc(cache, object);
  return object as Ref<Kind>;
}

/** Frees an object that no other worker can still reach. */
export function cacheFree<Kind extends string>(cache: Cache<Kind>, object: Ref<Kind>): void {
  const slab = slabAt(cache.id, thisCpu);
  if (IS_SHADOWED) shadowFree(cache, object, false);
  setDouble(slab + FREES, double(slab + FREES) + 1);
  setWord(object + cache.link, word(slab + FREE));
  setWord(slab + FREE, object);
  setWord(slab + FREE_COUNT, word(slab + FREE_COUNT) + 1);
  if (word(slab + FREE_COUNT) > 2 * BATCH) spill(cache, slab);
}

/** Frees the first `count` of the objects as cacheFree() does each, counting them once. */
export function cacheFreeAll<Kind extends string>(
  cache: Cache<Kind>,
  objects: readonly Ref<Kind>[],
  count: number,
): void {
  const slab = slabAt(cache.id, thisCpu);
  const { link } = cache;
  let head = word(slab + FREE);
  for (let i = 0; i < count; i++) {
    const object: number = objects[i] ?? NULL;
    if (IS_SHADOWED) shadowFree(cache, object, false);
    setWord(object + link, head);
    head = object;
  }
  setWord(slab + FREE, head);
  setDouble(slab + FREES, double(slab + FREES) + count);
  setWord(slab + FREE_COUNT, word(slab + FREE_COUNT) + count);
  while (word(slab + FREE_COUNT) > 2 * BATCH && spill(cache, slab));
}

/** Frees an object once all present RCU readers are gone. Never waits. */
export function cacheFreeRcu<Kind extends string>(cache: Cache<Kind>, object: Ref<Kind>): void {
  const slab = slabAt(cache.id, thisCpu);
  if (IS_SHADOWED) shadowFree(cache, object, true);
  setDouble(slab + FREES, double(slab + FREES) + 1);
  setWord(object + cache.link, word(slab + PENDING));
  if (word(slab + PENDING) === NULL) setWord(slab + PENDING_LAST, object);
  setWord(slab + PENDING, object);
  const count = word(slab + PENDING_COUNT) + 1;
  setWord(slab + PENDING_COUNT, count);
  if (count % rcuBatch() === 0) turnBatches(cache, slab);
}

/** What one cache holds; counts of objects. */
export interface CacheStats {
  readonly name: string;
  readonly words: number;
  /** In use: 0 for every cache once a machine is torn down. */
  readonly live: number;
  readonly allocs: number;
  /** Freed, and waiting for RCU readers to leave. */
  readonly deferred: number;
  readonly carved: number;
  /** Allocations that failed because it was asked for. */
  readonly refused: number;
  /** Allocations that found no memory. */
  readonly exhausted: number;
}

/** Folds the workers' counters; exact when no worker is inside the engine. */
export function cacheStats(cache: Cache<string>): CacheStats {
  let allocs = 0;
  let frees = 0;
  let deferred = 0;
  for (let id = 0; id < CPUS; id++) {
    const slab = slabAt(cache.id, cpuOf(id));
    allocs += double(slab + ALLOCS);
    frees += double(slab + FREES);
    deferred += word(slab + PENDING_COUNT) + word(slab + WAITING_COUNT);
  }
  const carved = atomics.load(cacheAt(cache.id) + CARVED);
  const { name, words } = cache;
  return { name, words, live: allocs - frees, allocs, deferred, carved, ...refusalsOf(cache) };
}

/** Fills an empty free list, from what RCU has released, the depot, or the arena. */
function refill(cache: Cache<string>, slab: WordAt): boolean {
  if (word(slab + WAITING) !== NULL || word(slab + PENDING_COUNT) >= rcuBatch()) {
    turnBatches(cache, slab);
    if (word(slab + FREE) !== NULL) return true;
  }
  if (takeFromDepot(cache, slab) || carve(cache, slab)) return true;

  // The arena is full: what waits for a grace period may be all there is.
  turnBatches(cache, slab);
  turnBatches(cache, slab);
  if (word(slab + FREE) !== NULL) return true;
  noteExhausted(cache);
  return false;
}

function carve(cache: Cache<string>, slab: WordAt): boolean {
  // Where a chunk no longer fits, a few objects still may.
  return carveChunk(cache, slab, CHUNK_WORDS) || carveChunk(cache, slab, ALIGN_WORDS);
}

function carveChunk(cache: Cache<string>, slab: WordAt, words: number): boolean {
  const { brk, end } = cache.area;
  const count = Math.max(1, Math.floor(words / cache.words));
  const at = takeFrom(brk, end, Math.ceil((count * cache.words) / ALIGN_WORDS) * ALIGN_WORDS);
  if (at === NULL) return false;

  if (IS_SHADOWED) shadowCarve(cache, at, count);
  for (let i = count - 1; i >= 0; i--) pushFree(cache, slab, at + i * cache.words);
  atomics.add(cacheAt(cache.id) + CARVED, count);
  return true;
}

function pushFree(cache: Cache<string>, slab: WordAt, object: number): void {
  setWord(object + cache.link, word(slab + FREE));
  setWord(slab + FREE, object);
  setWord(slab + FREE_COUNT, word(slab + FREE_COUNT) + 1);
}

/**
 * Moves a batch from the free list to the depot, for workers that only allocate. @returns false
 * when somebody is there: freeing never waits, and the next one tries again.
 */
function spill(cache: Cache<string>, slab: WordAt): boolean {
  const depot = cacheAt(cache.id);
  if (!spinTryLock(depot + DEPOT_LOCK, CACHE_DEPOT_LOCK)) return false;
  const head = word(slab + FREE);
  const last = nthLinked(cache, head, BATCH);
  setWord(slab + FREE, word(last + cache.link));
  setWord(slab + FREE_COUNT, word(slab + FREE_COUNT) - BATCH);
  setWord(last + cache.link, word(depot + DEPOT_HEAD));
  setWord(depot + DEPOT_HEAD, head);
  atomics.store(depot + DEPOT_COUNT, word(depot + DEPOT_COUNT) + BATCH);
  spinUnlock(depot + DEPOT_LOCK);
  return true;
}

function takeFromDepot(cache: Cache<string>, slab: WordAt): boolean {
  const depot = cacheAt(cache.id);
  // Read without the lock: missing a batch that just arrives only carves a chunk.
  if (atomics.readOnce(depot + DEPOT_COUNT) === 0) return false;

  if (!UNLOCKED_DEPOT) spinLock(depot + DEPOT_LOCK, CACHE_DEPOT_LOCK);
  const head = word(depot + DEPOT_HEAD);
  const count = Math.min(BATCH, word(depot + DEPOT_COUNT));
  const last = nthLinked(cache, head, count);
  if (count > 0) {
    setWord(depot + DEPOT_HEAD, word(last + cache.link));
    atomics.store(depot + DEPOT_COUNT, word(depot + DEPOT_COUNT) - count);
  }
  if (!UNLOCKED_DEPOT) spinUnlock(depot + DEPOT_LOCK);
  if (count === 0) return false;
  setWord(last + cache.link, word(slab + FREE));
  setWord(slab + FREE, head);
  setWord(slab + FREE_COUNT, word(slab + FREE_COUNT) + count);
  return true;
}

/** The last of the first `count` objects of a list. */
function nthLinked(cache: Cache<string>, head: WordAt, count: number): WordAt {
  const { i32 } = views;
  const { link } = cache;
  let at = head;
  for (let i = 1; i < count; i++) at = i32[at + link] ?? NULL;
  return at;
}

/** Releases the waiting batch if its grace period is over, and lets the pending one wait. */
function turnBatches(cache: Cache<string>, slab: WordAt): void {
  if (word(slab + WAITING) !== NULL) {
    const isOver = pollStateSynchronizeRcu(word(slab + WAITING_COOKIE));
    if (!isOver && !RELEASE_WITHOUT_GRACE) return;
    if (IS_SHADOWED) releaseWaiting(cache, word(slab + WAITING));
    setWord(word(slab + WAITING_LAST) + cache.link, word(slab + FREE));
    setWord(slab + FREE, word(slab + WAITING));
    setWord(slab + FREE_COUNT, word(slab + FREE_COUNT) + word(slab + WAITING_COUNT));
    setWord(slab + WAITING, NULL);
    setWord(slab + WAITING_COUNT, 0);
  }
  if (word(slab + PENDING) === NULL) return;
  setWord(slab + WAITING, word(slab + PENDING));
  setWord(slab + WAITING_LAST, word(slab + PENDING_LAST));
  setWord(slab + WAITING_COUNT, word(slab + PENDING_COUNT));
  setWord(slab + WAITING_COOKIE, startPollSynchronizeRcu());
  setWord(slab + PENDING, NULL);
  setWord(slab + PENDING_COUNT, 0);
}

function releaseWaiting(cache: Cache<string>, first: WordAt): void {
  for (let at = first; at !== NULL; at = word(at + cache.link)) shadowRelease(cache, at);
}

/** Where the first `most` living objects were allocated; a checked build knows. */
export const livePlaces = (cache: Cache<string>, most: number): string[] =>
  shadowPlaces(cache, most);

/** Turns what this worker has freed under RCU into free objects; `synchronizeRcu()` came before. */
export function cacheDrain(cache: Cache<string>): void {
  const slab = slabAt(cache.id, thisCpu);
  turnBatches(cache, slab);
  turnBatches(cache, slab);
}
