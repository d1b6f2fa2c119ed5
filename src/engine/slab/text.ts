/**
 * Text that all workers can read: paths and names of mappings.
 *
 *   0         1       2 ...
 *   ┌─────────┬───────┬───────────────────────┐
 *   │refcount │ bytes │ UTF-8, never changed  │   in the smallest of four sizes
 *   └─────────┴───────┴───────────────────────┘
 */
import * as atomics from '#atomics';
import { setWord, views as shared, word } from '../arena/memory.ts';
import { NULL, type Null, type Ref } from '../arena/ref.ts';
import { refcountDecAndTest, refcountInc } from '../sync/refcount.ts';
import { type Cache, cacheKind, cacheAlloc, cacheFree } from './cache.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

export type Text = Ref<'text'>;

const REFS = 0; // (a)
const BYTES = 1;
const HEADER_WORDS = 2;

const cacheOf = (id: number, words: number): Cache<'text'> =>
  cacheKind({ name: 'text', id, words, link: 0 });

/** The widest holds PATH_MAX bytes. */
export const TEXT_CACHES = [cacheOf(12, 16), cacheOf(13, 64), cacheOf(14, 256), cacheOf(15, 1040)];

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @returns the text with one reference, or NULL when there is no memory or it is too long. */
export function textNew(content: string): Text | Null {
  const bytes = encoder.encode(content);
  const cache = cacheFor(bytes.length);
  if (cache === undefined) return NULL;

  const text = cacheAlloc(cache);
  if (text === NULL) return NULL;
  setWord(text + BYTES, bytes.length);
  views.u8.set(bytes, firstByte(text));
  atomics.store(text + REFS, 1);
  return text;
}

export function textGet(text: Text): Text {
  refcountInc(text + REFS);
  return text;
}

export function textPut(text: Text): void {
  if (!refcountDecAndTest(text + REFS)) return;
  const cache = cacheFor(word(text + BYTES));
  if (cache !== undefined) cacheFree(cache, text);
}

/** Decoders refuse shared memory in browsers, hence the copy. */
export const textRead = (text: Text): string => decoder.decode(textBytes(text).slice());

export const textBytes = (text: Text): Uint8Array =>
  views.u8.subarray(firstByte(text), firstByte(text) + word(text + BYTES));

/** Equal by content; NULL equals only NULL. */
export function textEquals(a: Text | Null, b: Text | Null): boolean {
  if (a === b) return true;
  if (a === NULL || b === NULL) return false;
  const bytes = textBytes(b);
  return textBytes(a).length === bytes.length && textBytes(a).every((byte, i) => byte === bytes[i]);
}

const firstByte = (text: Text): number => (text + HEADER_WORDS) * 4;

const cacheFor = (bytes: number): Cache<'text'> | undefined =>
  TEXT_CACHES.find((cache) => bytes <= (cache.words - HEADER_WORDS) * 4);
