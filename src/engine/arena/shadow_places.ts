/** The texts in the shadow memory: names of caches, and places, each of them once. */
import type { WordAt } from './ref.ts';
import {
  NAME_WORDS,
  PLACE_WORDS,
  PLACES_MAX,
  S_COUNT,
  S_LOCK,
  S_NAMES,
  S_PLACES,
  type Shadowed,
} from './shadow_layout.ts';

/** A memory, unguarded, and where its shadow begins. */
interface ShadowState {
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly shadow: WordAt;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The numbers of the places this worker has met, for each memory: they never change. */
const known = new WeakMap<Int32Array, Map<string, number>>();

/** @returns the number of a place, which is given to it now if it has none; 0 when there are too
 *   many. */
export function notePlace(state: ShadowState, text: string): number {
  const numbers = known.get(state.words) ?? new Map<string, number>();
  known.set(state.words, numbers);
  const mine = numbers.get(text);
  if (mine !== undefined) return mine;
  const number = publishPlace(state, text);
  numbers.set(text, number);
  return number;
}

/** Place 0 is none: an object in its first life. */
function publishPlace({ words, shadow }: ShadowState, text: string): number {
  // Ends: whoever has the lock writes one text.
  while (Atomics.compareExchange(words, shadow + S_LOCK, 0, 1) !== 0);
  const number = Math.min((words[shadow + S_COUNT] ?? 0) + 1, PLACES_MAX - 1);
  words[shadow + S_COUNT] = number;
  const isRoom = number < PLACES_MAX - 1;
  const at = shadow + S_PLACES + number * PLACE_WORDS;
  writeText(words, { at, words: PLACE_WORDS }, isRoom ? text : '(too many places)');
  Atomics.store(words, shadow + S_LOCK, 0);
  return number;
}

export function placeText({ words, shadow }: ShadowState, number: number): string {
  const text = readText(words, shadow + S_PLACES + number * PLACE_WORDS);
  return text === '' ? '(a place that is not known)' : text;
}

/** Every worker writes the same. */
export function nameCache({ words, shadow }: ShadowState, { id, name }: Shadowed): void {
  writeText(words, { at: shadow + S_NAMES + id * NAME_WORDS, words: NAME_WORDS }, name);
}

export const cacheNameOf = ({ words, shadow }: ShadowState, id: number): string =>
  readText(words, shadow + S_NAMES + id * NAME_WORDS);

/** A text is its length in bytes and its bytes, cut to what there is room for. */
function writeText(
  memory: Int32Array<SharedArrayBuffer>,
  { at, words }: { readonly at: WordAt; readonly words: number },
  text: string,
): void {
  const bytes = encoder.encode(text).subarray(0, (words - 1) * 4);
  new Uint8Array(memory.buffer).set(bytes, (at + 1) * 4);
  memory[at] = bytes.length;
}

function readText(memory: Int32Array<SharedArrayBuffer>, at: WordAt): string {
  const from = (at + 1) * 4;
  return decoder.decode(new Uint8Array(memory.buffer).slice(from, from + (memory[at] ?? 0)));
}
