/**
 * What madvise(2) does to the pages of a VMA.
 *
 * Source: mm/madvise.c, v6.18.
 */
import { NO_MARK_GUARD } from '#mutants';
import { EACCES, EAGAIN, EBADF, EINVAL, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import { faultinPages } from '../fault/populate.ts';
import { isFileWritable } from '../file/file_struct.ts';
import { forceReadahead } from '../file/readahead.ts';
import { SECRETMEM_VM_OPS } from '../file/vm_ops.ts';
import type { MmRead, MmWrite, Vma } from '../mm/held.ts';
import { sysctl } from '../mm/sysctl.ts';
import { vmaStartWrite, vmaUnmarked } from '../mm/vma_lock.ts';
import {
  commonFlags,
  flagsOf,
  hasFlag,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKED,
  VM_MAYBE_GUARD,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_SPECIAL,
  VM_WRITE,
  type VmFlags,
  withFlags,
} from '../mm/vm_flags.ts';
import {
  setVmFlags,
  vmaIsAnonymous,
  vmFile,
  vmFlags,
  vmMm,
  vmOps,
  vmPgoff,
  vmStart,
} from '../mm/vma_struct.ts';
import { installGuards, removeGuards } from '../page/guard_pages.ts';
import { tlbFinishMmu, tlbGatherMmu } from '../page/mmu_gather.ts';
import { zapRange } from '../page/zap.ts';
import { anonVmaPrepare } from '../rmap/anon_vma.ts';
import { filePunchHole } from '../rmap/truncate.ts';
import { userfaultfdRemove } from '../vma/userfaultfd_events.ts';
import type { ByteRange } from '../vma/vma_merge.ts';
import {
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_GUARD_INSTALL,
  MADV_GUARD_REMOVE,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MADV_WILLNEED,
} from './madvise_values.ts';

/** What an advice about pages asks of a VMA. */
type PageAdvice = (mm: MmRead, vma: Vma, part: ByteRange) => 0 | Errno;

export const PAGE_ADVICE: ReadonlyMap<number, PageAdvice> = new Map<number, PageAdvice>([
  [MADV_WILLNEED, willNeed],
  [MADV_DONTNEED, (_mm, vma, part) => discard(vma, part, LOCKED_OR_UNPAGED)],
  [MADV_DONTNEED_LOCKED, (_mm, vma, part) => discard(vma, part, UNPAGED)],
  [MADV_FREE, freeLazily],
  [MADV_REMOVE, remove],
  [MADV_COLD, (_mm, vma) => refuseIf(vma, LOCKED_OR_UNPAGED)],
  [MADV_PAGEOUT, (_mm, vma) => refuseIf(vma, LOCKED_OR_UNPAGED)],
  [MADV_POPULATE_READ, (mm, vma, part) => populate(mm, vma, { ...part, access: 'read' })],
  [MADV_POPULATE_WRITE, (mm, vma, part) => populate(mm, vma, { ...part, access: 'write' })],
  [MADV_COLLAPSE, () => EINVAL], // no huge pages are built: there is nothing to collapse into
]);

/** Advice about guards, under the lock for writers. */
export const GUARD_ADVICE = new Map<number, (mm: MmWrite, vma: Vma, part: ByteRange) => 0 | Errno>([
  [MADV_GUARD_INSTALL, guardInstall],
  [MADV_GUARD_REMOVE, guardRemove],
]);

const UNPAGED = flagsOf(VM_PFNMAP, VM_HUGETLB);
const LOCKED_OR_UNPAGED = flagsOf(VM_LOCKED, UNPAGED);

const refuseIf = (vma: Vma, flags: VmFlags): 0 | Errno =>
  hasFlag(vmFlags(vma), flags) ? EINVAL : OK;

function willNeed(_mm: MmRead, vma: Vma, { start, end }: ByteRange): 0 | Errno {
  if (vmFile(vma) === NULL) return sysctl('swap') === 0 ? EBADF : OK;
  const first = vmPgoff(vma) + (start - vmStart(vma)) / PAGE_SIZE;
  forceReadahead(vma, { first, last: first + (end - start) / PAGE_SIZE - 1 });
  return OK;
}

/** Private pages are lost, a file's are found again; guards stay. */
function discard(vma: Vma, part: ByteRange, refused: VmFlags): 0 | Errno {
  if (hasFlag(vmFlags(vma), refused)) return EINVAL;
  const told = tellRemoval(vma, part);
  if (isErr(told)) return told;
  zapPart(vma, part);
  return OK;
}

/** Who watches hears of it before the pages go. */
const tellRemoval = (vma: Vma, part: ByteRange): 0 | Errno =>
  userfaultfdRemove(vma, part) === OK ? OK : EAGAIN;

function zapPart(vma: Vma, { start, end }: ByteRange): void {
  const tlb = tlbGatherMmu(vmMm(vma));
  zapRange(tlb, vma, { start, end, mode: 'keep-markers' });
  tlbFinishMmu(tlb);
}

/** The pages may be taken when memory runs short; here it never does, so they stay. */
function freeLazily(_mm: MmRead, vma: Vma, part: ByteRange): 0 | Errno {
  const refused = refuseIf(vma, LOCKED_OR_UNPAGED);
  if (isErr(refused)) return refused;
  const told = tellRemoval(vma, part); // also of what is then refused, as in Linux
  if (isErr(told)) return told;
  return vmaIsAnonymous(vma) ? OK : EINVAL;
}

/** Punches a hole in the file, so the file must be writable and shared. */
function remove(_mm: MmRead, vma: Vma, part: ByteRange): 0 | Errno {
  if (hasFlag(vmFlags(vma), VM_LOCKED)) return EINVAL;
  const file = vmFile(vma);
  if (file === NULL) return EINVAL;
  const isShared = commonFlags(vmFlags(vma), SHARED_MAYWRITE) === SHARED_MAYWRITE;
  if (!isShared || !isFileWritable(file)) return EACCES;
  const told = tellRemoval(vma, part);
  if (isErr(told)) return told;
  const at = vmPgoff(vma) * PAGE_SIZE + (part.start - vmStart(vma));
  return filePunchHole(file, { start: at, len: part.end - part.start });
}

const SHARED_MAYWRITE = flagsOf(VM_SHARED, VM_MAYWRITE);

function populate(
  mm: MmRead,
  vma: Vma,
  pages: ByteRange & { access: 'read' | 'write' },
): 0 | Errno {
  const flags = vmFlags(vma);
  if (hasFlag(flags, flagsOf(VM_IO, VM_PFNMAP)) || vmOps(vma) === SECRETMEM_VM_OPS) return EINVAL;
  if (!hasFlag(flags, pages.access === 'write' ? VM_WRITE : VM_READ)) return EINVAL;
  return faultinPages(mm, vma, { ...pages, waits: true });
}

function guardRemove(mm: MmWrite, vma: Vma, part: ByteRange): 0 | Errno {
  const refused = refuseIf(vma, flagsOf(VM_SPECIAL, VM_HUGETLB));
  return isErr(refused) ? refused : removeGuards(mm, part);
}

/** The VMA remembers that it may have guards, and anonymous memory is faulted for fork. */
function guardInstall(mm: MmWrite, vma: Vma, part: ByteRange): 0 | Errno {
  const refused = refuseIf(vma, flagsOf(VM_LOCKED, VM_SPECIAL, VM_HUGETLB));
  if (isErr(refused)) return refused;
  if (vmaIsAnonymous(vma) && anonVmaPrepare(mm, vma) !== OK) return ENOMEM;
  const guarded = NO_MARK_GUARD ? vmaUnmarked(vma) : vmaStartWrite(mm, vma);
  setVmFlags(guarded, withFlags(vmFlags(vma), VM_MAYBE_GUARD));
  zapPart(vma, part);
  // Writers are kept out, so nothing can have come back.
  return isErr(installGuards(mm, part)) ? ENOMEM : OK;
}
