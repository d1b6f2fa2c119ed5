/**
 * Which VMAs a userfaultfd watches: arming a range, disarming it, and disarming all.
 *
 *   register    AAAAAA  ->  AAUUUA    a change of flags and context, as any other:
 *   unregister  AAUUUA  ->  AAAAAA    it splits, and merges with what is now alike
 *
 * Source: mm/userfaultfd.c, userfaultfd_register_range(), userfaultfd_clear_vma(),
 * userfaultfd_release_all(), fs/userfaultfd.c (the checks), v6.18.
 */
import * as atomics from '#atomics';
import { EBUSY, EINVAL, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { onUserfaultfdRelease } from '../file/file_struct.ts';
import {
  userfaultfdCtxPut,
  userfaultfdHas,
  userfaultfdMm,
  userfaultfdShut,
} from '../file/userfaultfd_ctx.ts';
import { userfaultfdWake } from '../file/userfaultfd_fault.ts';
import { UFFD_FEATURE_WP_ASYNC } from '../file/userfaultfd_values.ts';
import { SHMEM_VM_OPS, writableAtOnce } from '../file/vm_ops.ts';
import type { MmRead, MmWrite, Vma } from '../mm/held.ts';
import { mmUsersAt } from '../mm/mm_struct.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { findVma } from '../mm/vma_iterator.ts';
import { vmaStartWrite } from '../mm/vma_lock.ts';
import {
  commonFlags,
  hasFlag,
  VM_DROPPABLE,
  VM_MAYWRITE,
  VM_SPECIAL,
  VM_UFFD_FLAGS,
  VM_UFFD_MINOR,
  VM_UFFD_WP,
  type VmFlags,
  withFlags,
  withoutFlags,
} from '../mm/vm_flags.ts';
import {
  setVmFlags,
  setVmUserfaultfdCtx,
  type UserfaultfdCtx,
  vmaIsAnonymous,
  vmEnd,
  vmFlags,
  vmOps,
  vmStart,
  vmUserfaultfdCtx,
} from '../mm/vma_struct.ts';
import { tlbFinishMmu, tlbGatherMmu } from '../page/mmu_gather.ts';
import { uffdWpResolve } from '../page/uffd_wp.ts';
import { vmaModifyFlags } from './split.ts';
import { type ByteRange, vmgForModify } from './vma_merge.ts';

/** A range that a context is to watch, in these ways. */
export interface Watch {
  readonly ctx: UserfaultfdCtx;
  readonly range: ByteRange;
  /** VM_UFFD_* */
  readonly flags: VmFlags;
}

/**
 * Arms every VMA of the range; holes do not matter.
 *
 * @returns EINVAL where nothing is mapped, or some of it cannot be watched; EPERM for
 *   memory that can never be written; EBUSY for what another context watches, all with
 *   nothing changed; ENOMEM with the VMAs before it armed.
 */
export function userfaultfdRegister(mm: MmWrite, { ctx, range, flags }: Watch): 0 | Errno {
  const refused = checkVmas(mm, range, (vma) => refuseToWatch(ctx, vma, flags));
  if (isErr(refused)) return refused;
  return changeVmas(mm, range, (vma, part) => {
    const old = vmFlags(vma);
    const isWatched = vmUserfaultfdCtx(vma) === ctx && commonFlags(old, flags) === flags;
    if (isWatched) return OK;
    return setWatch(mm, vma, part, {
      ctx,
      flags: withFlags(withoutFlags(old, VM_UFFD_FLAGS), flags),
    });
  });
}

/**
 * Disarms every VMA of the range.
 *
 * @returns EINVAL where nothing is mapped, some of it could not have been armed, or
 *   another context watches it, with nothing changed; ENOMEM with those before disarmed.
 */
export function userfaultfdUnregister(
  mm: MmWrite,
  ctx: UserfaultfdCtx,
  range: ByteRange,
): 0 | Errno {
  const refused = checkVmas(mm, range, (vma) => refuseToForget(ctx, vma));
  if (isErr(refused)) return refused;
  return changeVmas(mm, range, (vma, part) =>
    vmUserfaultfdCtx(vma) === NULL ? OK : setWatch(mm, vma, part, disarmed(vma)),
  );
}

/** The attributes of a VMA that change together. */
interface WatchState {
  readonly ctx: UserfaultfdCtx | Null;
  readonly flags: VmFlags;
}

const disarmed = (vma: Vma): WatchState => ({
  ctx: NULL,
  flags: withoutFlags(vmFlags(vma), VM_UFFD_FLAGS),
});

function setWatch(mm: MmWrite, vma: Vma, part: ByteRange, { ctx, flags }: WatchState): 0 | Errno {
  if (ctx === NULL && hasFlag(vmFlags(vma), VM_UFFD_WP)) resolveAll(mm, vma, part);
  const vmg = vmgForModify(mm, vma, part);
  vmg.uffdCtx = ctx;
  const modified = vmaModifyFlags(vmg, flags);
  if (isErr(modified)) return modified;
  setVmUserfaultfdCtx(modified, ctx);
  return OK;
}

/** Still watched for stores, so that shared memory is left to be told of once more. */
function resolveAll(mm: MmWrite, vma: Vma, { start, end }: ByteRange): void {
  const tlb = tlbGatherMmu(mm);
  uffdWpResolve(tlb, vma, { start, end, writable: writableAtOnce(vma) });
  tlbFinishMmu(tlb);
}

/** Nothing is changed before all of it has been looked at. @returns EINVAL for no VMA at all. */
function checkVmas(
  mm: MmWrite,
  { start, end }: ByteRange,
  refuse: (vma: Vma) => 0 | Errno,
): 0 | Errno {
  let vma = findVma(mm, start);
  if (vma === NULL || vmStart(vma) >= end) return EINVAL;
  for (; vma !== NULL && vmStart(vma) < end; vma = findVma(mm, vmEnd(vma))) {
    const refused = refuse(vma);
    if (isErr(refused)) return refused;
  }
  return OK;
}

/** Looks each VMA up anew, as a change may split it and merge it with the next. */
function changeVmas(
  mm: MmWrite,
  { start, end }: ByteRange,
  change: (vma: Vma, part: ByteRange) => 0 | Errno,
): 0 | Errno {
  for (let at = start; at < end;) {
    const vma = findVma(mm, at);
    if (vma === NULL || vmStart(vma) >= end) break;
    const part = { start: Math.max(at, vmStart(vma)), end: Math.min(end, vmEnd(vma)) };
    const changed = change(vma, part);
    if (isErr(changed)) return changed;
    at = part.end;
  }
  return OK;
}

function refuseToWatch(ctx: UserfaultfdCtx, vma: Vma, flags: VmFlags): 0 | Errno {
  if (!vmaCanUserfault(ctx, vma, flags)) return EINVAL;
  if (!hasFlag(vmFlags(vma), VM_MAYWRITE)) return EPERM;
  const other = vmUserfaultfdCtx(vma);
  return other === NULL || other === ctx ? OK : EBUSY;
}

function refuseToForget(ctx: UserfaultfdCtx, vma: Vma): 0 | Errno {
  const other = vmUserfaultfdCtx(vma);
  if (other !== NULL && other !== ctx) return EINVAL;
  return vmaCanUserfault(ctx, vma, vmFlags(vma)) ? OK : EINVAL;
}

/** Source: include/linux/userfaultfd_k.h, vma_can_userfault(), v6.18. */
function vmaCanUserfault(ctx: UserfaultfdCtx, vma: Vma, flags: VmFlags): boolean {
  const asked = commonFlags(flags, VM_UFFD_FLAGS);
  if (hasFlag(vmFlags(vma), UNWATCHABLE)) return false;
  const isShmem = vmOps(vma) === SHMEM_VM_OPS;
  if (hasFlag(asked, VM_UFFD_MINOR) && !isShmem) return false;
  // Nobody waits for anything: it works for memory of any kind.
  if (asked === VM_UFFD_WP && userfaultfdHas(ctx, UFFD_FEATURE_WP_ASYNC)) return true;
  return vmaIsAnonymous(vma) || isShmem;
}

const UNWATCHABLE = withFlags(VM_SPECIAL, VM_DROPPABLE);

/**
 * Disarms whatever a context watches, for good: its file is closed, or nobody will
 * ever open it. What children were given and nobody has read goes the same way.
 *
 * @param first the caller's reference goes with it.
 */
export function userfaultfdRelease(first: UserfaultfdCtx): void {
  const left = [first];
  // Ends when no child is left: each was queued once.
  for (let ctx = left.pop(); ctx !== undefined; ctx = left.pop()) {
    disarmAll(ctx);
    left.push(...userfaultfdShut(ctx));
    userfaultfdWake(ctx, 0, Infinity); // they find nothing watched any more
    userfaultfdCtxPut(ctx);
  }
}

onUserfaultfdRelease(userfaultfdRelease);

function disarmAll(ctx: UserfaultfdCtx): void {
  const mm = mmapWriteLock(userfaultfdMm(ctx));
  // Its VMAs are looked at only while somebody uses it: exit takes mmap_lock to end that.
  if (hasUsers(mm)) {
    for (let vma = findVma(mm, 0); vma !== NULL;) {
      const end = vmEnd(vma);
      if (vmUserfaultfdCtx(vma) === ctx) disarm(mm, vma);
      vma = findVma(mm, end);
    }
  }
  mmapWriteUnlock(mm);
}

/** Whether exit has not begun. A caller that holds mmap_lock is before all that exit does. */
export const hasUsers = (mm: MmRead): boolean => atomics.load(mmUsersAt(mm)) > 0;

/** A merge that cannot be made is not made. */
function disarm(mm: MmWrite, vma: Vma): void {
  const state = disarmed(vma);
  const whole = { start: vmStart(vma), end: vmEnd(vma) };
  if (!isErr(setWatch(mm, vma, whole, state))) return;
  userfaultfdReset(mm, vma);
}

/** Disarms a VMA as it stands, without merging it. Source: userfaultfd_reset_ctx(), v6.18. */
export function userfaultfdReset(mm: MmWrite, vma: Vma): void {
  const writable = vmaStartWrite(mm, vma);
  setVmFlags(writable, withoutFlags(vmFlags(vma), VM_UFFD_FLAGS));
  setVmUserfaultfdCtx(writable, NULL);
}
