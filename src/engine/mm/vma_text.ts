/**
 * A VMA and its lock for whoever reads that an assertion has failed.
 *
 * Source: mm/debug.c, dump_vma(), v6.18.
 */
import { word } from '../arena/memory.ts';
import type { VmaRcu } from './held.ts';
import { mmLockSeqAt, mmMmapLockAt } from './mm_struct.ts';
import { vmRangeRcu, vmAttachedAt, vmLockAt, vmLockSeqAt, vmMm } from './vma_struct.ts';

/** One line. What nobody keeps still may change while it is read. */
export function vmaLockText(vma: VmaRcu): string {
  const mm = vmMm(vma);
  const [start, end] = vmRangeRcu(vma).map((addr) => addr.toString(16));
  const own = `lock ${hex(word(vmLockAt(vma)))} seq ${word(vmLockSeqAt(vma))}`;
  const attached = `attached ${word(vmAttachedAt(vma))}`;
  const its = `mm ${mm} mmap_lock ${hex(word(mmMmapLockAt(mm)))} seq ${word(mmLockSeqAt(mm))}`;
  return `vma ${vma} ${start}-${end} ${own} ${attached} ${its}`;
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
