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
import { VIOLATED_ABSENT } from '../trace/verdict.ts';
import { callDriver, type DriverCall, tellDriver } from './driver_call.ts';
import { reportDriverFault } from './driver_fault.ts';
import { registeredDriver } from './driver_registry.ts';
import { driverName } from './driver_table.ts';
import { DRIVER_VM_OPS, driverOfVmOps, DUMMY_VM_OPS, vmOperations } from './vm_ops.ts';

export function vmaOpen(vma: VmaWrite): void {
  if (vmOps(vma) >= DRIVER_VM_OPS) tell(vma, 'open');
}

export function vmaMapped(vma: VmaWrite): void {
  if (vmOps(vma) >= DRIVER_VM_OPS) tell(vma, 'mapped');
}

/** The last thing that a driver hears of a VMA. */
export function vmaClose(vma: VmaWrite): void {
  if (vmOps(vma) >= DRIVER_VM_OPS) tell(vma, 'close');
  setVmOps(vma, DUMMY_VM_OPS);
}

/** @returns the driver's refusal to be cut at `addr`, in bytes. */
export function vmaMaySplit(vma: Vma, addr: number): 0 | Errno {
  const ops = vmOps(vma);
  const operations = vmOperations(ops);
  if (operations.maySplit === undefined) return OK;
  if (ops < DRIVER_VM_OPS) return operations.maySplit(vma, addr);
  return callDriver(callOf(vma, 'maySplit'), () => operations.maySplit?.(vma, addr));
}

function tell(vma: VmaWrite, hook: 'open' | 'close' | 'mapped'): void {
  const call = callOf(vma, hook);
  if (registeredDriver(driverOfVmOps(vmOps(vma))) === null) {
    const what = 'this worker has not registered the driver';
    reportDriverFault({ ...call, violation: VIOLATED_ABSENT, what, thrown: null }, call.mm);
    return;
  }
  const operations = vmOperations(vmOps(vma));
  if (operations[hook] !== undefined) tellDriver(call, () => operations[hook]?.(vma));
}

const callOf = (vma: Vma, hook: string): DriverCall => ({
  driver: driverName(driverOfVmOps(vmOps(vma))),
  hook,
  mm: vmMm(vma),
});
