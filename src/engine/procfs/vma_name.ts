/**
 * What a VMA is called: by its file, by prctl(), or by what it is for.
 *
 * Source: fs/proc/task_mmu.c, get_vma_name(), v6.18.
 */
import { NULL } from '../arena/ref.ts';
import { fileInode } from '../file/file_struct.ts';
import { inodeName } from '../file/inode.ts';
import { SHMEM_VM_OPS, SPECIAL_MAPPING_VM_OPS } from '../file/vm_ops.ts';
import type { Mm, Vma } from '../mm/held.ts';
import { mmBrk, mmStartBrk, mmStartStack } from '../mm/mm_struct.ts';
import { vmAnonName, vmEnd, vmFile, vmOps, vmStart } from '../mm/vma_struct.ts';
import { textBytes } from '../slab/text.ts';
import { ByteWriter } from './byte_writer.ts';

/** Whether writeVmaName() writes anything. */
export const hasName = (mm: Mm, vma: Vma): boolean =>
  vmFile(vma) !== NULL || vmAnonName(vma) !== NULL || anonymousLabel(mm, vma) !== '';

/** Writes the name; of a file by `path`, as not every reader can stand every path. */
export function writeVmaName(
  out: ByteWriter,
  { mm, vma }: { readonly mm: Mm; readonly vma: Vma },
  path: (bytes: Uint8Array) => void,
): void {
  const file = vmFile(vma);
  const name = vmAnonName(vma);
  if (name !== NULL) return writeAnonName(out, vma, textBytes(name));
  if (file === NULL) return out.ascii(anonymousLabel(mm, vma));
  path(textBytes(inodeName(fileInode(file))));
}

/** The name as it is, copied; empty for none. */
export function vmaName(mm: Mm, vma: Vma): Uint8Array {
  const out = new ByteWriter();
  writeVmaName(out, { mm, vma }, (bytes) => out.bytes(bytes));
  return out.take();
}

function writeAnonName(out: ByteWriter, vma: Vma, name: Uint8Array): void {
  if (vmOps(vma) === SPECIAL_MAPPING_VM_OPS) return out.bytes(name);
  out.ascii(vmOps(vma) === SHMEM_VM_OPS ? '[anon_shmem:' : '[anon:');
  out.bytes(name);
  out.ascii(']');
}

/** Where the heap and the stack are is asked without a lock, as in Linux. */
export function anonymousLabel(mm: Mm, vma: Vma): '[heap]' | '[stack]' | '' {
  if (vmStart(vma) < mmBrk(mm) && vmEnd(vma) > mmStartBrk(mm)) return '[heap]';
  const stack = mmStartStack(mm);
  return vmStart(vma) <= stack && vmEnd(vma) >= stack ? '[stack]' : '';
}
