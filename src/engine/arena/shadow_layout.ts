/**
 * What a checked build knows of each object of each cache, in the shared memory behind the frames,
 * so that all workers agree. Numbers are words.
 *
 *   0            16        528 ...           ...
 *   ┌────────────┬─────────┬─────────────────┬──────────────────────────────────────────┐
 *   │ lock count │ names   │ places, as text │ granules: 4 words for every 8 of objects │
 *   └────────────┴─────────┴─────────────────┴──────────────────────────────────────────┘
 *
 *   a granule:  object  state  place  words that are special
 *
 * `object` is the first word of the object that the granule is a part of; 0 for what no cache has.
 * `place` is where it was last allocated or freed.
 */
import { CACHES } from './layout.ts';
import type { WordAt } from './ref.ts';

/** What the shadow has to know of a cache: see slab/cache.ts. */
export interface Shadowed {
  readonly name: string;
  readonly id: number;
  readonly words: number;
  readonly link: number;
  /** What a free object has everywhere, put there by whoever frees it; null: POISON. */
  readonly filling: number | null;
  /** Words that the next life takes over as they are. */
  readonly inherits: Spans;
  /** Words that may be looked at for ever: whoever does checks what it found. */
  readonly typeStable: Spans;
}

/** Words of an object, [from, to) each. */
export type Spans = readonly (readonly [from: number, to: number])[];

/** Asked before a word of an object is written; it throws when that may not be. */
export type ObjectWatch = (object: WordAt, word: number) => void;

/** The kernel's POISON_FREE, four times. */
export const POISON = 0x6b6b6b6b;

export const S_LOCK = 0; //  (a)
export const S_COUNT = 1; // (a) places there are
export const S_NAMES = 16;
export const NAME_WORDS = 16;
export const S_PLACES = S_NAMES + CACHES * NAME_WORDS;
export const PLACE_WORDS = 64;
export const PLACES_MAX = 8192;
export const S_GRANULES = S_PLACES + PLACES_MAX * PLACE_WORDS;

/** Words of objects that one granule is about; every cache's size is a multiple. */
export const GRANULE = 8;
export const GRANULE_WORDS = 4;

// A granule.
export const G_OBJECT = 0;
export const G_STATE = 1; // (a) the cache's number, and one of the states below
export const G_PLACE = 2;
export const G_SPECIAL = 3; // a bit for each word: inherited; eight more: type-stable

export const LIVE = 1;
/** Freed, while readers who found it before may still be there. */
export const WAITING = 2;
export const FREE = 3;
export const STATES = 4;

/** Words that the shadow of `heap` words takes. */
export const shadowWords = (heap: number): number =>
  S_GRANULES + Math.ceil(heap / GRANULE) * GRANULE_WORDS;

/** Where the granule of a word begins, in a shadow that begins at `shadow`. */
export const granuleOf = (shadow: WordAt, at: WordAt): WordAt =>
  shadow + S_GRANULES + (at >> 3) * GRANULE_WORDS;
