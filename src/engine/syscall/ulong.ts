/**
 * The words a system call is given, as JavaScript has them.
 *
 * Source: none; the kernel gets its words from registers.
 */
import type { Ulong } from '../arena/units.ts';

/** A word of a system call: a whole number from -2^63 to 2^64 - 1; bigint where a number is not exact. */
export type Word = number | bigint;

const EXACT = 2n ** 53n;

/**
 * @returns the two's complement value of a word, or null when it is none: not a
 *   whole number, or one that no register holds.
 */
export function ulongOf(value: unknown): Ulong | null {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value;
    return Number.isInteger(value) ? ulongOf(BigInt(value)) : null;
  }
  if (typeof value !== 'bigint' || value >= 2n ** 64n || value < -(2n ** 63n)) return null;
  const signed = BigInt.asIntN(64, value);
  if (signed >= -EXACT && signed <= EXACT) return Number(signed);
  return keepAlignment(signed);
}

/** Pages are exact over the whole range; of the bytes past one, only that there are some is kept. */
function keepAlignment(value: bigint): Ulong {
  const page = Number((value >> 12n) << 12n);
  return (value & 4095n) === 0n ? page : page + 2048;
}
