/** Describes a remapping, threaded through mremap(2). */
import { keepShape } from '../arena/shape.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { pageUp, type Ulong } from '../arena/units.ts';
import type { MmWrite, Vma } from '../mm/held.ts';

export interface MremapArgs {
  readonly addr: Ulong;
  readonly oldLen: Ulong;
  readonly newLen: Ulong;
  /** MREMAP_* */
  readonly flags: number;
  /** With MREMAP_FIXED the place, with MREMAP_DONTUNMAP a hint, else ignored. */
  readonly newAddr: Ulong;
}

keepShape({
  addr: Infinity,
  oldLen: Infinity,
  newLen: Infinity,
  flags: Infinity,
  newAddr: Infinity,
} satisfies MremapArgs);

export type RemapType = 'no-resize' | 'shrink' | 'expand';

/** Describes a remapping. Source: mm/mremap.c, struct vma_remap_struct, v6.18. */
export interface VmaRemap {
  // Given by the caller; lengths are page aligned, and shrink as parts are done.
  readonly mm: MmWrite;
  readonly flags: number;
  addr: number;
  oldLen: number;
  newLen: number;
  newAddr: number;

  // Found.
  vma: Vma | Null;
  type: RemapType;
  /** Pages charged for the destination. */
  charged: number;

  /** How many userfaultfd events come before that of the move. */
  earlyEvents: number;

  // Result.
  isUnlocked: boolean;
  /** Locked memory grew: fault the new part in. */
  populates: boolean;
}

keepShape({
  mm: 0,
  flags: Infinity,
  addr: Infinity,
  oldLen: Infinity,
  newLen: Infinity,
  newAddr: Infinity,
  vma: 0,
  type: 'no-resize',
  charged: Infinity,
  earlyEvents: 0,
  isUnlocked: false,
  populates: false,
});

export const describeRemap = (mm: MmWrite, args: MremapArgs): VmaRemap => ({
  mm,
  flags: args.flags,
  addr: args.addr,
  oldLen: pageUp(args.oldLen),
  newLen: pageUp(args.newLen),
  newAddr: args.newAddr,
  vma: NULL,
  type: 'no-resize',
  charged: 0,
  earlyEvents: 0,
  isUnlocked: false,
  populates: false,
});
