/**
 * Shadow memory: what `#shadow` is in a checked build. It knows of each object of each cache
 * whether it is alive, and where it was last allocated or freed; and it is asked at every access.
 *
 *   alive ── cacheFree() ─────────────────────────> free: filled with poison
 *     │                                              ^
 *     └──── cacheFreeRcu() ──> waits ── grace period ┘
 *
 * Who may look at what is not alive, and at which of it:
 *
 *   waits   whoever is inside an RCU section: it may have found the object before it was freed.
 *           The section of another worker has nothing to do with it.
 *   frames  loads: a CPU may have one under way that was overtaken by a flush, and repeats it
 *           (fault/access.ts). No store: the flush has waited for those.
 *   any     words that are type-stable for their cache. Such a reader holds nothing, and checks
 *           afterwards: a descriptor's file by its count, a cursor's node by its life.
 *
 * Nobody may write to an object that is not alive. The allocator itself goes around the guard.
 */
import { broken } from './assert.ts';
import { guardWords, guardViews } from './guard.ts';
import { C_RCU_NESTING, H_FRAMES, H_MEM_MAP, H_RAM_AT, H_SHADOW_AT } from './layout.ts';
import type { Memory } from './memory.ts';
import { placeOfCaller } from './place.ts';
import type { WordAt } from './ref.ts';
import { scheduled } from './scheduler.ts';
import {
  FREE,
  G_OBJECT,
  G_PLACE,
  G_SPECIAL,
  G_STATE,
  GRANULE,
  GRANULE_WORDS,
  granuleOf,
  LIVE,
  type ObjectWatch,
  PLACES_MAX,
  POISON,
  S_GRANULES,
  type Shadowed,
  shadowWords,
  type Spans,
  STATES,
  WAITING,
} from './shadow_layout.ts';
import { cacheNameOf, nameCache, notePlace, placeText } from './shadow_places.ts';

export { scheduled } from './scheduler.ts';

/** Whether this build is a checked one. */
export const IS_SHADOWED: boolean = true;

/** The place of what happened under a scheduler, whose trace says it better. */
const UNTOLD = PLACES_MAX - 1;

/** The memory in use, unguarded, and where its shadow begins. */
const state: { words: Int32Array<SharedArrayBuffer>; shadow: WordAt; cpu: WordAt } = {
  words: new Int32Array(new SharedArrayBuffer(0)),
  shadow: 0,
  cpu: 0,
};

/** Bytes behind the frames that the shadow of so many bytes of objects takes. */
export const shadowBytes = (bytes: number): number =>
  Math.ceil((shadowWords(bytes / 4) * 4) / 65536) * 65536;

/** What the engine sees of a memory: the same, with a check at every access. */
export function guardMemory(memory: Memory): Memory {
  state.words = memory.i32;
  // A memory that is just being made has no shadow yet: see createArena().
  state.shadow = memory.i32[H_SHADOW_AT] ?? 0;
  return guardViews(memory);
}

/** The worker that runs this. */
export function useShadowCpu(cpu: WordAt): void {
  state.cpu = cpu;
}

/** Fresh objects of a cache, from `at` on: free, and not filled with anything yet. */
export function shadowCarve(cache: Shadowed, at: WordAt, count: number): void {
  if (state.shadow === 0) state.shadow = state.words[H_SHADOW_AT] ?? 0;
  nameCache(state, cache);
  for (let object = at; object < at + count * cache.words; object += cache.words) {
    for (let offset = 0; offset < cache.words; offset += GRANULE) {
      const granule = granuleOf(state.shadow, object + offset);
      note(granule + G_OBJECT, object);
      note(
        granule + G_SPECIAL,
        bitsOf(cache.inherits, offset) | (bitsOf(cache.typeStable, offset) << GRANULE),
      );
    }
    setState(cache, object, { state: FREE, place: 0 });
  }
}

/** A bit for each word of the granule at `offset` that one of the spans holds. */
function bitsOf(spans: Spans, offset: number): number {
  let bits = 0;
  for (const [from, to] of spans) {
    for (let word = 0; word < GRANULE; word++) {
      if (offset + word >= from && offset + word < to) bits |= 1 << word;
    }
  }
  return bits;
}

/** An object is handed out. */
export function shadowAlloc(cache: Shadowed, object: WordAt): void {
  if (stateOf(object) !== FREE) report('an object is handed out that is not free', object);
  if (scheduled() !== null) {
    setState(cache, object, { state: LIVE, place: UNTOLD });
    return;
  }
  const place = state.words[granuleOf(state.shadow, object) + G_PLACE] ?? 0;
  // One in its first life still has the zeroes of the arena.
  const filling = place === 0 ? 0 : (cache.filling ?? POISON);
  for (let word = 0; word < cache.words; word++) {
    if (word === cache.link || isKept(object + word)) continue;
    if (state.words[object + word] === filling) continue;
    report(`word ${word} was written while it was free`, object);
  }
  setState(cache, object, { state: LIVE, place: notePlace(state, placeOfCaller()) });
}

/** It is given back; `waits`: readers may still be there. */
export function shadowFree(cache: Shadowed, object: WordAt, waits: boolean): void {
  const granule = granuleOf(state.shadow, object);
  if (state.words[granule + G_OBJECT] !== object) report('what is freed is no object', object);
  const was = cache.id * STATES + LIVE;
  const now = cache.id * STATES + (waits ? WAITING : FREE);
  // Of two workers who free it, one comes second.
  const met =
    scheduled() === null
      ? Atomics.compareExchange(state.words, granule + G_STATE, was, now)
      : peek(granule + G_STATE);
  if (met !== was) report(`double free as a ${cache.name}`, object);
  const place = scheduled() === null ? notePlace(state, placeOfCaller()) : UNTOLD;
  setState(cache, object, { state: waits ? WAITING : FREE, place });
  if (!waits) fill(cache, object);
}

/** The readers of an object that waited are gone. */
export function shadowRelease(cache: Shadowed, object: WordAt): void {
  if (stateOf(object) !== WAITING) report('its grace period is over, but it does not wait', object);
  const place = state.words[granuleOf(state.shadow, object) + G_PLACE] ?? 0;
  setState(cache, object, { state: FREE, place });
  fill(cache, object);
}

/** A cache whose free objects keep a constructed state is checked for it, not filled. */
function fill(cache: Shadowed, object: WordAt): void {
  for (let word = 0; word < cache.words; word++) {
    if (word === cache.link || isKept(object + word)) continue;
    if (cache.filling === null) note(object + word, POISON);
    else if (peek(object + word) !== cache.filling) {
      report(`word ${word} is freed with what its next life does not expect`, object);
    }
  }
}

function setState(
  cache: Shadowed,
  object: WordAt,
  now: { readonly state: number; readonly place: number },
): void {
  for (let offset = 0; offset < cache.words; offset += GRANULE) {
    const granule = granuleOf(state.shadow, object + offset);
    note(granule + G_PLACE, now.place);
    note(granule + G_STATE, cache.id * STATES + now.state);
  }
}

const stateOf = (at: WordAt): number => peek(granuleOf(state.shadow, at) + G_STATE) % STATES;

/** A word: under a scheduler each is answered, undone and repeated like those of the engine. */
const peek = (at: WordAt): number =>
  scheduled()?.unguarded.plainLoad(at) ?? Atomics.load(state.words, at);

function note(at: WordAt, value: number): void {
  const scheduler = scheduled();
  if (scheduler === null) Atomics.store(state.words, at, value);
  else scheduler.unguarded.plainStore(at, value);
}

const specialOf = (at: WordAt): number => state.words[granuleOf(state.shadow, at) + G_SPECIAL] ?? 0;
const isInherited = (at: WordAt): boolean => ((specialOf(at) >> (at & 7)) & 1) !== 0;
const isTypeStable = (at: WordAt): boolean => ((specialOf(at) >> ((at & 7) + GRANULE)) & 1) !== 0;
/** What readers may look at although it is free keeps its last value. */
const isKept = (at: WordAt): boolean => isInherited(at) || isTypeStable(at);

/** Asked before every access through a view, and before every atomic one. */
function check(at: WordAt, isWrite: boolean): void {
  const { words, shadow } = state;
  const ram = words[H_RAM_AT] ?? 0;
  if (at >= ram) {
    if (isWrite && shadow !== 0) checkFrame(at - ram);
    return;
  }
  if (shadow === 0) return;
  const now = Atomics.load(words, granuleOf(shadow, at) + G_STATE) % STATES;
  if (now === LIVE && isWrite) watched(at);
  if (now <= LIVE) return;
  const isStable = isTypeStable(at);
  if (isStable && !keptByReaders(at)) return;
  const isInside = now === WAITING && (words[state.cpu + C_RCU_NESTING] ?? 0) > 0;
  if (isInside && (isStable || !isWrite)) return;
  report(isWrite ? 'write after free' : 'use after free', at);
}

/** By the number of the cache. */
const waiting: ((() => boolean) | undefined)[] = [];

/**
 * Whose type-stable words are stable only as long as their object waits for readers, who may also
 * write them: a lock that its last holder leaves after the object was freed.
 */
export function waitForReaders(cache: Shadowed, ask: () => boolean): void {
  waiting[cache.id] = ask;
}

function keptByReaders(at: WordAt): boolean {
  const granule = granuleOf(state.shadow, at);
  const ask = waiting[Math.floor((state.words[granule + G_STATE] ?? 0) / STATES)];
  return ask !== undefined && ask();
}

/** By the number of the cache. */
const watches: (ObjectWatch | undefined)[] = [];

/** Who is asked before a word of a living object of a cache is written. */
export function watchWrites(cache: Shadowed, ask: ObjectWatch): void {
  watches[cache.id] = ask;
}

function watched(at: WordAt): void {
  const granule = granuleOf(state.shadow, at);
  const ask = watches[Math.floor((state.words[granule + G_STATE] ?? 0) / STATES)];
  const object = state.words[granule + G_OBJECT] ?? 0;
  if (ask !== undefined) ask(object, at - object);
}

/** `at`: words from the first frame. */
function checkFrame(at: number): void {
  const { words, shadow } = state;
  const pfn = at >>> 10;
  const map = words[H_MEM_MAP] ?? 0;
  if (map === 0 || pfn >= (words[H_FRAMES] ?? 0)) return;
  const page = map + pfn * 8;
  const now = Atomics.load(words, granuleOf(shadow, page) + G_STATE) % STATES;
  if (now > LIVE) report('a store to the frame of a free page', page);
}

guardWords(check);

/** @throws Error that names where it was freed or allocated, and where this happened. */
function report(what: string, at: WordAt): never {
  const granule = granuleOf(state.shadow, at);
  const object = state.words[granule + G_OBJECT] ?? 0;
  const now = (state.words[granule + G_STATE] ?? 0) % STATES;
  const name = cacheNameOf(state, Math.floor((state.words[granule + G_STATE] ?? 0) / STATES));
  const place = placeText(state, state.words[granule + G_PLACE] ?? 0);
  const did = now === LIVE ? 'allocated' : 'freed';
  return broken(
    `${what}: word ${at - object} of the ${name} at ${object}\n` +
      `    ${did} by ${place}\n    met by ${placeOfCaller()}`,
  );
}

/** Where the first living objects of a cache were allocated. */
export const shadowPlaces = (cache: Shadowed, most: number): string[] =>
  liveObjects(cache)
    .slice(0, most)
    .map((object) => placeText(state, state.words[granuleOf(state.shadow, object) + G_PLACE] ?? 0));

function liveObjects(cache: Shadowed): WordAt[] {
  const objects: WordAt[] = [];
  const { words, shadow } = state;
  for (let at = shadow + S_GRANULES; at < words.length; at += GRANULE_WORDS) {
    const object = ((at - shadow - S_GRANULES) / GRANULE_WORDS) * GRANULE;
    const isFirst = words[at + G_OBJECT] === object && object !== 0;
    if (isFirst && words[at + G_STATE] === cache.id * STATES + LIVE) objects.push(object);
  }
  return objects;
}

/** What is known of the objects in the first `words` words. */
export function saveShadow(words: number): Int32Array {
  const from = state.shadow + S_GRANULES;
  return new Int32Array(state.words.subarray(from, granuleOf(state.shadow, words + GRANULE)));
}

/** Goes back to that; there were `words` words of objects until now. */
export function restoreShadow(saved: Int32Array, words: number): void {
  const from = state.shadow + S_GRANULES;
  state.words.fill(0, from, granuleOf(state.shadow, words + GRANULE));
  state.words.set(saved, from);
}
