/** Where the memory of a swept program lies. */
export const PAGE = 4096;
/** Its pages are numbered from here. */
export const BASE = 0x200000000000;
/** Its heap begins here. */
export const START_BRK = BASE + 100 * PAGE;

/** The address of a page. */
export const page = (number: number): number => BASE + number * PAGE;
/** Bytes. */
export const pages = (count: number): number => count * PAGE;
