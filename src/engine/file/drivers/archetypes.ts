/**
 * The drivers that seed 001 found to change flags in a way that a merge could notice, and one of
 * each kind that sets VM_SPECIAL, as most do.
 *
 * Source: "eliminate mmap() retry merge, add .mmap_proto hook", 30 April 2025; dax_mmap(),
 * erofs_file_mmap(), ext4_file_mmap(), xfs_file_mmap(), orangefs_file_mmap(),
 * usb_stream_hwdep_mmap().
 */
import {
  flagsOf,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_HUGEPAGE,
  VM_IO,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_RAND_READ,
  VM_SEQ_READ,
  type VmFlags,
  withFlags,
  withoutFlags,
} from '../../mm/vm_flags.ts';
import type { Driver } from '../driver.ts';
import { genericFileVmOps } from '../vm_ops.ts';
import { type FlagDecision, flagDriver } from './flag_driver.ts';

const setting =
  (more: VmFlags) =>
  (flags: VmFlags): VmFlags =>
    withFlags(flags, more);

const deciding = (name: string, decide: FlagDecision['decide']): Driver =>
  flagDriver({ name, vmOps: { ...genericFileVmOps, name }, decide });

/** A device of memory that is addressed like memory: huge pages by choice. */
export const daxDriver = deciding('dax', setting(VM_HUGEPAGE));
/** File systems on such a device. */
export const erofsDriver = deciding('erofs', setting(VM_HUGEPAGE));
export const ext4Driver = deciding('ext4', setting(VM_HUGEPAGE));
export const xfsDriver = deciding('xfs', setting(VM_HUGEPAGE));

/** Reads ahead, whatever the program had said. */
export const orangefsDriver = deciding('orangefs', (flags) =>
  withFlags(withoutFlags(flags, VM_RAND_READ), VM_SEQ_READ),
);

/** A ring of sound data, which a core dump need not hold. */
export const usbStreamDriver = deciding('usb_stream', setting(VM_DONTDUMP));

/** A device's registers. Each of these is VM_SPECIAL and merges with nothing. */
export const ioDriver = deciding('io registers', setting(flagsOf(VM_IO, VM_DONTEXPAND)));
export const pfnFlagsDriver = deciding('pfn map', setting(flagsOf(VM_PFNMAP, VM_DONTDUMP)));
export const mixedMapDriver = deciding('mixed map', setting(VM_MIXEDMAP));
export const ringDriver = deciding('kernel ring', setting(flagsOf(VM_DONTEXPAND, VM_DONTDUMP)));

/** Everything above, in the order in which the survey shows it. */
export const ARCHETYPES: readonly Driver[] = [
  daxDriver,
  erofsDriver,
  ext4Driver,
  xfsDriver,
  orangefsDriver,
  usbStreamDriver,
  ioDriver,
  pfnFlagsDriver,
  mixedMapDriver,
  ringDriver,
];
