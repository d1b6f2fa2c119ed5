/** Where a line of a source stands, and what is wrong with it. */
export class PackError extends Error {}

/** @returns an error that begins with the place, as editors read it. */
export function packError(file: string, line: number, sentence: string): PackError {
  return new PackError(`${file}:${line}: ${sentence}`);
}

/** Addresses that a source names, because they depend on how the first process begins. */
export interface Places {
  /** Of the heap. */
  readonly HEAP: bigint;
  /** Where the heap ends at first. */
  readonly BRK: bigint;
  /** Where the first mapping without an address ends. */
  readonly TOP: bigint;
}

/** The addresses of this process, and those that are the same everywhere. */
export function namesOfPlaces(places: Places): ReadonlyMap<string, bigint> {
  return new Map([...Object.entries(places), ['W', 0x200000000000n], ['END', 0x7ffffffff000n]]);
}
