import type { Step } from './search.ts';

/** Told of every access that is made, not of those that are repeated. */
export interface Witness {
  begin(): void;
  /** An atomic access, or a choice. @returns what is wrong with it, or null. */
  atomic(step: Step): string | null;
  /** A wait ends, because another thread woke this one. */
  wakes(thread: number, kind: number, at: number): void;
  /** A plain one, or the begin or end of an operation. @returns what is wrong with it, or null. */
  plain(thread: number, kind: number, at: number, value: number): string | null;
}
