/**
 * The one shared memory, as this worker sees it. Every structure of every
 * address space of a machine lives in it; nothing that two workers could
 * disagree on is kept anywhere else.
 *
 * A worker may hold several machines: useMemory() changes which one is meant. As
 * long as it has one, V8 treats the fields of `views` as constants, and an
 * accessor is one indexed load; with a second machine each access costs a little
 * more. That is why each hot file keeps `views` in a constant of its own: the
 * folding does not reach through an import.
 */
import { guardMemory } from '#shadow';
import type { WordAt } from './ref.ts';

export interface Memory {
  readonly buffer: SharedArrayBuffer;
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly f64: Float64Array<SharedArrayBuffer>;
  readonly u8: Uint8Array<SharedArrayBuffer>;
  readonly u64: BigUint64Array<SharedArrayBuffer>;
}

/** The memory of the machine that is in use. Set once for each, never built as a whole. */
export interface Views {
  /** Words: flags, counts, locks, links. What must be atomic lives here. */
  i32: Int32Array<SharedArrayBuffer>;
  /**
   * Doubles: addresses, page offsets, VMA flags. Written only before publication or under a lock.
   */
  f64: Float64Array<SharedArrayBuffer>;
  /** Bytes, for text and for what programs keep in their pages. */
  u8: Uint8Array<SharedArrayBuffer>;
  /** 64-bit words of pages. */
  u64: BigUint64Array<SharedArrayBuffer>;
}

// Empty at first: a field that is assigned only once counts as constant.
export const views = {} as Views;
/**
 * The same arrays, of which a checked build guards those above: for the atomic operations, and for
 * the allocator, whose free objects are nobody else's.
 */
export const rawViews = {} as Views;

/** Views `buffer`, whose size is fixed: views of growable buffers are 30 to 50 times slower. */
export function memoryOf(buffer: SharedArrayBuffer): Memory {
  return {
    buffer,
    i32: new Int32Array(buffer),
    f64: new Float64Array(buffer),
    u8: new Uint8Array(buffer),
    u64: new BigUint64Array(buffer),
  };
}

/** Makes `memory` what this worker's handles point into. */
export function useMemory(memory: Memory): void {
  setViews(rawViews, memory);
  setViews(views, guardMemory(memory));
}

/** Puts others in the place of both views of the memory in use. */
export function useViews(raw: Memory, guarded: Memory): void {
  setViews(rawViews, raw);
  setViews(views, guarded);
}

function setViews(to: Views, { i32, f64, u8, u64 }: Memory): void {
  to.i32 = i32;
  to.f64 = f64;
  to.u8 = u8;
  to.u64 = u64;
}

/** A word, read plainly: the caller owns it, holds its lock, or re-checks what it saw. */
export const word = (at: WordAt): number => views.i32[at]!;
export function setWord(at: WordAt, value: number): void {
  views.i32[at] = value;
}

/** A double at an even word index, read plainly. */
export const double = (at: WordAt): number => views.f64[at >> 1]!;
export function setDouble(at: WordAt, value: number): void {
  views.f64[at >> 1] = value;
}
