/**
 * A VMA for whoever debugs a driver: where it is, and whose functions are called for it, as the
 * kernel tells about a bad page-table entry.
 *
 * Source: mm/memory.c, print_bad_pte(), v6.18 (names of .mmap and .mmap_prepare).
 */
import { NULL } from '../arena/ref.ts';
import type { FileOperations } from '../file/driver.ts';
import { hookedOf } from '../file/file_driver.ts';
import { fileInode } from '../file/file_struct.ts';
import { inodeName } from '../file/inode.ts';
import { vmOperations } from '../file/vm_ops.ts';
import type { Vma } from '../mm/held.ts';
import {
  type File,
  vmEnd,
  vmFile,
  vmFlags,
  vmOps,
  vmPgoff,
  vmPrivateData,
  vmStart,
} from '../mm/vma_struct.ts';
import { textRead } from '../slab/text.ts';

/** One line for the place, one for the driver. */
export function vmaDumpText(vma: Vma): string {
  const place = `${hex(vmStart(vma))}-${hex(vmEnd(vma))} vm_flags: ${hex(vmFlags(vma))}`;
  const own = `pgoff: ${hex(vmPgoff(vma))} private_data: ${vmPrivateData(vma)}`;
  const ops = `vm_ops: ${vmOperations(vmOps(vma)).name}`;
  const file = vmFile(vma);
  return `${place} ${own}\n${file === NULL ? 'file: none' : fileText(file)} ${ops}\n`;
}

function fileText(file: File): string {
  const hooked = hookedOf(file);
  const path = `file: ${textRead(inodeName(fileInode(file)))}`;
  if (hooked === null) return `${path} driver: not in this worker`;
  const { operations } = hooked;
  const hooks = [
    `mmap: ${nameOf(operations, 'mmap')}`,
    `mmap_proto: ${nameOf(operations, 'mmapProto')}`,
    `mmap_prepare: ${nameOf(operations, 'mmapPrepare')}`,
  ];
  return `${path} driver: ${hooked.driver.name} ${hooks.join(' ')}`;
}

const hex = (value: number): string => value.toString(16);

function nameOf(operations: FileOperations, hook: 'mmap' | 'mmapProto' | 'mmapPrepare'): string {
  const name = operations[hook]?.name;
  return name === '' ? 'nameless' : (name ?? 'none');
}
