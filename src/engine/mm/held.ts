/**
 * What is held, as types: one type per row of the table of lock states.
 *
 *   type      what is held                          what it allows
 *   Mm        a reference                           locking
 *   MmRead    mmap_lock for read                    a stable tree and stable VMAs
 *   MmWrite   mmap_lock for write                   changing the tree
 *   VmaRcu    nothing: found under RCU              vmaStartRead(), atomics
 *   Vma       mmap_lock or this VMA's read lock     reading its fields
 *   VmaWrite  vmaStartWrite()                       writing any field but the range
 *   VmaHidden also out of the reverse map           writing the range
 *
 * Only mmap_lock.ts, vma_lock.ts, vma_alloc.ts and vma/prepare.ts make the
 * stronger ones. Source: Documentation/mm/process_addrs.rst, v6.18.
 */
import type { Holding, Ref } from '../arena/ref.ts';

export type Mm = Ref<'mm_struct'>;
export type MmRead = Mm & Holding<'mmap_lock: read'>;
export type MmWrite = MmRead & Holding<'mmap_lock: write'>;

export type VmaRcu = Ref<'vm_area_struct'>;
export type Vma = VmaRcu & Holding<'vma: stable'>;
export type VmaWrite = Vma & Holding<'vma: write'>;
export type VmaHidden = VmaWrite & Holding<'rmap: write'>;
