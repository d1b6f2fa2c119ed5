/** Two lists of events beside each other: the longest common part, and what only one side has. */
import { isSameKind, type SpaceEvent } from './event.ts';

/** At least one side is there. */
export interface Pair {
  readonly kernel: SpaceEvent | null;
  readonly engine: SpaceEvent | null;
}

/** @returns the events of both in order, those that are alike beside each other. */
export function align(kernel: readonly SpaceEvent[], engine: readonly SpaceEvent[]): Pair[] {
  const lengths = commonLengths(kernel, engine);
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  const pairs: Pair[] = [];
  let [i, j] = [0, 0];
  while (i < kernel.length || j < engine.length) {
    const [ours, theirs] = [kernel[i] ?? null, engine[j] ?? null];
    if (ours !== null && theirs !== null && isSameKind(ours, theirs)) {
      pairs.push({ kernel: ours, engine: theirs });
      i++;
      j++;
    } else if (theirs === null || (ours !== null && at(i + 1, j) >= at(i, j + 1))) {
      pairs.push({ kernel: ours, engine: null });
      i++;
    } else {
      pairs.push({ kernel: null, engine: theirs });
      j++;
    }
  }
  return pairs;
}

/** How much two ends of the lists have in common, from every pair of places on. */
function commonLengths(a: readonly SpaceEvent[], b: readonly SpaceEvent[]): number[][] {
  const lengths = Array.from({ length: a.length + 1 }, () =>
    Array.from({ length: b.length + 1 }, () => 0),
  );
  for (let i = a.length - 1; i >= 0; i--) {
    const [row, below] = [lengths[i] ?? [], lengths[i + 1] ?? []];
    for (let j = b.length - 1; j >= 0; j--) {
      const [x, y] = [a[i], b[j]];
      const isSame = x !== undefined && y !== undefined && isSameKind(x, y);
      row[j] = isSame ? (below[j + 1] ?? 0) + 1 : Math.max(below[j] ?? 0, row[j + 1] ?? 0);
    }
  }
  return lengths;
}
