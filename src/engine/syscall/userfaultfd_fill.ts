/**
 * The ioctls that answer faults: UFFDIO_COPY, UFFDIO_ZEROPAGE, UFFDIO_WRITEPROTECT,
 * UFFDIO_WAKE.
 *
 * Source: fs/userfaultfd.c, v6.18.
 */
import { EAGAIN, EINVAL, type Errno, ESRCH, isErr, OK } from '../arena/errno.ts';
import type { Ulong } from '../arena/units.ts';
import { mfillAtomic } from '../fault/mfill.ts';
import { mwriteprotectRange } from '../fault/mwriteprotect.ts';
import { isUserfaultfdChanging, userfaultfdMm } from '../file/userfaultfd_ctx.ts';
import { userfaultfdWake } from '../file/userfaultfd_fault.ts';
import {
  UFFDIO_COPY_MODE_DONTWAKE,
  UFFDIO_COPY_MODE_WP,
  UFFDIO_WRITEPROTECT_MODE_DONTWAKE,
  UFFDIO_WRITEPROTECT_MODE_WP,
  UFFDIO_ZEROPAGE_MODE_DONTWAKE,
} from '../file/userfaultfd_values.ts';
import { mmapReadLock, mmapReadUnlock } from '../mm/mmap_lock.ts';
import type { UserfaultfdCtx } from '../mm/vma_struct.ts';
import { hasUsers } from '../vma/userfaultfd.ts';
import { enterSyscall } from './entry.ts';
import { asUser, isInside, isRange, type UffdRangeArgs, withContext } from './userfaultfd_call.ts';

export interface UffdCopyArgs {
  readonly fd: number;
  readonly dst: Ulong;
  /** Of the calling process; any byte. */
  readonly src: Ulong;
  readonly len: Ulong;
  /** UFFDIO_COPY_MODE_* */
  readonly mode: Ulong;
}

const COPY_MODES = UFFDIO_COPY_MODE_DONTWAKE | UFFDIO_COPY_MODE_WP;

/**
 * UFFDIO_COPY: makes pages that are missing, of bytes of the calling process, and wakes
 * whoever waits for them.
 *
 * @returns the bytes copied, fewer than `len` when a page could not be; or of the first
 *   page, EEXIST when it is there, ENOENT when one watched VMA does not hold the whole
 *   range, EFAULT for bytes that cannot be read or a place beyond the file, EINVAL for an
 *   unknown mode, a range that is none, or protection that was not registered for; EAGAIN
 *   while events wait to be read; ESRCH, ENOMEM, EBADF, ENOTTY.
 */
export function sysUffdCopy({ fd, dst, src, len, mode }: UffdCopyArgs): number | Errno {
  const caller = enterSyscall();
  return withContext(fd, 'agreed', (ctx) => {
    if (isUserfaultfdChanging(ctx)) return EAGAIN;
    const mm = userfaultfdMm(ctx);
    if (!isInside(mm, src, len) || !isRange(mm, dst, len)) return EINVAL;
    if (mode < 0 || mode > COPY_MODES) return EINVAL;
    const isWp = (mode & UFFDIO_COPY_MODE_WP) !== 0;
    const source = { mm: caller, addr: src };
    const copied = asUser(ctx, () => mfillAtomic({ ctx, mm, start: dst, len, source, isWp }));
    if ((mode & UFFDIO_COPY_MODE_DONTWAKE) === 0) wakeFilled(ctx, dst, copied);
    return copied;
  });
}

/** UFFDIO_ZEROPAGE: the same with zeroes. @returns as sysUffdCopy(), the bytes filled. */
export function sysUffdZeropage(args: UffdRangeArgs & { readonly mode: Ulong }): number | Errno {
  enterSyscall();
  const { addr, len, mode } = args;
  return withContext(args.fd, 'agreed', (ctx) => {
    if (isUserfaultfdChanging(ctx)) return EAGAIN;
    const mm = userfaultfdMm(ctx);
    if (!isRange(mm, addr, len)) return EINVAL;
    if (mode < 0 || mode > UFFDIO_ZEROPAGE_MODE_DONTWAKE) return EINVAL;
    const fill = { ctx, mm, start: addr, len, source: null, isWp: false };
    const filled = asUser(ctx, () => mfillAtomic(fill));
    if (mode === 0) wakeFilled(ctx, addr, filled);
    return filled;
  });
}

function wakeFilled(ctx: UserfaultfdCtx, start: number, filled: number | Errno): void {
  if (!isErr(filled)) userfaultfdWake(ctx, start, start + filled);
}

const PROTECT_MODES = UFFDIO_WRITEPROTECT_MODE_WP | UFFDIO_WRITEPROTECT_MODE_DONTWAKE;

/**
 * UFFDIO_WRITEPROTECT: lets stores to the range be asked about, or no longer; the latter
 * wakes whoever waits.
 *
 * @returns ENOENT at memory that is not watched so, with what is before it done; EINVAL for
 *   both modes, an unknown one, or a range that is none; EAGAIN while events wait to be
 *   read; ESRCH, ENOMEM, EBADF, ENOTTY.
 */
export function sysUffdWriteprotect(args: UffdRangeArgs & { readonly mode: Ulong }): 0 | Errno {
  enterSyscall();
  const { addr, len, mode } = args;
  return withContext(args.fd, 'agreed', (ctx) => {
    if (isUserfaultfdChanging(ctx)) return EAGAIN;
    if (!isRange(userfaultfdMm(ctx), addr, len)) return EINVAL;
    if (mode < 0 || mode >= PROTECT_MODES) return EINVAL;
    const how = mode === UFFDIO_WRITEPROTECT_MODE_WP ? 'protect' : 'resolve';
    const mm = mmapReadLock(userfaultfdMm(ctx));
    const range = { start: addr, end: addr + len };
    const result = hasUsers(mm) ? mwriteprotectRange(mm, range, how) : ESRCH;
    mmapReadUnlock(mm);
    if (!isErr(result) && mode === 0) userfaultfdWake(ctx, addr, addr + len);
    return result;
  });
}

/** UFFDIO_WAKE: whoever waits for a page of the range tries again. @returns EINVAL for no range. */
export function sysUffdWake({ fd, addr, len }: UffdRangeArgs): 0 | Errno {
  enterSyscall();
  return withContext(fd, 'agreed', (ctx) => {
    if (!isRange(userfaultfdMm(ctx), addr, len)) return EINVAL;
    userfaultfdWake(ctx, addr, addr + len);
    return OK;
  });
}
