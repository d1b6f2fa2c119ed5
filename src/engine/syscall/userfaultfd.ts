/**
 * userfaultfd(2), and its ioctls that change VMAs.
 *
 * Source: fs/userfaultfd.c, v6.18.
 */
import { EINVAL, ENOMEM, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import type { Ulong } from '../arena/units.ts';
import { fdInstall } from '../file/fd_table.ts';
import { fileNew, FMODE_READ, fput, setFileUserfaultfd } from '../file/file_struct.ts';
import {
  setUserfaultfdFeatures,
  userfaultfdCtxNew,
  userfaultfdCtxPut,
} from '../file/userfaultfd_ctx.ts';
import { userfaultfdWake } from '../file/userfaultfd_fault.ts';
import {
  O_CLOEXEC,
  O_NONBLOCK,
  UFFD_API,
  UFFD_API_FEATURES,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_UNPOPULATED,
  UFFD_USER_MODE_ONLY,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  UFFDIO_REGISTER_MODE_WP,
} from '../file/userfaultfd_values.ts';
import { sysctl } from '../mm/sysctl.ts';
import { CAP_SYS_PTRACE, capable } from '../mm/task_struct.ts';
import {
  VM_NONE,
  VM_UFFD_MINOR,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  type VmFlags,
  withFlags,
} from '../mm/vm_flags.ts';
import type { UserfaultfdCtx } from '../mm/vma_struct.ts';
import { userfaultfdRegister, userfaultfdUnregister } from '../vma/userfaultfd.ts';
import { enterSyscall } from './entry.ts';
import { type UffdRangeArgs, withContext, withMm } from './userfaultfd_call.ts';

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
  const fd = installUserfaultfd(ctx);
  if (isErr(fd)) userfaultfdCtxPut(ctx);
  return fd;
}

const isAllowed = (flags: number): boolean =>
  (flags & UFFD_USER_MODE_ONLY) !== 0 ||
  sysctl('unprivileged_userfaultfd') !== 0 ||
  capable(CAP_SYS_PTRACE);

/** The descriptor takes the caller's reference over, unless it fails. */
export function installUserfaultfd(ctx: UserfaultfdCtx): number | Errno {
  const file = fileNew({ kind: 'anon_inode', path: 'anon_inode:[userfaultfd]' }, FMODE_READ);
  if (file === NULL) return ENOMEM;
  setFileUserfaultfd(file, ctx);
  const fd = fdInstall(file);
  if (!isErr(fd)) return fd;
  setFileUserfaultfd(file, NULL);
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

/** UFFDIO_UNREGISTER: ends that, and wakes whoever waits there. @returns as sysUffdRegister(), but EINVAL for EBUSY. */
export function sysUffdUnregister(args: UffdRangeArgs): 0 | Errno {
  enterSyscall();
  return withContext(args.fd, 'agreed', (ctx) => {
    const result = withMm(ctx, args, (mm, range) => userfaultfdUnregister(mm, ctx, range));
    // Nobody else will answer whoever waits there.
    if (!isErr(result)) userfaultfdWake(ctx, args.addr, args.addr + args.len);
    return result;
  });
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
