/**
 * The generation that was merged: `.mmap_prepare` in the place of `.mmap`, never beside it. The
 * hook keeps no state; `vm_ops.mapped` is told of a VMA that did not merge.
 *
 * Source: mm/vma.c, call_mmap_prepare(), include/linux/fs.h, can_mmap_file(), v6.18.
 */
import { OK } from '../../arena/errno.ts';
import { countEvent, MMAP_HOOK } from '../../trace/counters.ts';
import { asVmAreaDesc, type VmAreaDesc } from './description.ts';
import type { HookGeneration } from './generation.ts';
import type { FieldAccess } from './guard.ts';
import { type DescriptorHook, runDescriptorHook } from './run_hook.ts';

/** As in struct vm_area_desc. */
export const PREPARE_FIELDS: ReadonlyMap<keyof VmAreaDesc, FieldAccess> = new Map<
  keyof VmAreaDesc,
  FieldAccess
>([
  ['mm', { field: 'mm', rule: 'immutable' }],
  ['start', { field: 'start', rule: 'immutable' }],
  ['end', { field: 'end', rule: 'immutable' }],
  ['file', { field: 'file', rule: 'immutable' }],
  ['vmFile', { field: 'vmFile', rule: 'file' }],
  ['pgoff', { field: 'pgoff', rule: 'pgoff' }],
  ['vmFlags', { field: 'vmFlags', rule: 'flags' }],
  ['pageProt', { field: 'pageProt', rule: 'pageProt' }],
  ['vmOps', { field: 'vmOps', rule: 'vmOps', isWriteOnly: true }],
  ['privateData', { field: 'privateData', rule: 'privateData', isWriteOnly: true }],
]);

const HOOK: DescriptorHook = {
  name: 'mmapPrepare',
  fields: PREPARE_FIELDS,
  call: (operations, desc) => operations.mmapPrepare?.(desc as VmAreaDesc),
};

export const prepareHooks: HookGeneration = {
  canMap: (operations) =>
    (operations.mmapPrepare !== undefined) !== (operations.mmap !== undefined),
  describe: (hooked, description) => {
    if (hooked.operations.mmapPrepare === undefined) return OK;
    if (!hooked.driver.isBuiltIn) return runDescriptorHook(hooked, description, HOOK);
    countEvent(MMAP_HOOK);
    return hooked.operations.mmapPrepare(asVmAreaDesc(description));
  },
  isDescribed: (operations) => operations.mmapPrepare !== undefined,
  retriesMerge: false,
  callsMapped: true,
  describesBelow: true,
};
