/**
 * Protecting memory that a userfaultfd watches from being written, and ending that.
 *
 * Source: mm/userfaultfd.c, mwriteprotect_range(), uffd_wp_range(), v6.18.
 */
import { ENOENT, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { userfaultfdHas } from '../file/userfaultfd_ctx.ts';
import { UFFD_FEATURE_WP_UNPOPULATED } from '../file/userfaultfd_values.ts';
import { writableAtOnce } from '../file/vm_ops.ts';
import type { MmRead, Vma } from '../mm/held.ts';
import { vmaFind, vmaIterator } from '../mm/vma_iterator.ts';
import { hasFlag, VM_UFFD_WP } from '../mm/vm_flags.ts';
import { vmaIsAnonymous, vmEnd, vmFlags, vmStart, vmUserfaultfdCtx } from '../mm/vma_struct.ts';
import { tlbFinishMmu, tlbGatherMmu } from '../page/mmu_gather.ts';
import { uffdWpProtect, uffdWpResolve } from '../page/uffd_wp.ts';
import type { ByteRange } from '../vma/vma_merge.ts';

/**
 * Every VMA of the range, holes excepted.
 *
 * @returns ENOENT for no VMA, or at the first that is not watched so, ENOMEM; with those
 *   before it done.
 */
export function mwriteprotectRange(
  mm: MmRead,
  range: ByteRange,
  how: 'protect' | 'resolve',
): 0 | Errno {
  const vmi = vmaIterator(mm, range.start);
  let result: 0 | Errno = ENOENT;
  for (let vma = vmaFind(vmi, range.end); vma !== NULL; vma = vmaFind(vmi, range.end)) {
    if (!hasFlag(vmFlags(vma), VM_UFFD_WP)) return ENOENT;
    const start = Math.max(range.start, vmStart(vma));
    const end = Math.min(range.end, vmEnd(vma));
    result = protect(mm, vma, { start, end, how });
    if (isErr(result)) return result;
  }
  return result;
}

function protect(
  mm: MmRead,
  vma: Vma,
  { start, end, how }: ByteRange & { how: 'protect' | 'resolve' },
): 0 | Errno {
  const tlb = tlbGatherMmu(mm);
  let result: 0 | Errno = OK;
  if (how === 'resolve') uffdWpResolve(tlb, vma, { start, end, writable: writableAtOnce(vma) });
  else result = uffdWpProtect(tlb, vma, { start, end, marks: marksEmpty(vma) });
  tlbFinishMmu(tlb);
  return result;
}

/** Of anonymous memory an absent page is only protected where that was asked for. */
function marksEmpty(vma: Vma): boolean {
  if (!vmaIsAnonymous(vma)) return true;
  const ctx = vmUserfaultfdCtx(vma);
  return ctx !== NULL && userfaultfdHas(ctx, UFFD_FEATURE_WP_UNPOPULATED);
}
