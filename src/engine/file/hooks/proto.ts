/**
 * The generation as seed 001 proposed it: `.mmap_proto`, `.mmap`, or both, the first before
 * anything else and the second for a VMA that did not merge. No second attempt to merge.
 *
 * Source: "eliminate mmap() retry merge, add .mmap_proto hook", 30 April 2025.
 */
import { OK } from '../../arena/errno.ts';
import type { VmaProto } from './description.ts';
import type { HookGeneration } from './generation.ts';
import type { FieldAccess } from './guard.ts';
import { type DescriptorHook, runDescriptorHook } from './run_hook.ts';

/** Nine names, as in struct vma_proto. */
export const PROTO_FIELDS: ReadonlyMap<keyof VmaProto, FieldAccess> = new Map<
  keyof VmaProto,
  FieldAccess
>([
  ['mm', { field: 'mm', rule: 'immutable' }],
  ['start', { field: 'start', rule: 'immutable' }],
  ['end', { field: 'end', rule: 'immutable' }],
  ['pgoff', { field: 'pgoff', rule: 'pgoff' }],
  ['file', { field: 'vmFile', rule: 'file' }],
  ['flags', { field: 'vmFlags', rule: 'flags' }],
  ['pageProt', { field: 'pageProt', rule: 'pageProt' }],
  ['vmOps', { field: 'vmOps', rule: 'vmOps', isWriteOnly: true }],
  ['privateData', { field: 'privateData', rule: 'privateData', isWriteOnly: true }],
]);

const HOOK: DescriptorHook = {
  name: 'mmapProto',
  fields: PROTO_FIELDS,
  call: (operations, proto) => operations.mmapProto?.(proto as VmaProto),
};

export const protoHooks: HookGeneration = {
  canMap: (operations) => operations.mmapProto !== undefined || operations.mmap !== undefined,
  describe: (hooked, description) =>
    hooked.operations.mmapProto === undefined ? OK : runDescriptorHook(hooked, description, HOOK),
  isDescribed: (operations) => operations.mmapProto !== undefined,
  retriesMerge: false,
  callsMapped: false,
  describesBelow: false,
};
