import { readOperation, type Words } from './words.ts';

/**
 * What the engine does not model, and says so (docs/coverage.md): programs are made without it, so
 * that what disagrees is news. Short, and each with its reason.
 */
interface Unmodelled {
  readonly reason: string;
  isOne(operation: Words): boolean;
}

const MAP_NORESERVE = 0x4000n;
const MAP_HUGETLB = 0x40000n;
const HUGETLB_UNRESERVED = MAP_NORESERVE | MAP_HUGETLB;

export const UNMODELLED: readonly Unmodelled[] = [
  {
    reason: 'huge pages of hugetlb: reserved ones are refused, unreserved ones would be mapped',
    isOne: ({ name, words: [, , , flags = 0n] }) =>
      name === 'mmap' && (flags & HUGETLB_UNRESERVED) === HUGETLB_UNRESERVED,
  },
];

/** True for what the engine means to do as the kernel does. */
export function isModelled(operation: string): boolean {
  const words = readOperation(operation);
  return !UNMODELLED.some((one) => one.isOne(words));
}
