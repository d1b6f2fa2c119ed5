/**
 * What should never happen and yet is survived: told once for each machine, and gone on with.
 *
 * Source: include/linux/once_lite.h, WARN_ON_ONCE(), v6.18, for what it promises.
 */
import * as atomics from '#atomics';
import { H_WARNED } from '../arena/layout.ts';
import { word } from '../arena/memory.ts';

/** The warnings, in the order of their bits. */
const WARNINGS = [
  'tear_down_vmas(): map_count is not the number of VMAs',
  'free_pgtables(): the VMAs go beyond the ceiling of the tables',
  'a worker ended while it held locks: what they guard may be half changed, bury() named them',
] as const;

export const WARN_MAP_COUNT = 0;
export const WARN_CEILING = 1;
export const WARN_BROKEN_LOCK = 2;

/** Warns if the condition holds. */
export function warnOnce(warning: number, condition: boolean): void {
  if (condition) atomics.or(H_WARNED, 1 << warning);
}

/** @returns what has been warned of. */
export const warnings = (): string[] =>
  WARNINGS.filter((_, warning) => (word(H_WARNED) & (1 << warning)) !== 0);
