/**
 * The words a system call is given, as JavaScript has them.
 *
 * Source: none; the kernel gets its words from registers.
 */
import { isPageAligned, pageUp, type Ulong, ult } from '../arena/units.ts';

/**
 * A word of a system call: a whole number from -2^63 to 2^64 - 1; bigint where a number is not
 * exact.
 */
export type Word = number | bigint;

const EXACT = 2n ** 53n;

/**
 * @returns the two's complement value of a word, or NaN when it is none: not a
 *   whole number, or one that no register holds. NaN spreads: one test of the sum
 *   of all words of a call is enough.
 */
export function ulongOf(value: unknown): Ulong {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  return unusualWord(value);
}

/**
 * @returns a word as a C int, or as the flags of an `unsigned long`: its low 32 bits; NaN as
 * ulongOf().
 */
export function intOf(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value | 0;
  const word = ulongOf(value);
  return Number.isNaN(word) ? NaN : Number(BigInt.asIntN(32, BigInt(value as Word)));
}

/**
 * @returns where the pages of [addr, addr + len) end, or null, which to madvise, mseal and prctl is
 *   EINVAL: an address that is not a page's, a length that rounds to none, or a range that wraps.
 */
export function endOfPages(addr: Ulong, len: Ulong): Ulong | null {
  const rounded = pageUp(len);
  if (!isPageAligned(addr) || (len !== 0 && rounded === 0)) return null;
  const end = addr + rounded;
  return ult(end, addr) ? null : end;
}

function unusualWord(value: unknown): Ulong {
  if (typeof value === 'number') {
    return Number.isInteger(value) ? unusualWord(BigInt(value)) : NaN;
  }
  if (typeof value !== 'bigint' || value >= 2n ** 64n || value < -(2n ** 63n)) return NaN;
  const signed = BigInt.asIntN(64, value);
  if (signed >= -EXACT && signed <= EXACT) return Number(signed);
  return keepAlignment(signed);
}

/**
 * Pages are exact over the whole range; of the bytes past one, only that there are some is kept.
 */
function keepAlignment(value: bigint): Ulong {
  const page = Number((value >> 12n) << 12n);
  return (value & 4095n) === 0n ? page : page + 2048;
}
