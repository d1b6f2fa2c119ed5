/**
 * mremap(2): grows, shrinks and moves mappings.
 *
 *   at    addr ──[ old ]            shrink: unmap the tail; grow: in place, or move
 *   to    addr ──[ old ]──> new_addr (MREMAP_FIXED: what is there goes first)
 *   move  many VMAs, gaps included, when only their place changes
 *
 * Source: mm/mremap.c, v6.18.
 */
import { NO_MARK_MREMAP } from '#mutants';
import {
  EAGAIN,
  EFAULT,
  EINTR,
  EINVAL,
  ENOMEM,
  EPERM,
  type Errno,
  isErr,
  OK,
} from '../arena/errno.ts';
import { assert } from '../arena/assert.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { isPageAligned, PAGE_SIZE, pageUp, TASK_SIZE, ugt } from '../arena/units.ts';
import { mmPopulateIgnoringErrors } from '../fault/populate.ts';
import { fileInode } from '../file/file_struct.ts';
import { inodeKind } from '../file/inode.ts';
import { vmaMaySplit } from '../file/vma_calls.ts';
import {
  addLockedVm,
  chargeMemory,
  mayExpandVm,
  mlockFutureOk,
  unchargeMemory,
  vmStatAccount,
} from '../mm/accounting.ts';
import type { Mm, MmWrite, Vma } from '../mm/held.ts';
import { mmMapCount } from '../mm/mm_struct.ts';
import { mmapWriteLockKillable, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { sysctlMaxMapCount } from '../mm/sysctl.ts';
import { findVmaIntersection, vmaFind, vmaIterator, vmaLookup } from '../mm/vma_iterator.ts';
import { vmaStartWrite, vmaUnmarked } from '../mm/vma_lock.ts';
import {
  flagsOf,
  hasFlag,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_MAYSHARE,
  VM_PFNMAP,
  VM_SEALED,
  VM_SHARED,
  withFlags,
  withoutFlags,
} from '../mm/vm_flags.ts';
import {
  setVmFlags,
  vmEnd,
  vmFile,
  vmFlags,
  vmPgoff,
  vmSize,
  vmStart,
  vmUserfaultfdCtx,
} from '../mm/vma_struct.ts';
import { movePageTables } from '../page/move_pages.ts';
import { unlinkAnonVmas } from '../rmap/anon_vma.ts';
import { iMmapLockWrite, iMmapUnlockWrite } from '../rmap/i_mmap.ts';
import { LIMIT_MAP_COUNT, noteLimit } from '../trace/verdict.ts';
import { copyVma, vmaMergeExtend } from '../vma/copy.ts';
import {
  MAP_FIXED,
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
} from '../vma/map_flags.ts';
import { getUnmappedArea } from '../vma/unmapped_area.ts';
import {
  userfaultfdDeliverRemap,
  userfaultfdFollows,
  userfaultfdPrepared,
  userfaultfdRemapComplete,
  userfaultfdRemapPrep,
} from '../vma/userfaultfd_events.ts';
import type { ByteRange } from '../vma/vma_merge.ts';
import { enterSyscall } from './entry.ts';
import { munmapLocked } from './munmap.ts';
import { describeRemap, type MremapArgs, type RemapType, type VmaRemap } from './vma_remap.ts';

/**
 * Changes the length of a mapping, its place, or both.
 *
 * @returns the new address; EINVAL, EFAULT for what is not one mapping, EPERM for
 *   sealed memory, EAGAIN over RLIMIT_MEMLOCK, ENOMEM. With MREMAP_FIXED over
 *   several VMAs, those before a failure have been moved.
 */
export function sysMremap(args: MremapArgs): number | Errno {
  const mm = enterSyscall();
  const refused = checkParams(mm, args);
  if (isErr(refused)) return refused;
  const locked = mmapWriteLockKillable(mm);
  if (locked === null) return EINTR;
  const vrm = describeRemap(locked, args);
  const result = remap(vrm);
  if (!vrm.isUnlocked) mmapWriteUnlock(locked);
  userfaultfdDeliverRemap({ early: vrm.earlyEvents, hasFailed: isErr(result) });
  if (!isErr(result) && vrm.populates) {
    mmPopulateIgnoringErrors(mm, { start: result + vrm.oldLen, end: result + vrm.newLen });
  }
  return result;
}

const KNOWN = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

/** What needs no lock. Source: mm/mremap.c, check_mremap_params(), v6.18. */
function checkParams(mm: Mm, args: MremapArgs): 0 | Errno {
  const newLen = pageUp(args.newLen);
  if (args.flags !== (args.flags & KNOWN)) return EINVAL;
  if (!isPageAligned(args.addr) || newLen === 0) return EINVAL;
  if (ugt(newLen, TASK_SIZE)) return EINVAL;
  return impliesNewAddr(args) ? checkNewAddr(mm, args) : OK;
}

function checkNewAddr(mm: Mm, args: MremapArgs): 0 | Errno {
  const { flags, addr, newAddr } = args;
  const [oldLen, newLen] = [pageUp(args.oldLen), pageUp(args.newLen)];
  if (ugt(newAddr, TASK_SIZE - newLen) || !isPageAligned(newAddr)) return EINVAL;
  if ((flags & MREMAP_MAYMOVE) === 0) return EINVAL;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && oldLen !== newLen) return EINVAL;
  const overlaps = ugt(addr + oldLen, newAddr) && ugt(newAddr + newLen, addr);
  if (overlaps) return EINVAL;
  return hasHeadroom(mm, 2) ? OK : ENOMEM;
}

/** A move may split at both ends twice over: some VMAs must be left. */
function hasHeadroom(mm: Mm, more: number): boolean {
  const limit = sysctlMaxMapCount() - 3;
  if (mmMapCount(mm) + more < limit) return true;
  noteLimit(LIMIT_MAP_COUNT, mmMapCount(mm) + more, limit);
  return false;
}

const impliesNewAddr = ({ flags }: Pick<VmaRemap, 'flags'>): boolean =>
  (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0;

function remap(vrm: VmaRemap): number | Errno {
  const onlyMoves = (vrm.flags & MREMAP_FIXED) !== 0 && vrm.oldLen === vrm.newLen;
  if (onlyMoves) return remapMove(vrm);
  vrm.vma = lookup(vrm);
  const refused = checkPrepVma(vrm);
  if (isErr(refused)) return refused;
  return impliesNewAddr(vrm) ? mremapTo(vrm) : mremapAt(vrm);
}

/** Words beyond the address space hold no VMA. */
const lookup = ({ mm, addr }: VmaRemap): Vma | Null => (addr < 0 ? NULL : vmaLookup(mm, addr));

const UNMOVABLE = flagsOf(VM_DONTEXPAND, VM_PFNMAP);
const SHARED = flagsOf(VM_SHARED, VM_MAYSHARE);

/** Source: mm/mremap.c, check_prep_vma(), v6.18. */
function checkPrepVma(vrm: VmaRemap): 0 | Errno {
  const { mm, vma, newLen } = vrm;
  if (vma === NULL) return EFAULT;
  const flags = vmFlags(vma);
  if (hasFlag(flags, VM_SEALED)) return EPERM;
  vrm.type = remapType(vrm);
  if (vrm.type !== 'expand' && !impliesNewAddr(vrm)) return OK;

  if (vrm.oldLen === 0 && !hasFlag(flags, SHARED)) return EINVAL;
  if ((vrm.flags & MREMAP_DONTUNMAP) !== 0 && hasFlag(flags, UNMOVABLE)) return EINVAL;
  const oldLen = vrm.type === 'shrink' ? newLen : vrm.oldLen;
  if (ugt(oldLen, vmEnd(vma) - vrm.addr)) return EFAULT;
  if (newLen === oldLen) return OK;

  vrm.populates = hasFlag(flags, VM_LOCKED);
  if (hasFlag(flags, UNMOVABLE)) return EFAULT;
  const delta = newLen - vrm.oldLen;
  if (!mlockFutureOk(mm, flags, delta)) return EAGAIN;
  return mayExpandVm(mm, flags, delta / PAGE_SIZE) ? OK : ENOMEM;
}

function remapType({ oldLen, newLen }: VmaRemap): RemapType {
  if (oldLen === newLen) return 'no-resize';
  return ugt(oldLen, newLen) ? 'shrink' : 'expand';
}

function mremapAt(vrm: VmaRemap): number | Errno {
  if (vrm.type === 'no-resize') return vrm.addr;
  return vrm.type === 'shrink' ? shrinkVma(vrm, 'unlock') : expandVma(vrm);
}

/** Unmaps the tail, whatever is mapped there. */
function shrinkVma(vrm: VmaRemap, after: 'unlock' | 'keep'): number | Errno {
  const tail = { addr: vrm.addr + vrm.newLen, len: vrm.oldLen - vrm.newLen };
  const result = munmapLocked(vrm.mm, tail, after);
  if (isErr(result)) return result;
  vrm.isUnlocked = after === 'unlock';
  return vrm.addr;
}

function expandVma(vrm: VmaRemap): number | Errno {
  if (canExpandInPlace(vrm)) return expandInPlace(vrm);
  if ((vrm.flags & MREMAP_MAYMOVE) === 0) return ENOMEM;
  vrm.newAddr = 0;
  const refused = setNewAddr(vrm);
  return isErr(refused) ? refused : moveVma(vrm);
}

function canExpandInPlace(vrm: VmaRemap): boolean {
  const vma = vmaOf(vrm);
  const end = vmEnd(vma) + vrm.newLen - vrm.oldLen;
  if (vrm.addr + vrm.oldLen !== vmEnd(vma) || end > TASK_SIZE) return false;
  return findVmaIntersection(vrm.mm, vmEnd(vma), end) === NULL;
}

function expandInPlace(vrm: VmaRemap): number | Errno {
  const vma = vmaOf(vrm);
  if (isErr(charge(vrm))) return ENOMEM;
  const flags = vmFlags(vma);
  const delta = vrm.newLen - vrm.oldLen;
  if (vmaMergeExtend(vrm.mm, vma, delta) === NULL) {
    unchargeMemory(vrm.charged);
    return ENOMEM;
  }
  account(vrm.mm, flags, delta / PAGE_SIZE);
  return vrm.addr;
}

function account(mm: MmWrite, flags: ReturnType<typeof vmFlags>, pages: number): void {
  vmStatAccount(mm, flags, pages);
  if (hasFlag(flags, VM_LOCKED)) addLockedVm(mm, pages);
}

/** What stays mapped keeps its charge; what is new is charged. */
function charge(vrm: VmaRemap): 0 | Errno {
  if (!hasFlag(vmFlags(vmaOf(vrm)), VM_ACCOUNT)) return OK;
  const isCopy = (vrm.flags & MREMAP_DONTUNMAP) !== 0;
  const pages = (isCopy ? vrm.newLen : vrm.newLen - vrm.oldLen) / PAGE_SIZE;
  if (chargeMemory(vrm.mm, pages) !== OK) return ENOMEM;
  vrm.charged = pages;
  return OK;
}

/** Source: mm/mremap.c, mremap_to(), v6.18. */
function mremapTo(vrm: VmaRemap): number | Errno {
  const { mm } = vrm;
  if ((vrm.flags & MREMAP_FIXED) !== 0) {
    const refused = munmapLocked(mm, { addr: vrm.newAddr, len: vrm.newLen }, 'keep');
    vrm.earlyEvents = userfaultfdPrepared();
    if (isErr(refused)) return refused;
    vrm.vma = lookup(vrm); // the destination may have been a part of the source's VMA
    if (vrm.vma === NULL) return EFAULT;
  }
  if (vrm.type === 'shrink') {
    const shrunk = shrinkVma(vrm, 'keep');
    if (isErr(shrunk)) return shrunk;
    // Linux asks for the charge of what was just unmapped, and can be refused it.
    const delta = (vrm.oldLen - vrm.newLen) / PAGE_SIZE;
    vrm.oldLen = vrm.newLen;
    vrm.vma = lookup(vrm);
    if (hasFlag(vmFlags(vmaOf(vrm)), VM_ACCOUNT)) {
      if (chargeMemory(mm, delta) !== OK) return ENOMEM;
      unchargeMemory(delta);
    }
  }
  const isCopy = (vrm.flags & MREMAP_DONTUNMAP) !== 0;
  if (isCopy && !mayExpandVm(mm, vmFlags(vmaOf(vrm)), vrm.oldLen / PAGE_SIZE)) return ENOMEM;
  const refused = setNewAddr(vrm);
  return isErr(refused) ? refused : moveVma(vrm);
}

function setNewAddr(vrm: VmaRemap): 0 | Errno {
  const vma = vmaOf(vrm);
  const fixed = (vrm.flags & MREMAP_FIXED) !== 0 ? MAP_FIXED : 0;
  const shared = hasFlag(vmFlags(vma), VM_MAYSHARE) ? MAP_SHARED : 0;
  const area = getUnmappedArea({
    mm: vrm.mm,
    addr: vrm.newAddr,
    len: vrm.newLen,
    pgoff: sourcePgoff(vrm),
    flags: fixed | shared,
    file: vmFile(vma),
  });
  if (isErr(area)) return area;
  vrm.newAddr = area;
  return OK;
}

const sourcePgoff = (vrm: VmaRemap): number =>
  vmPgoff(vmaOf(vrm)) + (vrm.addr - vmStart(vmaOf(vrm))) / PAGE_SIZE;

/** Source: mm/mremap.c, move_vma(), v6.18. */
function moveVma(vrm: VmaRemap): number | Errno {
  const refused = prepareMove(vrm);
  if (isErr(refused)) return refused;
  const { mm, newAddr, newLen } = vrm;
  const source = NO_MARK_MREMAP ? vmaUnmarked(vmaOf(vrm)) : vmaStartWrite(mm, vmaOf(vrm));
  const flags = vmFlags(source);
  const range = { start: newAddr, end: newAddr + newLen };
  const copy = copyVma(mm, { source, range, pgoff: sourcePgoff(vrm) });
  if (isErrno(copy)) {
    unchargeMemory(vrm.charged);
    return copy;
  }
  vrm.vma = copy.source;
  account(mm, flags, newLen / PAGE_SIZE);
  if (isErr(movePages(vrm))) return removeCopy(vrm, flags);
  userfaultfdRemapComplete(mm, copy.vma);
  if ((vrm.flags & MREMAP_DONTUNMAP) !== 0) completeDontUnmap(vrm, copy.vma);
  else unmapSource(vrm);
  return newAddr;
}

/**
 * Moves the pages, all or none. A walk of the file's mappings could pass the destination
 * before and the source after the move, so it is kept out.
 */
function movePages(vrm: VmaRemap): 0 | Errno {
  const { mm, addr, newAddr } = vrm;
  const file = vmFile(vmaOf(vrm));
  const len = Math.min(vrm.oldLen, vrm.newLen);
  if (file !== NULL) iMmapLockWrite(fileInode(file));
  const dropsUffdWp = !userfaultfdFollows(vmaOf(vrm));
  const moved = movePageTables(mm, { from: addr, to: newAddr, len, dropsUffdWp });
  if (moved < len) {
    movePageTables(mm, { from: newAddr, to: addr, len: moved, dropsUffdWp: false });
  }
  if (file !== NULL) iMmapUnlockWrite(fileInode(file));
  return moved < len ? ENOMEM : OK;
}

const isErrno = (copy: object | Errno): copy is Errno => typeof copy === 'number';

function prepareMove(vrm: VmaRemap): 0 | Errno {
  const vma = vmaOf(vrm);
  if (!hasHeadroom(vrm.mm, 0)) return ENOMEM;
  const cuts = vmStart(vma) !== vrm.addr || vmEnd(vma) !== vrm.addr + vrm.oldLen;
  const refused = cuts ? mayCutSource(vrm, vma) : OK;
  if (isErr(refused)) return refused;
  const { addr, newAddr, oldLen } = vrm;
  const untold = userfaultfdRemapPrep(vma, { from: addr, to: newAddr, len: oldLen });
  return isErr(untold) ? untold : charge(vrm);
}

/** The driver is asked about each end that lies inside the VMA. */
function mayCutSource({ addr, oldLen }: VmaRemap, vma: Vma): 0 | Errno {
  const refused = vmStart(vma) === addr ? OK : vmaMaySplit(vma, addr);
  if (isErr(refused) || vmEnd(vma) === addr + oldLen) return refused;
  return vmaMaySplit(vma, addr + oldLen);
}

/**
 * The source stays, without its pages. Its lock marks go from the whole of it
 * while locked_vm keeps counting them, as in Linux.
 */
function completeDontUnmap(vrm: VmaRemap, copy: Vma): void {
  const source = vmaStartWrite(vrm.mm, vmaOf(vrm));
  setVmFlags(source, withoutFlags(vmFlags(source), VM_LOCKED_MASK));
  if (vrm.newLen === vmSize(source) && copy !== source) unlinkAnonVmas(source);
}

/** The charge moved along with the pages, so it is hidden from the unmapping. */
function unmapSource(vrm: VmaRemap): void {
  const { mm, addr, oldLen } = vrm;
  if (oldLen === 0) return;
  const source = vmaStartWrite(mm, vmaOf(vrm));
  const whole = { start: vmStart(source), end: vmEnd(source) };
  const isCharged = hasFlag(vmFlags(source), VM_ACCOUNT);
  if (isCharged) setVmFlags(source, withoutFlags(vmFlags(source), VM_ACCOUNT));

  const result = munmapLocked(mm, { addr, len: oldLen }, 'keep');
  if (!isCharged) return;
  // Without memory to split, the source stays mapped as well, and is charged anew.
  if (isErr(result)) unchargeMemory(-oldLen / PAGE_SIZE);
  setAccount(mm, whole);
}

/** What is left of a source is charged again. */
function setAccount(mm: MmWrite, { start, end }: ByteRange): void {
  const vmi = vmaIterator(mm, start);
  for (let vma = vmaFind(vmi, end); vma !== NULL; vma = vmaFind(vmi, end)) {
    setVmFlags(vmaStartWrite(mm, vma), withFlags(vmFlags(vma), VM_ACCOUNT));
  }
}

/** The copy goes again; all that its unmapping uncharges but `charged` is still the source's. */
function removeCopy(vrm: VmaRemap, flags: ReturnType<typeof vmFlags>): Errno {
  const { mm, newAddr, newLen, charged } = vrm;
  munmapLocked(mm, { addr: newAddr, len: newLen }, 'keep');
  if (hasFlag(flags, VM_ACCOUNT)) unchargeMemory(charged - newLen / PAGE_SIZE);
  return ENOMEM;
}

/**
 * Moves every VMA of the range, keeping the gaps between them.
 *
 * Source: mm/mremap.c, remap_move(), v6.18.
 */
function remapMove(vrm: VmaRemap): number | Errno {
  const start = vrm.addr;
  const end = start + vrm.oldLen;
  const shift = vrm.newAddr - start;
  if (start < 0) return EFAULT;
  let isFirst = true;
  let vma = findVmaIntersection(vrm.mm, start, end);
  if (vma === NULL) return EFAULT;

  for (let at = start; vma !== NULL; vma = findVmaIntersection(vrm.mm, at, end)) {
    if (isFirst && vmStart(vma) > start) return EFAULT;
    const isAlone = isFirst && vmEnd(vma) >= end;
    if (!isAlone && !allowsMulti(vma)) return EFAULT;
    aim(vrm, vma, { from: Math.max(vmStart(vma), start), until: Math.min(vmEnd(vma), end), shift });
    at = vrm.addr + vrm.oldLen;

    const refused = checkPrepVma(vrm);
    const moved = isErr(refused) ? refused : mremapTo(vrm);
    if (isErr(moved)) return moved;
    isFirst = false;
    if (at >= end) break;
  }
  return start + shift;
}

function aim(
  vrm: VmaRemap,
  vma: Vma,
  { from, until, shift }: { from: number; until: number; shift: number },
): void {
  vrm.vma = vma;
  vrm.addr = from;
  vrm.oldLen = until - from;
  vrm.newLen = until - from;
  vrm.newAddr = from + shift;
  vrm.charged = 0;
}

/** A file that chooses addresses itself cannot be moved as part of a group. */
function allowsMulti(vma: Vma): boolean {
  if (vmUserfaultfdCtx(vma) !== NULL) return false;
  const file = vmFile(vma);
  return file === NULL || inodeKind(fileInode(file)) !== 'zero';
}

function vmaOf({ vma }: VmaRemap): Vma {
  assert(vma !== NULL, 'a remapping has looked its VMA up');
  return vma;
}
