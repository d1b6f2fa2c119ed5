/**
 * userfaultfd(2), its ioctls that change VMAs, and reading its events. An ioctl works
 * on the address space that made the descriptor, whoever makes the call.
 *
 * Source: fs/userfaultfd.c, v6.18.
 */
import {
  EAGAIN,
  EBADF,
  EINVAL,
  ENOMEM,
  ENOTTY,
  EPERM,
  type Errno,
  isErr,
  OK,
} from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { isPageAligned, type Ulong, ugt, ult } from '../arena/units.ts';
import { fdInstall, fget } from '../file/fd_table.ts';
import { fileNew, filePrivate, FMODE_READ, fput, setFilePrivate } from '../file/file_struct.ts';
import {
  isUserfaultfdInitialized,
  setUserfaultfdFeatures,
  userfaultfdArrivals,
  userfaultfdCtxNew,
  userfaultfdCtxPut,
  type UserfaultfdEvent,
  userfaultfdFlags,
  userfaultfdMm,
  userfaultfdPutBack,
  userfaultfdTake,
  userfaultfdUnreserve,
  userfaultfdWait,
} from '../file/userfaultfd_ctx.ts';
import {
  O_CLOEXEC,
  O_NONBLOCK,
  UFFD_API,
  UFFD_API_FEATURES,
  UFFD_EVENT_FORK,
  UFFD_EVENT_REMAP,
  UFFD_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_UNPOPULATED,
  UFFD_USER_MODE_ONLY,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
} from '../file/userfaultfd_values.ts';
import type { Mm, MmWrite } from '../mm/held.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { mmTaskSize } from '../mm/mm_struct.ts';
import { mmapMinAddr, sysctl } from '../mm/sysctl.ts';
import { CAP_SYS_PTRACE, capable } from '../mm/task_struct.ts';
import {
  VM_NONE,
  VM_UFFD_MINOR,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  type VmFlags,
  withFlags,
} from '../mm/vm_flags.ts';
import type { File, UserfaultfdCtx } from '../mm/vma_struct.ts';
import { hasUsers, userfaultfdRegister, userfaultfdUnregister } from '../vma/userfaultfd.ts';
import type { ByteRange } from '../vma/vma_merge.ts';
import { enterSyscall } from './entry.ts';

const KNOWN_FLAGS = O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY;

/**
 * Makes a descriptor for the calling process's address space.
 *
 * @returns it; EPERM without CAP_SYS_PTRACE, unless for faults in user mode only; EINVAL
 *   for an unknown flag; ENOMEM, EMFILE.
 */
export function sysUserfaultfd(flags: number): number | Errno {
  const mm = enterSyscall();
  if (!isAllowed(flags)) return EPERM;
  if ((flags & ~KNOWN_FLAGS) !== 0) return EINVAL;
  const ctx = userfaultfdCtxNew(mm, flags);
  if (ctx === NULL) return ENOMEM;
  const fd = install(ctx);
  if (isErr(fd)) userfaultfdCtxPut(ctx);
  return fd;
}

const isAllowed = (flags: number): boolean =>
  (flags & UFFD_USER_MODE_ONLY) !== 0 ||
  sysctl('unprivileged_userfaultfd') !== 0 ||
  capable(CAP_SYS_PTRACE);

/** The descriptor takes the caller's reference over, unless it fails. */
function install(ctx: UserfaultfdCtx): number | Errno {
  const file = fileNew({ kind: 'anon_inode', path: 'anon_inode:[userfaultfd]' }, FMODE_READ);
  if (file === NULL) return ENOMEM;
  setFilePrivate(file, ctx);
  const fd = fdInstall(file);
  if (!isErr(fd)) return fd;
  setFilePrivate(file, NULL);
  fput(file);
  return fd;
}

export interface UffdApiArgs {
  readonly fd: number;
  /** UFFD_API. */
  readonly api: Ulong;
  /** UFFD_FEATURE_* */
  readonly features: Ulong;
}

/**
 * UFFDIO_API: agrees on features, once, before anything else.
 *
 * @returns EINVAL for another version, an unknown feature, or a second time; EPERM for
 *   events of forks without CAP_SYS_PTRACE; EBADF; ENOTTY for what is no userfaultfd.
 */
export function sysUffdApi({ fd, api, features }: UffdApiArgs): 0 | Errno {
  enterSyscall();
  return withContext(fd, 'new', (ctx) => {
    if (api !== UFFD_API || features < 0 || features > UFFD_API_FEATURES) return EINVAL;
    const wantsForks = (features & UFFD_FEATURE_EVENT_FORK) !== 0;
    if (wantsForks && !capable(CAP_SYS_PTRACE)) return EPERM;
    const isAsync = (features & UFFD_FEATURE_WP_ASYNC) !== 0;
    const agreed = isAsync ? features | UFFD_FEATURE_WP_UNPOPULATED : features;
    return setUserfaultfdFeatures(ctx, agreed) ? OK : EINVAL;
  });
}

export interface UffdRangeArgs {
  readonly fd: number;
  readonly addr: Ulong;
  readonly len: Ulong;
}

/**
 * UFFDIO_REGISTER: watches [addr, addr + len), holes excepted.
 *
 * @returns EINVAL for no or an unknown mode, a range that is not whole pages inside the
 *   address space, nothing mapped there, or memory that cannot be watched so; EPERM for
 *   what can never be written; EBUSY for what another userfaultfd watches; ENOMEM, with
 *   the VMAs before it watched, or for an address space that is gone; EBADF; ENOTTY.
 */
export function sysUffdRegister(args: UffdRangeArgs & { readonly mode: Ulong }): 0 | Errno {
  enterSyscall();
  return withContext(args.fd, 'agreed', (ctx) => {
    const flags = watchFlags(args.mode);
    if (flags === VM_NONE) return EINVAL;
    return withMm(ctx, args, (mm, range) => userfaultfdRegister(mm, { ctx, range, flags }));
  });
}

/** UFFDIO_UNREGISTER: ends that. @returns as sysUffdRegister(), but EINVAL for EBUSY. */
export function sysUffdUnregister(args: UffdRangeArgs): 0 | Errno {
  enterSyscall();
  return withContext(args.fd, 'agreed', (ctx) =>
    withMm(ctx, args, (mm, range) => userfaultfdUnregister(mm, ctx, range)),
  );
}

const KNOWN_MODES =
  UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MINOR;

/** @returns VM_NONE for no mode and for unknown ones. */
function watchFlags(mode: Ulong): VmFlags {
  if (mode < 0 || mode > KNOWN_MODES) return VM_NONE;
  const missing = (mode & UFFDIO_REGISTER_MODE_MISSING) === 0 ? VM_NONE : VM_UFFD_MISSING;
  const wp = (mode & UFFDIO_REGISTER_MODE_WP) === 0 ? VM_NONE : VM_UFFD_WP;
  const minor = (mode & UFFDIO_REGISTER_MODE_MINOR) === 0 ? VM_NONE : VM_UFFD_MINOR;
  return withFlags(withFlags(missing, wp), minor);
}

/** Holds the context's file open meanwhile. */
function withContext(
  fd: number,
  state: 'new' | 'agreed',
  act: (ctx: UserfaultfdCtx) => 0 | Errno,
): 0 | Errno {
  const file = fget(fd);
  if (file === NULL) return EBADF;
  const ctx = contextOf(file);
  const result = ctx === NULL ? ENOTTY : actOn(ctx, state, act);
  fput(file);
  return result;
}

const contextOf = (file: File): UserfaultfdCtx | Null => filePrivate(file) as UserfaultfdCtx | Null;

const actOn = (
  ctx: UserfaultfdCtx,
  state: 'new' | 'agreed',
  act: (ctx: UserfaultfdCtx) => 0 | Errno,
): 0 | Errno => (state === 'agreed' && !isUserfaultfdInitialized(ctx) ? EINVAL : act(ctx));

/** Under mmap_lock for write of the context's own address space. */
function withMm(
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

/** Source: fs/userfaultfd.c, validate_range(), v6.18. */
function isRange(mm: Mm, addr: Ulong, len: Ulong): boolean {
  if (!isPageAligned(addr) || !isPageAligned(len) || len === 0) return false;
  if (ult(addr, mmapMinAddr()) || !ult(addr, mmTaskSize(mm))) return false;
  return !ugt(len, mmTaskSize(mm) - addr);
}

/** One event, as read(2) gives it. Addresses in bytes, ends exclusive. */
export type UffdMessage =
  | { readonly event: 'unmap' | 'remove'; readonly start: number; readonly end: number }
  | { readonly event: 'remap'; readonly from: number; readonly to: number; readonly len: number }
  /** `fd` is the child's own userfaultfd, ready to use. */
  | { readonly event: 'fork'; readonly fd: number };

/**
 * Takes the oldest event. Without O_NONBLOCK it sleeps until there is one.
 *
 * @returns it; EAGAIN when there is none; EINVAL before UFFDIO_API and for what is no
 *   userfaultfd; EBADF; of a fork, ENOMEM or EMFILE, with the event still there.
 */
export function sysUffdRead(fd: number): UffdMessage | Errno {
  enterSyscall();
  const file = fget(fd);
  if (file === NULL) return EBADF;
  const ctx = contextOf(file);
  const message = ctx === NULL || !isUserfaultfdInitialized(ctx) ? EINVAL : readMessage(ctx);
  fput(file);
  return message;
}

function readMessage(ctx: UserfaultfdCtx): UffdMessage | Errno {
  const sleeps = (userfaultfdFlags(ctx) & O_NONBLOCK) === 0;
  // Ends with the first event: each round means that another reader took it.
  for (;;) {
    const seen = userfaultfdArrivals(ctx);
    const event = userfaultfdTake(ctx);
    if (event !== null) return handOver(ctx, event);
    if (!sleeps) return EAGAIN;
    userfaultfdWait(ctx, seen);
  }
}

/** The event is gone for good only when its reader has all of it. */
function handOver(ctx: UserfaultfdCtx, event: UserfaultfdEvent): UffdMessage | Errno {
  const fd = event.forked === NULL ? 0 : install(event.forked);
  if (isErr(fd)) {
    userfaultfdPutBack(ctx, event);
    return fd;
  }
  userfaultfdUnreserve(ctx);
  return messageOf(event, fd);
}

function messageOf({ type, start, end, len }: UserfaultfdEvent, fd: number): UffdMessage {
  if (type === UFFD_EVENT_FORK) return { event: 'fork', fd };
  if (type === UFFD_EVENT_REMAP) return { event: 'remap', from: start, to: end, len };
  return { event: type === UFFD_EVENT_REMOVE ? 'remove' : 'unmap', start, end };
}
