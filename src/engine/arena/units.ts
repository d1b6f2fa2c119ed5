/**
 * Addresses, pages, and the 64-bit words a system call takes.
 *
 * Never `|`, `&` or `>>` on an address: they are 32-bit operations.
 */

export const PAGE_SIZE = 4096;
export const PMD_SIZE = 2 * 1024 * 1024;
/** One past the last user address: 2^47 less one page, with four-level page tables. */
export const TASK_SIZE = 0x7ffffffff000;

/**
 * An `unsigned long` from a caller: the two's complement value, so that 2^64 - 1
 * is -1 and a sum wraps by itself. Exact to 53 bits from either end of the range;
 * between, the page is exact, and whether there are bytes past it.
 */
export type Ulong = number;

/** Unsigned `a < b`. */
export const ult = (a: Ulong, b: Ulong): boolean => (a < 0 === b < 0 ? a < b : b < 0);
/** Unsigned `a > b`. */
export const ugt = (a: Ulong, b: Ulong): boolean => ult(b, a);

/** Bytes past the last page boundary. Right for negative (huge) words too. */
const offsetInPage = (value: Ulong): number => value & (PAGE_SIZE - 1);

export const isPageAligned = (value: Ulong): boolean => offsetInPage(value) === 0;
/** Rounds down to a page. */
export const pageDown = (value: Ulong): Ulong => value - offsetInPage(value);
/** Rounds up to a page; the last page of the 64-bit space wraps to 0. */
export const pageUp = (value: Ulong): Ulong => pageDown(value + PAGE_SIZE - 1);
