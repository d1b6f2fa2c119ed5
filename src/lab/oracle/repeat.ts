/** `repeat N STRIDE OP...`: OP up to N times, its first argument raised by STRIDE each time. */
export interface Repeat {
  readonly times: number;
  /** The operation of turn i, from 0. */
  readonly operation: (i: number) => string;
}

/** @returns null for an operation that is no `repeat`. */
export function parseRepeat(operation: string): Repeat | null {
  const [name, times, stride, call, first, ...rest] = operation.split(' ');
  if (name !== 'repeat') return null;
  if (times === undefined || stride === undefined || call === undefined || first === undefined) {
    throw new Error('a repeat is "repeat N STRIDE OP ARGUMENT..."');
  }
  const [start, step] = [BigInt(first), BigInt(stride)];
  return {
    times: Number(times),
    operation: (i) => [call, String(start + step * BigInt(i)), ...rest].join(' '),
  };
}

/**
 * Runs the turns until one has failed, which is a result below zero.
 *
 * @returns what the last one made came to, and how many succeeded.
 */
export function runRepeat<T extends { readonly r?: number | string }>(
  { times, operation }: Repeat,
  run: (operation: string) => T,
): T & { done: number } {
  if (!(times >= 1)) throw new Error('a repeat is made once at least');
  let last = run(operation(0));
  let done = 0;
  while (!isFailure(last)) {
    done++;
    if (done === times) break;
    last = run(operation(done));
  }
  return { ...last, done };
}

const isFailure = ({ r }: { readonly r?: number | string }): boolean =>
  typeof r === 'number' && r < 0;
