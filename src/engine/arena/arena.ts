/** Making an arena, and taking words from it. */
import * as atomics from '#atomics';
import { IS_SHADOWED, shadowBytes } from '#shadow';
import {
  CACHE_WORDS,
  CACHES_AT,
  FORMAT,
  HEAP_AT,
  H_BRK,
  H_FORMAT,
  H_MAGIC,
  H_RAM_AT,
  H_FRAMES,
  H_RCU_EPOCH,
  H_SHADOW_AT,
  H_WORDS,
  MAGIC,
} from './layout.ts';
import { type Memory, memoryOf, setWord, useMemory, word } from './memory.ts';
import { NULL, type Null, type WordAt } from './ref.ts';

/** Objects start on a 256-byte boundary of the heap at the widest. */
const HEAP_ALIGN = 64;
const HEAP_START = Math.ceil(HEAP_AT / HEAP_ALIGN) * HEAP_ALIGN;

/** What has to be there before anything can be said of it. */
const HEADER_BYTES = CACHES_AT * 4;

/** The least an arena can be: its fixed parts and a little heap, in bytes. */
export const ARENA_BYTES_MIN = (HEAP_START + 64 * 1024) * 4;
/** The most, frames included: what an array of bytes can see. */
export const ARENA_BYTES_MAX = 2 ** 32 - 65536;

/**
 * Makes an arena of `bytes` (a multiple of 64 KiB) for objects, with `ramBytes` (also one) of
 * frames behind it, and makes it this worker's memory.
 */
export function createArena(bytes: number, ramBytes = 0): Memory {
  const memory = memoryOf(new SharedArrayBuffer(bytes + ramBytes + shadowBytes(bytes)));
  useMemory(memory);
  setWord(H_MAGIC, MAGIC);
  setWord(H_FORMAT, FORMAT);
  setWord(H_WORDS, bytes / 4);
  setWord(H_BRK, HEAP_START);
  setWord(H_RAM_AT, bytes / 4);
  setWord(H_FRAMES, ramBytes / 4096);
  if (IS_SHADOWED) setWord(H_SHADOW_AT, (bytes + ramBytes) / 4);
  setWord(H_RCU_EPOCH, 1); // 0 says "not in a read section"
  return memory;
}

/** @returns one sentence, when this thread cannot share memory with others. */
export const refuseToShare = (): string | null =>
  typeof SharedArrayBuffer === 'function' ? null : NOT_ISOLATED;

const NOT_ISOLATED =
  'This page may not share memory: its server has to send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp with it, and with the scripts of its workers.';

/** @returns one sentence, when `buffer` does not hold a whole machine of this version. */
export function refuseArena(buffer: unknown): string | null {
  const alone = refuseToShare();
  if (alone !== null) return alone;
  if (!(buffer instanceof SharedArrayBuffer)) {
    return 'A worker attaches with what share() gave: { buffer }, a SharedArrayBuffer.';
  }
  if (buffer.growable) return 'This buffer does not hold a machine: it can grow.';
  if (buffer.byteLength < HEADER_BYTES || buffer.byteLength % 8 !== 0) {
    return `This buffer does not hold a machine: ${buffer.byteLength} bytes are no size of one.`;
  }
  const { i32 } = memoryOf(buffer);
  if (i32[H_MAGIC] !== MAGIC) return 'This buffer does not hold a machine.';
  if (i32[H_FORMAT] !== FORMAT) {
    return `This machine has format ${i32[H_FORMAT]}; this version of vmaspace attaches to ${FORMAT}.`;
  }
  // Checked and unchecked workers would not agree on what is alive.
  if ((i32[H_SHADOW_AT] !== 0) !== IS_SHADOWED) {
    const [its, ours] = IS_SHADOWED ? ['an ordinary', 'a checked'] : ['a checked', 'an ordinary'];
    return `This machine is of ${its} build, and this worker is of ${ours} one: see docs/failure.md.`;
  }
  return refuseLength(i32, buffer.byteLength);
}

function refuseLength(i32: Int32Array, length: number): string | null {
  const objects = (i32[H_WORDS] ?? 0) * 4;
  const whole = objects + (i32[H_FRAMES] ?? 0) * 4096 + shadowBytes(objects);
  if (whole === length) return null;
  return `This machine is cut short or torn: it has ${whole} bytes, and the buffer ${length}.`;
}

/** @returns the memory, or null when `buffer` is not an arena of this format. */
export const openArena = (buffer: SharedArrayBuffer): Memory | null =>
  refuseArena(buffer) === null ? memoryOf(buffer) : null;

/**
 * Takes `words` (a multiple of 64) from the untouched end of the arena. They are
 * zero, and are never given back: caches keep them.
 *
 * @returns the first word, or NULL when the arena is full.
 */
export const takeWords = (words: number): WordAt | Null => takeFrom(H_BRK, H_WORDS, words);

/** The same of another area, whose first free word and end stand in two words of the header. */
export function takeFrom(brk: WordAt, end: WordAt, words: number): WordAt | Null {
  for (;;) {
    const at = atomics.load(brk);
    if (at + words > word(end)) return NULL;
    if (atomics.cas(brk, at, at + words)) return at;
  }
}

/** Words in use, fixed parts included: what a copy of the arena has to save. */
export const arenaUsed = (): number => atomics.load(H_BRK);

/** The shared words of a cache. */
export const cacheAt = (id: number): WordAt => CACHES_AT + id * CACHE_WORDS;
