/**
 * One call of a driver's hook, with a descriptor or with a VMA: guarded, counted, and looked at
 * afterwards.
 */
import { CLOSE_AFTER_REFUSAL } from '#mutants';
import { EINVAL, type Errno, isErr, OK } from '../../arena/errno.ts';
import { NULL } from '../../arena/ref.ts';
import { vmGetPageProt } from '../../mm/page_prot.ts';
import type { VmaHidden } from '../../mm/held.ts';
import type { VmFlags } from '../../mm/vm_flags.ts';
import {
  type File,
  setVmFlags,
  setVmOps,
  setVmRange,
  vmEnd,
  vmFlags,
  vmMm,
  vmStart,
} from '../../mm/vma_struct.ts';
import { countEvent, MMAP_HOOK } from '../../trace/counters.ts';
import { VIOLATED_FLAGS, VIOLATED_RANGE } from '../../trace/verdict.ts';
import type { FileOperations } from '../driver.ts';
import { callDriver, type DriverCall } from '../driver_call.ts';
import { reportDriverFault } from '../driver_fault.ts';
import type { KnownDriver } from '../driver_registry.ts';
import { fileInode, fput } from '../file_struct.ts';
import { inodeDriver } from '../inode.ts';
import { vmaClose } from '../vma_calls.ts';
import { DUMMY_VM_OPS } from '../vm_ops.ts';
import type { Description } from './description.ts';
import { mayChangeFlags } from './field_rules.ts';
import { closeGuard, type FieldTable, guardDescription } from './guard.ts';
import { NewVma } from './new_vma.ts';

/** A driver, and what the machine's generation of hooks sees of it. */
export interface Hooked {
  readonly driver: KnownDriver;
  readonly operations: FileOperations;
}

/** How one generation's descriptor is made and handed over. */
export interface DescriptorHook {
  readonly name: string;
  readonly fields: FieldTable;
  readonly call: (operations: FileOperations, descriptor: object) => unknown;
}

/**
 * Calls a registered driver's descriptor hook.
 *
 * @returns its errno; EINVAL when it tried what it may not, EIO when it threw. Then no other file
 *   that it may have put into the description is kept.
 */
export function runDescriptorHook(
  hooked: Hooked,
  description: Description,
  hook: DescriptorHook,
): 0 | Errno {
  countEvent(MMAP_HOOK);
  const { file, vmFlags: flags } = description;
  const call = { driver: hooked.driver.name, hook: hook.name, mm: description.mm };
  const driver = inodeDriver(fileInode(file));
  const guard = guardDescription({ description, fields: hook.fields, driver, call });
  let result = callDriver(call, () => hook.call(hooked.operations, guard.descriptor));
  closeGuard(guard);
  if (result === OK && refusesFlags(flags, description.vmFlags, call)) result = EINVAL;
  if (result === OK && guard.violation !== 0) result = EINVAL;
  if (isErr(result) && description.vmFile !== file) {
    fput(description.vmFile);
    description.vmFile = file;
  }
  return result;
}

function refusesFlags(from: VmFlags, to: VmFlags, call: DriverCall): boolean {
  if (mayChangeFlags(from, to)) return false;
  const what = 'flags that are not a driver’s';
  reportDriverFault({ ...call, violation: VIOLATED_FLAGS, what, thrown: null }, call.mm);
  return true;
}

/**
 * Calls a driver's `.mmap` with a VMA that is not in the tree yet.
 *
 * @returns its errno, and the VMA has no driver any more: nothing of it is called. EINVAL when it
 *   moved the VMA or changed flags that are the core's: then the driver has been told of the end.
 */
export function runMmapHook({ driver, operations }: Hooked, file: File, vma: VmaHidden): 0 | Errno {
  countEvent(MMAP_HOOK);
  const call = { driver: driver.name, hook: 'mmap', mm: vmMm(vma) };
  const before = { start: vmStart(vma), end: vmEnd(vma), flags: vmFlags(vma) };
  const shown = new NewVma(vma, inodeDriver(fileInode(file)), call);
  const result = callDriver(call, () => operations.mmap?.(file, shown));
  let violation = shown.close();
  if (vmStart(vma) !== before.start || vmEnd(vma) !== before.end) {
    setVmRange(vma, before.start, before.end);
    violation = VIOLATED_RANGE;
    const what = 'the range of the VMA';
    reportDriverFault({ ...call, violation, what, thrown: null }, call.mm);
  }
  if (isErr(result)) {
    if (CLOSE_AFTER_REFUSAL) vmaClose(vma);
    setVmOps(vma, DUMMY_VM_OPS);
    return result;
  }
  const isRefused = refusesFlags(before.flags, vmFlags(vma), call) || violation !== 0;
  if (!isRefused) return OK;
  setVmFlags(vma, before.flags);
  vmaClose(vma);
  return EINVAL;
}

/** A description of a mapping as a hook-less file would have it. */
export const describeMapping = (place: {
  mm: Description['mm'];
  start: number;
  end: number;
  pgoff: number;
  flags: VmFlags;
  file: File;
}): Description => ({
  mm: place.mm,
  start: place.start,
  end: place.end,
  file: place.file,
  vmFile: place.file,
  pgoff: place.pgoff,
  vmFlags: place.flags,
  pageProt: vmGetPageProt(place.flags),
  vmOps: null,
  privateData: NULL,
});
