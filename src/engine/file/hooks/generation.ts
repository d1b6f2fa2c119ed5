/**
 * The three generations of hooks behind one interface. A machine has one of them for good; what it
 * does not use costs it nothing.
 *
 *   legacy   merge with what the caller asked for, else a VMA, .mmap, and merge again (until 6.15)
 *   proto    .mmap_proto, then merge, else a VMA, and .mmap if there is one (as posted, May 2025)
 *   prepare  .mmap_prepare, then merge, else a VMA; or .mmap (since 6.16)
 */
import type { Errno } from '../../arena/errno.ts';
import type { FileOperations } from '../driver.ts';
import type { Description } from './description.ts';
import type { Hooked } from './run_hook.ts';

export interface HookGeneration {
  /** Whether a file with these operations can be mapped at all. */
  readonly canMap: (operations: FileOperations) => boolean;
  /** Asks the driver before anything is merged or allocated; 0 when it has no such hook. */
  readonly describe: (hooked: Hooked, description: Description) => 0 | Errno;
  /** Whether `describe` has told what the VMA will be: else it may change after a merge was tried. */
  readonly isDescribed: (operations: FileOperations) => boolean;
  /** A second attempt to merge, when .mmap changed the flags. */
  readonly retriesMerge: boolean;
  /** `vm_ops.mapped` of a VMA that did not merge. */
  readonly callsMapped: boolean;
  /** What a stacked .mmap finds below when the lower file has only a descriptor hook. */
  readonly describesBelow: boolean;
}
