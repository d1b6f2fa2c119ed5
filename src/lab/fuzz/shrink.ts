/**
 * The smallest program that still disagrees: steps are left out, in halves, quarters and one by
 * one; then what stays gets simpler arguments. Each try runs beside the kernel.
 */
import type { Step } from '../oracle/programs.ts';

/** True when a program still fails in the same way. */
export type Fails = (steps: readonly Step[]) => boolean;

/** How many tries there are left; shared by both halves of the work. */
export interface Budget {
  tries: number;
}

export function shrink(steps: readonly Step[], fails: Fails, budget: Budget): Step[] {
  const spend: Fails = (fewer) => budget.tries-- > 0 && fails(fewer);
  let smallest = leaveOut([...steps], spend);
  for (let simpler = simplify(smallest, spend); simpler !== smallest;) {
    smallest = leaveOut(simpler, spend);
    simpler = simplify(smallest, spend);
  }
  return smallest;
}

/** Leaves out pieces, large ones first, until no single step can go. */
function leaveOut(steps: Step[], fails: Fails): Step[] {
  let kept = steps;
  for (let size = Math.ceil(kept.length / 2); size >= 1;) {
    const fewer = withoutOnePiece(kept, size, fails);
    if (fewer !== undefined) kept = fewer;
    else if (size === 1) break;
    else size = Math.ceil(size / 2);
    size = Math.min(size, Math.max(1, kept.length));
  }
  return kept;
}

function withoutOnePiece(steps: Step[], size: number, fails: Fails): Step[] | undefined {
  // From the end: later steps depend on earlier ones, not the other way round.
  for (let at = steps.length; at > 0; at -= size) {
    const fewer = [...steps.slice(0, Math.max(0, at - size)), ...steps.slice(at)];
    if (fewer.length > 0 && fails(fewer)) return fewer;
  }
  return undefined;
}

/** @returns the same array when nothing can be simpler. */
function simplify(steps: Step[], fails: Fails): Step[] {
  let kept = steps;
  for (const [at, { process }] of steps.entries()) {
    for (const operation of simplerOperations(kept[at]?.operation ?? '')) {
      const simpler = kept.with(at, { process, operation });
      if (fails(simpler)) {
        kept = simpler;
        break;
      }
    }
  }
  return kept;
}

const ANON_PRIVATE_FIXED = 0x32n;

function simplerOperations(operation: string): string[] {
  const [name = '', ...words] = operation.split(' ');
  const simpler = words.flatMap((word, at) =>
    simplerWords(name, at, word).map((other) => [name, ...words.with(at, other)].join(' ')),
  );
  return simpler.filter((other) => other !== operation);
}

/** What may stand in the place of an argument. Addresses stay: what is mapped lies there. */
function simplerWords(name: string, at: number, word: string): string[] {
  const isLength = at === 1 && name !== 'pwrite' && name !== 'ftrunc';
  if (isLength && BigInt(word) > 0x1000n) return ['0x1000', '0x2000'];
  if (name === 'mmap' && at === 2) return word === '3' ? [] : ['3'];
  if (name === 'mmap' && at === 3) return fewerBits(BigInt(word), ANON_PRIVATE_FIXED);
  if (name === 'mmap' && at === 5) return word === '0x0' ? [] : ['0x0'];
  if (name === 'st' && at === 2) return word === '0x1100' ? [] : ['0x1100'];
  return [];
}

/** The same flags with one less of those that are not the plainest. */
function fewerBits(flags: bigint, plain: bigint): string[] {
  const bits = Array.from({ length: 32 }, (_, bit) => 1n << BigInt(bit));
  const extra = bits.filter((bit) => (flags & bit) !== 0n && (plain & bit) === 0n);
  return extra.map((bit) => `0x${(flags & ~bit).toString(16)}`);
}
