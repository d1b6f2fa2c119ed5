/**
 * What every ioctl of a userfaultfd begins with. It works on the address space that made
 * the descriptor, whoever makes the call.
 *
 * Source: fs/userfaultfd.c, userfaultfd_ioctl(), validate_range(), v6.18.
 */
import { EBADF, EINVAL, ENOMEM, ENOTTY, type Errno, ESRCH } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { isPageAligned, type Ulong, ugt, ult } from '../arena/units.ts';
import { fget } from '../file/fd_table.ts';
import { fileUserfaultfd, fput } from '../file/file_struct.ts';
import { isUserfaultfdInitialized, userfaultfdMm } from '../file/userfaultfd_ctx.ts';
import type { Mm, MmWrite } from '../mm/held.ts';
import { mmgetNotZero, mmput } from '../mm/mm_refs.ts';
import { mmTaskSize } from '../mm/mm_struct.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import type { UserfaultfdCtx } from '../mm/vma_struct.ts';
import { hasUsers } from '../vma/userfaultfd.ts';
import type { ByteRange } from '../vma/vma_merge.ts';

export interface UffdRangeArgs {
  readonly fd: number;
  readonly addr: Ulong;
  readonly len: Ulong;
}

/** Holds the context's file open meanwhile. */
export function withContext<R extends number>(
  fd: number,
  state: 'new' | 'agreed',
  act: (ctx: UserfaultfdCtx) => R | Errno,
): R | Errno {
  const file = fget(fd);
  if (file === NULL) return EBADF;
  const ctx = fileUserfaultfd(file);
  const result = ctx === NULL ? ENOTTY : actOn(ctx, state, act);
  fput(file);
  return result;
}

const actOn = <R extends number>(
  ctx: UserfaultfdCtx,
  state: 'new' | 'agreed',
  act: (ctx: UserfaultfdCtx) => R | Errno,
): R | Errno => (state === 'agreed' && !isUserfaultfdInitialized(ctx) ? EINVAL : act(ctx));

/** Under mmap_lock for write of the context's own address space. */
export function withMm(
  ctx: UserfaultfdCtx,
  { addr, len }: UffdRangeArgs,
  act: (mm: MmWrite, range: ByteRange) => 0 | Errno,
): 0 | Errno {
  if (!isRange(userfaultfdMm(ctx), addr, len)) return EINVAL;
  const mm = mmapWriteLock(userfaultfdMm(ctx));
  const result = hasUsers(mm) ? act(mm, { start: addr, end: addr + len }) : ENOMEM;
  mmapWriteUnlock(mm);
  return result;
}

/** As a user of the context's own address space, so that it is not emptied meanwhile. */
export function asUser(ctx: UserfaultfdCtx, act: () => number | Errno): number | Errno {
  const mm = userfaultfdMm(ctx);
  if (!mmgetNotZero(mm)) return ESRCH;
  const result = act();
  mmput(mm);
  return result;
}

/** Whole pages of the address space. */
export function isRange(mm: Mm, addr: Ulong, len: Ulong): boolean {
  if (!isPageAligned(addr) || !isPageAligned(len) || len === 0) return false;
  return isInside(mm, addr, len);
}

/** Not empty, and all of it in the address space. Source: validate_unaligned_range(), v6.18. */
export function isInside(mm: Mm, addr: Ulong, len: Ulong): boolean {
  if (len === 0 || !ult(addr, mmTaskSize(mm))) return false;
  return !ugt(len, mmTaskSize(mm) - addr);
}
