/**
 * What a mapping is described by to its file's hook, before any VMA exists.
 *
 *                    to look at         to change                        to set
 *   VmAreaDesc       mm start end file  vmFile pgoff vmFlags pageProt    vmOps privateData
 *   VmaProto         mm start end       file   pgoff flags   pageProt    vmOps privateData
 *
 * What may be changed arrives as it would be without a hook. What is only to be set cannot be read:
 * nothing of another mapping shows.
 *
 * Source: include/linux/mm_types.h, struct vm_area_desc, v6.18; struct vma_proto as it was posted.
 */
import { keepShape } from '../../arena/shape.ts';
import type { MmRead } from '../../mm/held.ts';
import type { PageProt } from '../../mm/page_prot.ts';
import type { VmFlags } from '../../mm/vm_flags.ts';
import type { File } from '../../mm/vma_struct.ts';
import type { VmOperations } from '../vm_ops.ts';

/** What no hook may change. */
interface Place {
  readonly mm: MmRead;
  /** Bytes, page aligned, inclusive. */
  readonly start: number;
  /** Bytes, page aligned, exclusive. */
  readonly end: number;
}

/** What a hook decides about and nobody can read back. */
interface WriteOnly {
  get vmOps(): undefined;
  /** One of the driver's own `vmOperations`, or a built-in one. Without, a page fault is SIGBUS. */
  set vmOps(operations: VmOperations);
  get privateData(): undefined;
  /** A 32-bit number, which the driver finds again with vmPrivateData(). */
  set privateData(word: number);
}

/** `.mmap_prepare`. */
export interface VmAreaDesc extends Place, WriteOnly {
  /** The file that is mapped: the one whose hook this is. */
  readonly file: File;
  /** The file behind the mapping. Another one's reference goes with it. */
  vmFile: File;
  /** Pages. */
  pgoff: number;
  vmFlags: VmFlags;
  /** Only the caching counts: what is allowed follows from the flags. */
  pageProt: PageProt;
}

/** `.mmap_proto`. */
export interface VmaProto extends Place, WriteOnly {
  /** Pages. */
  pgoff: number;
  /** The file behind the mapping. Another one's reference goes with it. */
  file: File;
  flags: VmFlags;
  /** Only the caching counts: what is allowed follows from the flags. */
  pageProt: PageProt;
}

/** The engine's side of both. A built-in driver is trusted with it as it is. */
export interface Description extends Place {
  readonly file: File;
  vmFile: File;
  pgoff: number;
  vmFlags: VmFlags;
  pageProt: PageProt;
  /** null: the hook set none. */
  vmOps: VmOperations | null;
  privateData: number;
}

keepShape({
  mm: 0,
  start: Infinity,
  end: Infinity,
  file: 0,
  vmFile: 0,
  pgoff: Infinity,
  vmFlags: Infinity,
  pageProt: 0,
  vmOps: null,
  privateData: 0,
} satisfies Record<keyof Description, unknown>);

/** The plain description in the place of a guarded one: for hooks that are the engine's own. */
export const asVmAreaDesc = (description: Description): VmAreaDesc =>
  description as unknown as VmAreaDesc;
