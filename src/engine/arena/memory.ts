/**
 * The one shared memory, as this worker sees it. Every structure of every
 * address space of a machine lives in it; nothing that two workers could
 * disagree on is kept anywhere else.
 *
 * The views are module bindings, so that an accessor is one indexed load. A
 * worker may hold several machines: useMemory() changes which one is meant.
 */
import type { WordAt } from './ref.ts';

export interface Memory {
  readonly buffer: SharedArrayBuffer;
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly f64: Float64Array<SharedArrayBuffer>;
  readonly u8: Uint8Array<SharedArrayBuffer>;
}

/** Words: flags, counts, locks, links. What must be atomic lives here. */
export let i32: Int32Array<SharedArrayBuffer>;
/** Doubles: addresses, page offsets, VMA flags. Written only before publication or under a lock. */
export let f64: Float64Array<SharedArrayBuffer>;
/** Bytes, for text. */
export let u8: Uint8Array<SharedArrayBuffer>;

/** Views `buffer`, whose size is fixed: views of growable buffers are 30 to 50 times slower. */
export function memoryOf(buffer: SharedArrayBuffer): Memory {
  return {
    buffer,
    i32: new Int32Array(buffer),
    f64: new Float64Array(buffer),
    u8: new Uint8Array(buffer),
  };
}

/** Makes `memory` what this worker's handles point into. */
export function useMemory(memory: Memory): void {
  i32 = memory.i32;
  f64 = memory.f64;
  u8 = memory.u8;
}

/** A word, read plainly: the caller owns it, holds its lock, or re-checks what it saw. */
export const word = (at: WordAt): number => i32[at]!;
export function setWord(at: WordAt, value: number): void {
  i32[at] = value;
}

/** A double at an even word index, read plainly. */
export const double = (at: WordAt): number => f64[at >> 1]!;
export function setDouble(at: WordAt, value: number): void {
  f64[at >> 1] = value;
}
