/**
 * Numbers that nobody outside can foresee: a counter in the shared memory, scrambled with a seed.
 * Two workers never draw the same one, and one worker alone draws the same row for the same seed.
 *
 * No secret is safe behind them: they spread addresses, as programs under test would see it.
 */
import * as atomics from '#atomics';
import { H_RANDOM } from './layout.ts';
import { setWord, word } from './memory.ts';

const DRAWN = H_RANDOM; // (a)
const SEED_LOW = H_RANDOM + 1;
const SEED_HIGH = H_RANDOM + 2;

/** Of every whole number below 2^53 the row is another one. */
export function initRandom(seed: number): void {
  setWord(SEED_LOW, (seed % 2 ** 32) | 0);
  setWord(SEED_HIGH, Math.floor(seed / 2 ** 32) | 0);
}

/** @returns a whole number from 0 to 2^32 - 1. */
export function randomWord(): number {
  const drawn = atomics.add(DRAWN, 1);
  const first = scramble(Math.imul(drawn, 0x9e3779b1) ^ word(SEED_LOW));
  return scramble(first ^ word(SEED_HIGH)) >>> 0;
}

/** @param bits at most 32. @returns that many random bits. */
export const randomBits = (bits: number): number => randomWord() % 2 ** Math.min(bits, 32);

/** Every bit of the result depends on every bit of the word, and no two words have one result. */
function scramble(value: number): number {
  let x = value + 0x6d2b79f5;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}
