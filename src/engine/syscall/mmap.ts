/**
 * mmap(2): the checks, in the kernel's order; the mapping itself is vma/map.ts.
 *
 * Source: mm/mmap.c, ksys_mmap_pgoff(), do_mmap(), v6.18.
 */
import {
  EACCES,
  EAGAIN,
  EBADF,
  EEXIST,
  EINTR,
  EINVAL,
  ENODEV,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  type Errno,
  ETXTBSY,
  isErr,
  OK,
} from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import {
  isPageAligned,
  PAGE_SIZE,
  pageDown,
  pageUp,
  TASK_SIZE,
  ugt,
  type Ulong,
} from '../arena/units.ts';
import { mmPopulateIgnoringErrors } from '../fault/populate.ts';
import { fget } from '../file/fd_table.ts';
import { canMmapFile } from '../file/file_driver.ts';
import { fileInode, fput, isFileReadable, isFileWritable } from '../file/file_struct.ts';
import {
  F_SEAL_FUTURE_WRITE,
  F_SEAL_WRITE,
  I_APPEND,
  I_NOEXEC,
  I_SWAPFILE,
  inodeHas,
  inodeKind,
  inodeSeals,
} from '../file/inode.ts';
import { canDoMlock, mlockFutureOk } from '../mm/accounting.ts';
import type { MmWrite } from '../mm/held.ts';
import { mmDefFlags, mmMapCount } from '../mm/mm_struct.ts';
import { mmapWriteLockKillable, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import {
  mmapMinAddr,
  sysctlMaxMapCount,
  sysctlOvercommitMemory,
  sysctlTransparentHugepage,
} from '../mm/sysctl.ts';
import { hasPersonality, READ_IMPLIES_EXEC } from '../mm/task_struct.ts';
import { findVmaIntersection } from '../mm/vma_iterator.ts';
import {
  flagsOf,
  hasFlag,
  VM_DONTDUMP,
  VM_DROPPABLE,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NOHUGEPAGE,
  VM_NONE,
  VM_NORESERVE,
  VM_SHARED,
  VM_SYNC,
  VM_WIPEONFORK,
  type VmFlags,
  vmFlagsFromNumber,
  withFlags,
  withoutFlags,
} from '../mm/vm_flags.ts';
import type { File } from '../mm/vma_struct.ts';
import { LIMIT_MAP_COUNT, noteLimit } from '../trace/verdict.ts';
import { mmapRegion } from '../vma/map.ts';
import {
  LEGACY_MAP_MASK,
  MAP_ANONYMOUS,
  MAP_DROPPABLE,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGE_MASK,
  MAP_HUGE_SHIFT,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MAP_SYNC,
  MAP_TYPE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../vma/map_flags.ts';
import { getUnmappedArea } from '../vma/unmapped_area.ts';
import { userfaultfdDeliver } from '../vma/userfaultfd_events.ts';
import { enterSyscall } from './entry.ts';

export interface MmapArgs {
  readonly addr: Ulong;
  readonly len: Ulong;
  /** PROT_*; unknown bits are ignored. */
  readonly prot: number;
  /** MAP_* */
  readonly flags: number;
  /** Ignored with MAP_ANONYMOUS. */
  readonly fd: number;
  /** Bytes. */
  readonly offset: Ulong;
}

keepShape({
  addr: Infinity,
  len: Infinity,
  prot: 0,
  flags: Infinity,
  fd: 0,
  offset: Infinity,
} satisfies MmapArgs);

/** A mapping on its way through the checks. */
interface DoMmap {
  readonly mm: MmWrite;
  readonly file: File | Null;
  addr: number;
  /** Bytes; page aligned once checked. */
  len: number;
  prot: number;
  flags: number;
  /** Pages. */
  pgoff: number;
  vmFlags: VmFlags;
}

keepShape({
  mm: 0,
  file: 0,
  addr: Infinity,
  len: Infinity,
  prot: 0,
  flags: Infinity,
  pgoff: Infinity,
  vmFlags: Infinity,
});

/**
 * Maps a file or anonymous memory.
 *
 * @returns the address; EINVAL, EBADF, ENOMEM, EOVERFLOW, EEXIST, EPERM, EAGAIN,
 *   EACCES, EOPNOTSUPP, ETXTBSY, ENODEV, or a driver's error. See mmapRegion()
 *   for what a failure leaves of a mapping that was to be replaced.
 */
export function sysMmap(args: MmapArgs): number | Errno {
  const mm = enterSyscall();
  if (!isPageAligned(args.offset)) return EINVAL;
  const file = mmapFile(args);
  if (isErr(file)) return file;

  const locked = mmapWriteLockKillable(mm);
  if (locked === null) {
    if (file !== NULL) fput(file);
    return EINTR;
  }
  const map = describe(locked, file, args);
  const addr = doMmap(map);
  mmapWriteUnlock(locked);
  if (file !== NULL) fput(file);
  userfaultfdDeliver();
  if (!isErr(addr) && wantsPopulate(map)) {
    mmPopulateIgnoringErrors(mm, { start: addr, end: addr + map.len });
  }
  return addr;
}

/**
 * mmap of an open file, or of anonymous memory, for a caller who holds mmap_lock.
 *
 * @returns as sysMmap().
 *
 * Source: mm/mmap.c, do_mmap(), v6.18.
 */
export function mmapFileLocked(
  mm: MmWrite,
  file: File | Null,
  args: { start: number; size: number; prot: number; flags: number; pgoff: number },
): number | Errno {
  const { start, size, prot, flags, pgoff } = args;
  return doMmap({ mm, file, addr: start, len: size, prot, flags, pgoff, vmFlags: VM_NONE });
}

/** @returns the file to map with a reference of ours, NULL for anonymous memory, or an error. */
function mmapFile({ flags, fd }: MmapArgs): File | Null | Errno {
  if ((flags & MAP_ANONYMOUS) === 0) {
    const file = fget(fd);
    if (file === NULL) return EBADF;
    if ((flags & MAP_HUGETLB) === 0) return file;
    fput(file);
    return EINVAL;
  }
  if ((flags & MAP_HUGETLB) === 0) return NULL;
  const type = flags & MAP_TYPE;
  if (type === 0 || type > MAP_SHARED_VALIDATE) return EINVAL; // of the file that it would make
  // No huge pages are reserved: a size the machine has is out of memory, another is wrong.
  const size = (flags >>> MAP_HUGE_SHIFT) & MAP_HUGE_MASK;
  return size === 0 || size === 21 || size === 30 ? ENOMEM : EINVAL;
}

const describe = (mm: MmWrite, file: File | Null, args: MmapArgs): DoMmap => ({
  mm,
  file,
  addr: args.addr,
  len: args.len,
  prot: args.prot,
  flags: args.flags,
  pgoff: args.offset / PAGE_SIZE,
  vmFlags: VM_NONE,
});

function doMmap(map: DoMmap): number | Errno {
  const { mm } = map;
  if (map.len === 0) return EINVAL;
  if (impliesExec(map)) map.prot |= PROT_EXEC;
  const refused = checkLength(map);
  if (isErr(refused)) return refused;
  if (mmMapCount(mm) > sysctlMaxMapCount()) {
    noteLimit(LIMIT_MAP_COUNT, mmMapCount(mm) + 1, sysctlMaxMapCount());
    return ENOMEM;
  }
  map.vmFlags = calcVmFlags(map);

  const addr = findPlace(map);
  if (isErr(addr)) return addr;
  if ((map.flags & MAP_LOCKED) !== 0 && !canDoMlock()) return EPERM;
  if (!mlockFutureOk(mm, map.vmFlags, map.len)) return EAGAIN;

  map.addr = addr;
  const wrong = map.file === NULL ? checkAnonymous(map) : checkFile(map, map.file);
  if (isErr(wrong)) return wrong;
  if ((map.flags & MAP_NORESERVE) !== 0 && sysctlOvercommitMemory() !== 2) {
    map.vmFlags = withFlags(map.vmFlags, VM_NORESERVE);
  }
  const result = mmapRegion({
    mm,
    start: addr,
    end: addr + map.len,
    pgoff: map.pgoff,
    flags: map.vmFlags,
    file: map.file,
  });
  return isErr(result) ? result : addr;
}

const impliesExec = ({ prot, file }: DoMmap): boolean =>
  (prot & PROT_READ) !== 0 &&
  hasPersonality(READ_IMPLIES_EXEC) &&
  (file === NULL || !inodeHas(fileInode(file), I_NOEXEC));

function checkLength(map: DoMmap): 0 | Errno {
  const len = pageUp(map.len);
  if (len === 0) return ENOMEM;
  if (ugt(len, TASK_SIZE)) return ENOMEM;
  map.len = len;
  return OK;
}

const ALWAYS = flagsOf(VM_MAYREAD, VM_MAYWRITE, VM_MAYEXEC);

function calcVmFlags({ mm, prot, flags }: DoMmap): VmFlags {
  const access = vmFlagsFromNumber(prot & (PROT_READ | PROT_WRITE | PROT_EXEC));
  let vmFlags = withFlags(withFlags(access, ALWAYS), mmDefFlags(mm));
  if ((flags & MAP_GROWSDOWN) !== 0) vmFlags = withFlags(vmFlags, VM_GROWSDOWN);
  if ((flags & MAP_LOCKED) !== 0) vmFlags = withFlags(vmFlags, VM_LOCKED);
  if ((flags & MAP_SYNC) !== 0) vmFlags = withFlags(vmFlags, VM_SYNC);
  const isStack = (flags & MAP_STACK) !== 0 && sysctlTransparentHugepage();
  return isStack ? withFlags(vmFlags, VM_NOHUGEPAGE) : vmFlags;
}

/** @returns where the mapping goes; EEXIST when it may not replace what is there. */
function findPlace(map: DoMmap): number | Errno {
  const isNoreplace = (map.flags & MAP_FIXED_NOREPLACE) !== 0;
  const flags = isNoreplace ? map.flags | MAP_FIXED : map.flags;
  const hint = (flags & MAP_FIXED) === 0 ? roundHint(map.addr) : map.addr;
  // The last page of the 64-bit space looks like an error to the kernel, and is returned as one.
  if ((flags & MAP_FIXED) !== 0 && hint < 0 && hint > -PAGE_SIZE) return hint;
  // A word beyond the address space is as good as any other that is.
  const addr = ugt(hint, TASK_SIZE) ? TASK_SIZE + (isPageAligned(hint) ? PAGE_SIZE : 1) : hint;

  const area = getUnmappedArea({
    mm: map.mm,
    addr,
    len: map.len,
    pgoff: map.pgoff,
    flags,
    file: map.file,
  });
  if (isErr(area) || !isNoreplace) return area;
  return findVmaIntersection(map.mm, area, area + map.len) === NULL ? area : EEXIST;
}

/** A hint too low is raised to where mapping begins; one in the first page is no hint. */
function roundHint(addr: Ulong): Ulong {
  const hint = pageDown(addr);
  return hint > 0 && hint < mmapMinAddr() ? pageUp(mmapMinAddr()) : hint;
}

function checkAnonymous(map: DoMmap): 0 | Errno {
  const isGrowing = (map.flags & MAP_GROWSDOWN) !== 0;
  switch (map.flags & MAP_TYPE) {
    case MAP_SHARED:
      if (isGrowing) return EINVAL;
      map.pgoff = 0;
      map.vmFlags = withFlags(map.vmFlags, flagsOf(VM_SHARED, VM_MAYSHARE));
      return OK;
    case MAP_DROPPABLE:
      // Of what mlockall() locks it may be one: it is filled, and not locked.
      if ((map.flags & MAP_LOCKED) !== 0 || isGrowing) return EINVAL;
      map.vmFlags = withFlags(map.vmFlags, DROPPABLE);
      map.pgoff = map.addr / PAGE_SIZE;
      return OK;
    case MAP_PRIVATE:
      map.pgoff = map.addr / PAGE_SIZE;
      return OK;
    default:
      return EINVAL;
  }
}

const DROPPABLE = flagsOf(VM_DROPPABLE, VM_NORESERVE, VM_WIPEONFORK, VM_DONTDUMP);

/** Pages of the largest file: 2^63 - 1 bytes; a device is as large as offsets go. */
const MAX_FILE_PAGES = 2 ** 63 / PAGE_SIZE - 1;
const MAX_DEVICE_PAGES = 2 ** 64 / PAGE_SIZE - 1;

function checkFile(map: DoMmap, file: File): 0 | Errno {
  const isDevice = inodeKind(fileInode(file)) === 'zero';
  if (map.pgoff < 0) map.pgoff += 2 ** 64 / PAGE_SIZE; // offsets are unsigned
  const last = map.pgoff + map.len / PAGE_SIZE;
  if (last > (isDevice ? MAX_DEVICE_PAGES : MAX_FILE_PAGES)) return EOVERFLOW;
  const seals = inodeSeals(fileInode(file));
  switch (map.flags & MAP_TYPE) {
    case MAP_SHARED:
      map.flags &= LEGACY_MAP_MASK;
      return checkShared(map, file) || checkPrivate(map, file) || checkSeals(map, seals);
    case MAP_SHARED_VALIDATE:
      if ((map.flags & ~LEGACY_MAP_MASK) !== 0) return EOPNOTSUPP;
      return checkShared(map, file) || checkPrivate(map, file) || checkSeals(map, seals);
    case MAP_PRIVATE:
      return checkPrivate(map, file);
    default:
      return EINVAL;
  }
}

function checkShared(map: DoMmap, file: File): 0 | Errno {
  const inode = fileInode(file);
  if ((map.prot & PROT_WRITE) !== 0) {
    if (!isFileWritable(file)) return EACCES;
    if (inodeHas(inode, I_SWAPFILE)) return ETXTBSY;
  }
  if (inodeHas(inode, I_APPEND) && isFileWritable(file)) return EACCES;
  map.vmFlags = withFlags(map.vmFlags, flagsOf(VM_SHARED, VM_MAYSHARE));
  if (!isFileWritable(file)) {
    map.vmFlags = withoutFlags(map.vmFlags, flagsOf(VM_SHARED, VM_MAYWRITE));
  }
  return OK;
}

/** What shared and private mappings of a file have to meet. */
function checkPrivate(map: DoMmap, file: File): 0 | Errno {
  if (!isFileReadable(file)) return EACCES;
  if (inodeHas(fileInode(file), I_NOEXEC)) {
    if (hasFlag(map.vmFlags, VM_EXEC)) return EPERM;
    map.vmFlags = withoutFlags(map.vmFlags, VM_MAYEXEC);
  }
  if (!canMmapFile(file)) return ENODEV;
  return hasFlag(map.vmFlags, VM_GROWSDOWN) ? EINVAL : OK;
}

/** A memfd sealed against writing: no shared mapping may ever write. */
function checkSeals(map: DoMmap, seals: number): 0 | Errno {
  if ((seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) === 0) return OK;
  if (!hasFlag(map.vmFlags, VM_SHARED)) return OK;
  if ((map.prot & PROT_WRITE) !== 0) return EPERM;
  map.vmFlags = withoutFlags(map.vmFlags, VM_MAYWRITE);
  return OK;
}

function wantsPopulate({ flags, vmFlags }: DoMmap): boolean {
  if (hasFlag(vmFlags, VM_LOCKED)) return true;
  return (flags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE;
}
