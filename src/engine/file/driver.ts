/**
 * A driver: what files of its own do when they are mapped, and what it does with their VMAs.
 *
 * Its hooks run under mmap_lock for write. They may not make a system call, and keep nothing of
 * what they are shown.
 *
 * Source: include/linux/fs.h, struct file_operations, include/linux/mm.h, v6.18.
 */
import type { Errno } from '../arena/errno.ts';
import type { Protocol } from '../mm/protocol.ts';
import type { File } from '../mm/vma_struct.ts';
import type { VmAreaDesc, VmaProto } from './hooks/description.ts';
import type { NewVma } from './hooks/new_vma.ts';
import type { VmOperations } from './vm_ops.ts';

/**
 * What a file can do. A generation of hooks looks only at those it knows: `legacy` at mmap, `proto`
 * at mmapProto and mmap, `prepare` at mmapPrepare or mmap.
 */
export interface FileOperations {
  /** A file was opened, and nobody else has it yet. @returns an errno to refuse. */
  open?(file: File): 0 | Errno;
  /** The last reference to an opened file is gone. */
  release?(file: File): void;
  /** Fills in a VMA that was made for the mapping, before it is in the tree. Never on a merge. */
  mmap?(file: File, vma: NewVma): 0 | Errno;
  /** Decides about a mapping before anything is merged or allocated: the form first proposed. */
  mmapProto?(proto: VmaProto): 0 | Errno;
  /** The same, as it was merged: keeps no state, since a merge or a failure may follow. */
  mmapPrepare?(desc: VmAreaDesc): 0 | Errno;
}

export type HookName = Protocol['mmapHook'];

/** For a driver that was rewritten as the kernel changed. */
export type FileOperationsByHook = Readonly<Record<HookName, FileOperations>>;

export interface Driver {
  /** At most 60 bytes of UTF-8. Workers with the same functions register them under one name. */
  readonly name: string;
  readonly fileOperations: FileOperations | FileOperationsByHook;
  /** What its hooks may set as `vmOps`, at most eight; the order is the same in every worker. */
  readonly vmOperations?: readonly VmOperations[];
}
