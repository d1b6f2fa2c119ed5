import {
  BEGINS,
  CHOICE,
  KIND_MASK,
  LOAD,
  NOTIFY,
  SPIN,
  WAIT,
  WAIT_NOT_EQUAL,
  WAIT_TIMED_OUT,
} from './kind.ts';
import type { Memory } from './memory.ts';

/** An access before the first thread, after the last, or in an invariant: nobody else runs. */
export function accessAlone(
  memory: Memory,
  kind: number,
  at: number,
  { a, b }: { readonly a: number; readonly b: number },
): number {
  const base = kind & KIND_MASK;
  if (base === CHOICE || base === NOTIFY || base >= BEGINS) return 0;
  if (base === WAIT) return memory.read(at) === a ? WAIT_TIMED_OUT : WAIT_NOT_EQUAL;
  return memory.apply(base === SPIN ? LOAD : kind, at, a, b);
}
