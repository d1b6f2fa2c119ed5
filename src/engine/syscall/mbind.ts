/** mbind(2), as far as a policy decides merges: pages are on one node here. */
import { EFAULT, EINVAL, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { isPageAligned, pageUp, type Ulong, ult } from '../arena/units.ts';
import type { MmWrite, Vma } from '../mm/held.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { findVma, findVmaIntersection } from '../mm/vma_iterator.ts';
import { setVmPolicy, vmEnd, vmPolicy, vmStart } from '../mm/vma_struct.ts';
import { vmaModify } from '../vma/split.ts';
import { type ByteRange, vmgForModify } from '../vma/vma_merge.ts';
import { rangeContainsUnmapped } from '../vma/vma_range.ts';
import { enterSyscall } from './entry.ts';

export const MPOL_DEFAULT = 0;
export const MPOL_PREFERRED = 1;
export const MPOL_BIND = 2;
export const MPOL_INTERLEAVE = 3;
export const MPOL_LOCAL = 4;
export const MPOL_PREFERRED_MANY = 5;
export const MPOL_WEIGHTED_INTERLEAVE = 6;

export interface MbindArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
  /** MPOL_* */
  readonly mode: number;
  /** One bit a node; 0: none. Only node 0 exists. */
  readonly nodemask: number;
  /** MPOL_MF_*: they move pages, which are all where they should be. */
  readonly flags: number;
}

const MF_VALID = 7;

/**
 * Sets the policy of [addr, addr + len).
 *
 * @returns EINVAL for an unknown mode, flag or node set, or an unaligned address;
 *   EFAULT for a hole, which only the default policy passes over.
 *
 * Source: mm/mempolicy.c, do_mbind(), v6.18.
 */
export function sysMbind({ addr, len, mode, nodemask, flags }: MbindArgs): 0 | Errno {
  const mm = enterSyscall();
  if (mode < MPOL_DEFAULT || mode > MPOL_WEIGHTED_INTERLEAVE) return EINVAL;
  if ((flags & ~MF_VALID) !== 0 || !isPageAligned(addr)) return EINVAL;
  const end = addr + pageUp(len);
  if (ult(end, addr)) return EINVAL;
  if (end === addr) return OK;
  const policy = policyOf(mode, nodemask);
  if (isErr(policy)) return policy;
  if (addr < 0 || end < 0) return EFAULT;

  const locked = mmapWriteLock(mm);
  const result = setPolicy(locked, { start: addr, end }, policy);
  mmapWriteUnlock(locked);
  return result;
}

const NODE_0 = 1;

/** @returns a policy's number: equal policies have equal numbers, and the default is 0. */
function policyOf(mode: number, nodemask: number): number | Errno {
  if (mode === MPOL_DEFAULT) return nodemask === 0 ? 0 : EINVAL;
  if (mode === MPOL_LOCAL) return nodemask === 0 ? mode : EINVAL;
  if (mode === MPOL_PREFERRED && nodemask === 0) return MPOL_LOCAL;
  return nodemask === NODE_0 ? mode : EINVAL;
}

function setPolicy(mm: MmWrite, range: ByteRange, policy: number): 0 | Errno {
  if (findVmaIntersection(mm, range.start, range.end) === NULL) return EFAULT;
  if (policy !== 0 && rangeContainsUnmapped(mm, range)) return EFAULT;
  for (let at = range.start; at < range.end;) {
    const vma = findVma(mm, at);
    if (vma === NULL || vmStart(vma) >= range.end) break;
    const start = Math.max(at, vmStart(vma));
    at = Math.min(range.end, vmEnd(vma));
    const result = setVmaPolicy(mm, vma, { start, end: at, policy });
    if (isErr(result)) return result;
  }
  return OK;
}

function setVmaPolicy(
  mm: MmWrite,
  vma: Vma,
  { start, end, policy }: ByteRange & { policy: number },
): 0 | Errno {
  if (vmPolicy(vma) === policy) return OK;
  const vmg = vmgForModify(mm, vma, { start, end });
  vmg.policy = policy;
  const modified = vmaModify(vmg);
  if (isErr(modified)) return modified;
  setVmPolicy(modified, policy);
  return OK;
}
