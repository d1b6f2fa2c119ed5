/** The parts of prctl(2) that change an address space. */
import { EBADF, EINTR, EINVAL, ENOMEM, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import type { Ulong } from '../arena/units.ts';
import { fileInode } from '../file/file_struct.ts';
import { inodeKind } from '../file/inode.ts';
import type { MmWrite, Vma } from '../mm/held.ts';
import {
  clearMmFlag,
  MMF_HAS_MDWE,
  MMF_HAS_MDWE_NO_INHERIT,
  MMF_VM_MERGE_ANY,
  mmHasFlag,
  setMmFlag,
} from '../mm/mm_struct.ts';
import { mmapWriteLockKillable, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { sysctl } from '../mm/sysctl.ts';
import { VM_MERGEABLE, withFlags, withoutFlags } from '../mm/vm_flags.ts';
import { eachVma } from '../mm/vma_iterator.ts';
import { vmaStartWrite } from '../mm/vma_lock.ts';
import { setVmAnonName, setVmFlags, vmAnonName, vmFile, vmFlags } from '../mm/vma_struct.ts';
import { type Text, textEquals, textGet, textNew, textPut } from '../slab/text.ts';
import { isKsmCompatible } from '../vma/map.ts';
import { vmaModify } from '../vma/split.ts';
import { type ByteRange, vmgForModify } from '../vma/vma_merge.ts';
import { visitVmas } from '../vma/vma_range.ts';
import { enterSyscall } from './entry.ts';
import { endOfPages } from './ulong.ts';

export const PR_SET_MDWE = 65;
export const PR_GET_MDWE = 66;
export const PR_MDWE_REFUSE_EXEC_GAIN = 1;
export const PR_MDWE_NO_INHERIT = 2;
export const PR_SET_MEMORY_MERGE = 67;
export const PR_GET_MEMORY_MERGE = 68;
export const PR_SET_VMA = 0x53564d41;
export const PR_SET_VMA_ANON_NAME = 0;

export interface AnonNameArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
  /** Null takes the name away. */
  readonly name: string | null;
}

const NAME_MAX = 80;
/** Printable, and nothing that a shell or a reader of maps would trip over. */
const NAME = /^[\x20-\x7e]*$/u;
const FORBIDDEN = /[\\`$[\]]/u;

/**
 * prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME): names anonymous memory.
 *
 * @returns EINVAL for a bad name or range, or without CONFIG_ANON_VMA_NAME; EBADF
 *   for memory of a file; ENOMEM for a hole, at the end, or without memory.
 *
 * Source: mm/madvise.c, set_anon_vma_name(), madvise_set_anon_name(), v6.18.
 */
export function sysSetAnonName({ addr, len, name }: AnonNameArgs): 0 | Errno {
  const mm = enterSyscall();
  if (sysctl('anon_vma_name') === 0) return EINVAL;
  if (name !== null && (name.length >= NAME_MAX || !isName(name))) return EINVAL;
  const end = endOfPages(addr, len);
  if (end === null) return EINVAL;
  if (end === addr) return OK;
  if (addr < 0 || end < 0) return ENOMEM;

  const text = name === null ? NULL : textNew(name);
  if (name !== null && text === NULL) return ENOMEM;
  const locked = mmapWriteLockKillable(mm);
  if (locked === null) {
    if (text !== NULL) textPut(text);
    return EINTR;
  }
  const walk = { range: { start: addr, end }, holes: 'pass' } as const;
  const result = visitVmas(locked, walk, (vma, part) =>
    nameVma(locked, vma, { start: part.start, end: part.end, name: text }),
  );
  mmapWriteUnlock(locked);
  if (text !== NULL) textPut(text);
  return result;
}

const isName = (name: string): boolean => NAME.test(name) && !FORBIDDEN.test(name);

function nameVma(
  mm: MmWrite,
  vma: Vma,
  { start, end, name }: ByteRange & { name: Text | Null },
): 0 | Errno {
  if (!isNameable(vma)) return EBADF;
  if (textEquals(vmAnonName(vma), name)) return OK;
  const vmg = vmgForModify(mm, vma, { start, end });
  vmg.anonName = name;
  const modified = vmaModify(vmg);
  if (isErr(modified)) return modified;
  const old = vmAnonName(modified);
  setVmAnonName(modified, name === NULL ? NULL : textGet(name));
  if (old !== NULL) textPut(old);
  return OK;
}

/** Anonymous memory, shared or not, but no file that somebody opened. */
function isNameable(vma: Vma): boolean {
  const file = vmFile(vma);
  return file === NULL || inodeKind(fileInode(file)) === 'shmem';
}

/**
 * prctl(PR_SET_MDWE): memory never becomes executable. It cannot be taken back.
 *
 * @returns EINVAL for unknown bits or NO_INHERIT alone; EPERM to change it again.
 *
 * Source: kernel/sys.c, prctl_set_mdwe(), v6.18.
 */
export function sysSetMdwe(bits: Ulong): 0 | Errno {
  const mm = enterSyscall();
  const both = PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT;
  if (bits !== 0 && bits !== PR_MDWE_REFUSE_EXEC_GAIN && bits !== both) return EINVAL;
  const now = mdweBits(mm);
  if (now !== 0 && now !== bits) return EPERM;

  const refuse = (bits & PR_MDWE_REFUSE_EXEC_GAIN) === 0 ? 0 : MMF_HAS_MDWE;
  const noInherit = (bits & PR_MDWE_NO_INHERIT) === 0 ? 0 : MMF_HAS_MDWE_NO_INHERIT;
  setMmFlag(mm, refuse | noInherit);
  return OK;
}

export const sysGetMdwe = (): number => mdweBits(enterSyscall());

const mdweBits = (mm: ReturnType<typeof enterSyscall>): number =>
  (mmHasFlag(mm, MMF_HAS_MDWE) ? PR_MDWE_REFUSE_EXEC_GAIN : 0) |
  (mmHasFlag(mm, MMF_HAS_MDWE_NO_INHERIT) ? PR_MDWE_NO_INHERIT : 0);

/**
 * prctl(PR_SET_MEMORY_MERGE): memory, present and new, is offered to KSM, or taken
 * back. VMAs are marked as they stand; none is split or merged for it.
 *
 * @returns EINVAL without CONFIG_KSM.
 *
 * Source: mm/ksm.c, ksm_enable_merge_any(), ksm_disable_merge_any(), v6.18.
 */
export function sysSetMemoryMerge(enable: boolean): 0 | Errno {
  const mm = enterSyscall();
  if (sysctl('ksm') === 0) return EINVAL;
  const locked = mmapWriteLockKillable(mm);
  if (locked === null) return EINTR;
  const wasEnabled = mmHasFlag(locked, MMF_VM_MERGE_ANY);
  if (enable) setMmFlag(locked, MMF_VM_MERGE_ANY);
  else clearMmFlag(locked, MMF_VM_MERGE_ANY);
  if (enable !== wasEnabled) markAll(locked, enable);
  mmapWriteUnlock(locked);
  return OK;
}

function markAll(mm: MmWrite, enable: boolean): void {
  for (const vma of eachVma(mm)) {
    const flags = vmFlags(vma);
    if (enable && !isKsmCompatible(flags)) continue;
    const marked = enable ? withFlags(flags, VM_MERGEABLE) : withoutFlags(flags, VM_MERGEABLE);
    if (marked !== flags) setVmFlags(vmaStartWrite(mm, vma), marked);
  }
}
