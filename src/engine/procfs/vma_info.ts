/** A VMA as plain data, for those who do not live in the arena. */
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import { fileInode } from '../file/file_struct.ts';
import { inodeDevMajor, inodeDevMinor, inodeName, inodeNumber } from '../file/inode.ts';
import type { Vma } from '../mm/held.ts';
import type { VmFlags } from '../mm/vm_flags.ts';
import {
  vmAnonName,
  vmAnonVma,
  vmEnd,
  vmFile,
  vmFlags,
  vmPgoff,
  vmStart,
} from '../mm/vma_struct.ts';
import { textRead } from '../slab/text.ts';

export interface VmaInfo {
  /** Bytes, inclusive. */
  readonly start: number;
  /** Bytes, exclusive. */
  readonly end: number;
  /** VM_* */
  readonly flags: VmFlags;
  /** Pages. */
  readonly pgoff: number;
  /** The file behind it, or null. */
  readonly file: BackingFile | null;
  /** A name given by prctl(), or of a special mapping. */
  readonly name: string | null;
  /** Identifies the anon_vma; 0 while no private page was written. */
  readonly anonVma: number;
}

export interface BackingFile {
  /** Identifies the opening: equal for VMAs of one struct file. */
  readonly id: number;
  readonly path: string;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly ino: number;
  /** Bytes, of the first page. */
  readonly offset: number;
}

/** @returns a copy of what a stable VMA is now. */
export function vmaInfo(vma: Vma): VmaInfo {
  const name = vmAnonName(vma);
  return {
    start: vmStart(vma),
    end: vmEnd(vma),
    flags: vmFlags(vma),
    pgoff: vmPgoff(vma),
    file: backingFile(vma),
    name: name === NULL ? null : textRead(name),
    anonVma: vmAnonVma(vma),
  };
}

function backingFile(vma: Vma): BackingFile | null {
  const file = vmFile(vma);
  if (file === NULL) return null;
  const inode = fileInode(file);
  return {
    id: file,
    path: textRead(inodeName(inode)),
    devMajor: inodeDevMajor(inode),
    devMinor: inodeDevMinor(inode),
    ino: inodeNumber(inode),
    offset: vmPgoff(vma) * PAGE_SIZE,
  };
}
