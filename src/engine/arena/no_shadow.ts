/**
 * No shadow memory: what `#shadow` is in every build but a checked one. Nothing is known of an
 * object beyond what it holds, and nothing is looked at.
 */
import type { Memory } from './memory.ts';
import type { WordAt } from './ref.ts';
import type { Scheduler } from './scheduler.ts';
import type { ObjectWatch, Shadowed } from './shadow_layout.ts';

/** Whether this build is a checked one. */
export const IS_SHADOWED: boolean = false;
/** Who decides which worker goes on: nobody here. */
export const scheduled = (): Scheduler | null => null;

/** Bytes behind the frames that the shadow of so many bytes of objects takes. */
export const shadowBytes = (_bytes: number): number => 0;

/** What the engine sees of a memory. */
export const guardMemory = (memory: Memory): Memory => memory;
/** The worker that runs this. */
export const useShadowCpu = (_cpu: WordAt): void => undefined;

/** Fresh objects of a cache, from `at` on. */
export const shadowCarve = (_cache: Shadowed, _at: WordAt, _count: number): void => undefined;
/** An object is handed out. */
export const shadowAlloc = (_cache: Shadowed, _object: WordAt): void => undefined;
/** It is given back; `waits`: readers may still be there. */
export const shadowFree = (_cache: Shadowed, _object: WordAt, _waits: boolean): void => undefined;
/** The readers of an object that waited are gone. */
export const shadowRelease = (_cache: Shadowed, _object: WordAt): void => undefined;

/** Who is asked before a word of a living object of a cache is written. */
export const watchWrites = (_cache: Shadowed, _ask: ObjectWatch): void => undefined;

/** Whose type-stable words are stable only as long as their object waits for readers. */
export const waitForReaders = (_cache: Shadowed, _ask: () => boolean): void => undefined;

/** Where the first living objects of a cache were allocated; none: not known. */
export const shadowPlaces = (_cache: Shadowed, _most: number): string[] => [];

/** What is known of the objects in the first `words` words. */
export const saveShadow = (_words: number): Int32Array => new Int32Array();
/** Goes back to that; there were `words` words of objects until now. */
export const restoreShadow = (_saved: Int32Array, _words: number): void => undefined;
