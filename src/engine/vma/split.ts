/**
 * Splitting a VMA in two, and changing a part of one.
 *
 *   below  AAAAAA  ->  BBAAAA    the new VMA is the lower part
 *   above  AAAAAA  ->  AAAABB    the new VMA is the upper part
 *
 * Source: mm/vma.c, __split_vma(), split_vma(), vma_modify(), v6.18.
 */
import { NO_MARK_MODIFY, NO_MARK_SPLIT } from '#mutants';
import { assert } from '../arena/assert.ts';
import { ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { keepShape } from '../arena/shape.ts';
import { getFile } from '../file/file_struct.ts';
import { vmaMaySplit, vmaOpen } from '../file/vma_calls.ts';
import type { MmWrite, Vma, VmaHidden, VmaWrite } from '../mm/held.ts';
import { mmMapCount, setMmMapCount } from '../mm/mm_struct.ts';
import { mmapAssertWriteLocked } from '../mm/mmap_lock.ts';
import { sysctlMaxMapCount } from '../mm/sysctl.ts';
import { vmAreaDup, vmAreaFree } from '../mm/vma_alloc.ts';
import {
  vmaIterator,
  vmaIterConfig,
  vmaIterFree,
  vmaIterPrealloc,
  vmaIterStore,
} from '../mm/vma_iterator.ts';
import { vmaMarkAttached, vmaStartWrite, vmaUnmarked } from '../mm/vma_lock.ts';
import { hasFlag, VM_STICKY, type VmFlags, withFlags } from '../mm/vm_flags.ts';
import {
  setVmFile,
  setVmFlags,
  setVmPgoff,
  setVmRange,
  vmEnd,
  vmFile,
  vmFlags,
  vmPgoff,
  vmStart,
} from '../mm/vma_struct.ts';
import { anonVmaClone } from '../rmap/anon_vma.ts';
import { noteChange, SPLIT_ABOVE, SPLIT_BELOW } from '../trace/changes.ts';
import { countEvent, VMA_SPLIT } from '../trace/counters.ts';
import { LIMIT_MAP_COUNT, noteLimit } from '../trace/verdict.ts';
import { vmaMergeExistingRange } from './merge.ts';
import { vmaComplete, vmaPrepare } from './prepare.ts';
import type { VmaMerge } from './vma_merge.ts';

/** Which part of a split is the new VMA. */
export type SplitSide = 'below' | 'above';

keepShape({ addr: Infinity, side: 'below' });

/** @returns ENOMEM when the process has as many VMAs as it may; else as splitVmaUnchecked(). */
export function splitVma(mm: MmWrite, vma: Vma, at: { addr: number; side: SplitSide }): 0 | Errno {
  if (mmMapCount(mm) >= sysctlMaxMapCount()) {
    noteLimit(LIMIT_MAP_COUNT, mmMapCount(mm) + 1, sysctlMaxMapCount());
    return ENOMEM;
  }
  return splitVmaUnchecked(mm, vma, at);
}

/**
 * Splits without asking about vm.max_map_count: munmap may go over it for a moment.
 *
 * @returns the driver's refusal, or ENOMEM; then nothing has changed.
 */
export function splitVmaUnchecked(
  mm: MmWrite,
  vma: Vma,
  at: { addr: number; side: SplitSide },
): 0 | Errno {
  mmapAssertWriteLocked(mm);
  assert(at.addr > vmStart(vma), 'both parts of a split have pages');
  assert(at.addr < vmEnd(vma), 'both parts of a split have pages');
  const refused = vmaMaySplit(vma, at.addr);
  if (refused !== OK) return refused;

  const part = vmAreaDup(vma);
  if (part === NULL) return ENOMEM;
  setPart(part, vma, at);

  const vmi = vmaIterator(mm, vmStart(part));
  vmaIterConfig(vmi, vmStart(part), vmEnd(part));
  if (vmaIterPrealloc(vmi, part) !== OK) {
    vmAreaFree(part);
    return ENOMEM;
  }
  if (anonVmaClone(part, vma) !== OK) {
    vmaIterFree(vmi);
    vmAreaFree(part);
    return ENOMEM;
  }

  // Nothing below can fail.
  const file = vmFile(part);
  setVmFile(part, file === NULL ? NULL : getFile(file));
  vmaOpen(part);
  const rest = NO_MARK_SPLIT ? vmaUnmarked(vma) : vmaStartWrite(mm, vma);
  vmaStartWrite(mm, part);
  const vp = vmaPrepare({
    mm,
    vma: rest,
    adjust: NULL,
    insert: part,
    removedMiddle: NULL,
    removedNext: NULL,
    inode: NULL,
    family: NULL,
  });
  cutOff(vp.vma, at);
  vmaMarkAttached(part);
  vmaIterStore(vmi, part);
  setMmMapCount(mm, mmMapCount(mm) + 1);
  vmaComplete(vp);
  countEvent(VMA_SPLIT);
  noteChange(at.side === 'below' ? SPLIT_BELOW : SPLIT_ABOVE);
  return OK;
}

function setPart(part: VmaHidden, vma: Vma, at: { addr: number; side: SplitSide }): void {
  if (at.side === 'below') return setVmRange(part, vmStart(vma), at.addr);
  setVmPgoff(part, vmPgoff(vma) + (at.addr - vmStart(vma)) / 4096);
  setVmRange(part, at.addr, vmEnd(vma));
}

function cutOff(rest: VmaHidden, at: { addr: number; side: SplitSide }): void {
  if (at.side === 'above') return setVmRange(rest, vmStart(rest), at.addr);
  setVmPgoff(rest, vmPgoff(rest) + (at.addr - vmStart(rest)) / 4096);
  setVmRange(rest, at.addr, vmEnd(rest));
}

/**
 * Makes the range of a modification one VMA, by merging it with a neighbour that
 * already has the new attributes, or by splitting it off.
 *
 * When the second of two splits fails the first one stays, as in Linux.
 *
 * @returns the VMA that covers exactly the range, or more after a merge; ENOMEM.
 *
 * Source: mm/vma.c, vma_modify(), v6.18.
 */
export function vmaModify(vmg: VmaMerge): VmaWrite | Errno {
  const merged = vmaMergeExistingRange(vmg);
  if (merged !== NULL) return vmaStartWrite(vmg.mm, merged);
  if (vmg.state === 'nomem') return ENOMEM;

  const vma = vmg.middle;
  assert(vma !== NULL, 'a modification has a VMA');
  if (vmStart(vma) < vmg.start) {
    const refused = splitVma(vmg.mm, vma, { addr: vmg.start, side: 'below' });
    if (isErr(refused)) return refused;
  }
  if (vmEnd(vma) > vmg.end) {
    const refused = splitVma(vmg.mm, vma, { addr: vmg.end, side: 'above' });
    if (isErr(refused)) return refused;
  }
  return NO_MARK_MODIFY ? vmaUnmarked(vma) : vmaStartWrite(vmg.mm, vma);
}

/** vmaModify() for new flags, which are then set; what is sticky stays. */
export function vmaModifyFlags(vmg: VmaMerge, flags: VmFlags): VmaWrite | Errno {
  vmg.flags = flags;
  const vma = vmaModify(vmg);
  if (isErr(vma)) return vma;
  setVmFlags(vma, hasFlag(vmFlags(vma), VM_STICKY) ? withFlags(flags, VM_STICKY) : flags);
  return vma;
}
