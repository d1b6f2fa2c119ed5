/** Two hashes, of 32 bits each, of what memory holds beside what it began with; and their mixing. */
import { type Memory, WRITE_WORDS } from './memory.ts';

export function mix(hash: number, value: number): number {
  const h = Math.imul(hash ^ value, 0x9e3779b1);
  return h ^ (h >>> 15);
}

export function mixOther(hash: number, value: number): number {
  const h = Math.imul((hash + 0x51ed27) ^ value, 0x85ebca6b);
  return h ^ (h >>> 13);
}

/** 53 bits of two hashes. */
export const keyOf = (low: number, high: number): number =>
  (low >>> 0) * 0x20_0000 + ((high >>> 0) & 0x1f_ffff);

/** The sum over all words of a hash of what each holds, kept up by the log of what was written. */
export class MemoryHash {
  low = 0;
  high = 0;
  #hashed = 0;

  reset(): void {
    this.low = this.high = this.#hashed = 0;
  }

  /** Takes in what has been written since. */
  follow({ log, logged }: Memory): void {
    for (; this.#hashed < logged; this.#hashed++) {
      const i = this.#hashed * WRITE_WORDS;
      const at = log[i] ?? 0;
      const old = log[i + 1] ?? 0;
      const value = log[i + 2] ?? 0;
      if (old === value) continue;
      this.low = (this.low + wordHash(at, value) - wordHash(at, old)) | 0;
      this.high = (this.high + otherHash(at, value) - otherHash(at, old)) | 0;
    }
  }
}

const wordHash = (at: number, value: number): number => mix(mix(at + 1, value), 0x2545f491);
const otherHash = (at: number, value: number): number =>
  mixOther(mixOther(at + 3, value), 0x1b873593);
