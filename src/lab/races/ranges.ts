/** The range of a VMA as pages from START, where scenarios have theirs, or as addresses. */
import { PAGE_SIZE } from '../../index.ts';
import type { WordAt } from '../../engine/arena/ref.ts';
import { TASK_SIZE } from '../../engine/arena/units.ts';
import { START } from './world.ts';

/** Pages beyond which an address is none of a scenario's. */
const FAR = 4096;

const page = (addr: number): number => (addr - START) / PAGE_SIZE;

/** @param doubles all of the memory. @param vma its first words are vm_start and vm_end. */
export function rangeText(doubles: Float64Array, vma: WordAt): string {
  const start = doubles[vma >> 1] ?? 0;
  const end = doubles[(vma >> 1) + 1] ?? 0;
  // Handed out, and not filled in yet: what its last life left, or poison.
  if (!(end > start && end <= TASK_SIZE)) return '(new)';
  const isNear = page(start) >= 0 && page(end) <= FAR;
  return isNear ? `[${page(start)}-${page(end)})` : `[${start.toString(16)}-${end.toString(16)})`;
}
