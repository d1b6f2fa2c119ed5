import { readOperation, type Words } from './words.ts';

/**
 * What the engine does not model, and says so (docs/coverage.md): programs are made without it, so
 * that what disagrees is news. Short, and each with its reason.
 */
interface Unmodelled {
  readonly reason: string;
  isOne(operation: Words): boolean;
}

const MAP_HUGETLB = 0x40000n;
const MADV_PAGEOUT = 21n;

export const UNMODELLED: readonly Unmodelled[] = [
  {
    reason:
      'hugetlb: refused at once, where Linux goes all the way to its hook, and maps unreserved',
    isOne: ({ name, words: [, , , flags = 0n] }) => name === 'mmap' && (flags & MAP_HUGETLB) !== 0n,
  },
  {
    reason: 'reclaim: what MADV_PAGEOUT takes out of the page tables stays in them',
    isOne: ({ name, words: [, , advice] }) => name === 'madvise' && advice === MADV_PAGEOUT,
  },
];

/** True for what the engine means to do as the kernel does. */
export function isModelled(operation: string): boolean {
  const words = readOperation(operation);
  return !UNMODELLED.some((one) => one.isOne(words));
}
