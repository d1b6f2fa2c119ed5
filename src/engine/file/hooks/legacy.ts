/**
 * The generation before seed 001: `.mmap` alone, free to change anything, asked only when the
 * mapping did not merge. If it changed the flags a merge is tried once more.
 *
 * Source: mm/vma.c, __mmap_region(), __mmap_new_file_vma(), v6.15.
 */
import { OK } from '../../arena/errno.ts';
import type { HookGeneration } from './generation.ts';

export const legacyHooks: HookGeneration = {
  canMap: (operations) => operations.mmap !== undefined,
  describe: () => OK,
  isDescribed: () => false,
  retriesMerge: true,
  callsMapped: false,
  describesBelow: false,
};
