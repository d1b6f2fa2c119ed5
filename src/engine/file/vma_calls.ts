/**
 * Telling a driver what becomes of its VMAs. Every one is called as often as the kernel calls it:
 *
 *   mmap  ──> (mapped)          split, fork, move ──> open of the new one
 *   munmap, exit, replaced ──> close, once: the VMA has no driver after that
 *
 * Source: mm/vma.c, vma_close(), __split_vma(), copy_vma(), mm/mmap.c, dup_mmap(), v6.18.
 */
import { type Errno, OK } from '../arena/errno.ts';
import type { Vma, VmaWrite } from '../mm/held.ts';
import { setVmOps, vmMm, vmOps } from '../mm/vma_struct.ts';
import { trace, VMA_CLOSE } from '../trace/events.ts';
import { DRIVER_VM_OPS, DUMMY_VM_OPS, vmOperations } from './vm_ops.ts';

// The engine's own tables have none of the three: most VMAs cost one comparison.

export function vmaOpen(vma: VmaWrite): void {
  if (vmOps(vma) >= DRIVER_VM_OPS) vmOperations(vmOps(vma)).open?.(vma);
}

export function vmaMapped(vma: VmaWrite): void {
  if (vmOps(vma) >= DRIVER_VM_OPS) vmOperations(vmOps(vma)).mapped?.(vma);
}

/** The last thing that a driver hears of a VMA. */
export function vmaClose(vma: VmaWrite): void {
  if (vmOps(vma) === DUMMY_VM_OPS) return; // it was told already
  trace(VMA_CLOSE, vmMm(vma), vma);
  if (vmOps(vma) >= DRIVER_VM_OPS) vmOperations(vmOps(vma)).close?.(vma);
  setVmOps(vma, DUMMY_VM_OPS);
}

/** @returns the driver's refusal to be cut at `addr`, in bytes. */
export const vmaMaySplit = (vma: Vma, addr: number): 0 | Errno =>
  vmOperations(vmOps(vma)).maySplit?.(vma, addr) ?? OK;
