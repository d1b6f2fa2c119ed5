/**
 * Growing a VMA where it stands: stacks downwards, and the heap.
 *
 * Source: mm/vma.c, expand_downwards(), do_brk_flags(), v6.18.
 */
import { NO_MARK_EXPAND } from '#mutants';
import { ENOMEM, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import {
  addLockedVm,
  chargeMemory,
  mayExpandVm,
  mlockFutureOk,
  unchargeMemory,
  vmStatAccount,
} from '../mm/accounting.ts';
import type { MmWrite, Vma } from '../mm/held.ts';
import {
  MMF_VM_MERGE_ANY,
  mmDefFlags,
  mmHasFlag,
  mmMapCount,
  mmStartBrk,
} from '../mm/mm_struct.ts';
import { mmapMinAddr, stackGuardGap, sysctlMaxMapCount } from '../mm/sysctl.ts';
import { hasPersonality, READ_IMPLIES_EXEC, rlimit, RLIMIT_STACK } from '../mm/task_struct.ts';
import { vmAreaAlloc } from '../mm/vma_alloc.ts';
import {
  vmaIterator,
  vmaIterConfig,
  vmaIterFree,
  vmaIterPrealloc,
  vmaIterStore,
  vmaPrev,
} from '../mm/vma_iterator.ts';
import { vmaStartWrite, vmaUnmarked } from '../mm/vma_lock.ts';
import {
  flagsOf,
  hasFlag,
  VM_ACCESS_FLAGS,
  VM_ACCOUNT,
  VM_DATA_DEFAULT_FLAGS,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_MERGEABLE,
  type VmFlags,
  withFlags,
} from '../mm/vm_flags.ts';
import {
  setVmFlags,
  setVmPgoff,
  setVmRange,
  vmEnd,
  vmFlags,
  vmPgoff,
  vmStart,
} from '../mm/vma_struct.ts';
import { anonVmaPrepare } from '../rmap/anon_vma.ts';
import { GROWN_DOWN, noteChange } from '../trace/changes.ts';
import { LIMIT_MAP_COUNT, LIMIT_MIN_ADDR, LIMIT_STACK, noteLimit } from '../trace/verdict.ts';
import { vmaMergeNewRange } from './merge.ts';
import { insertVma } from './link.ts';
import { initVmaPrep, vmaComplete, vmaPrepare } from './prepare.ts';
import { type ByteRange, vmgForNewRange } from './vma_merge.ts';

/**
 * Grows a stack down to `address`, which is page aligned and below it.
 *
 * @returns EPERM below vm.mmap_min_addr; ENOMEM within the guard gap of an
 *   accessible mapping, over a limit, or without memory. Then nothing has changed.
 */
export function expandDownwards(mm: MmWrite, vma: Vma, address: number): 0 | Errno {
  if (address < mmapMinAddr()) {
    noteLimit(LIMIT_MIN_ADDR, address, mmapMinAddr());
    return EPERM;
  }
  if (isGuarded(mm, vma, address)) return ENOMEM;
  const grow = (vmStart(vma) - address) / 4096;
  if (grow > vmPgoff(vma)) return ENOMEM;

  const vmi = vmaIterator(mm, address);
  vmaIterConfig(vmi, address, vmEnd(vma));
  if (vmaIterPrealloc(vmi, vma) !== OK) return ENOMEM;
  if (anonVmaPrepare(mm, vma) !== OK || acctStackGrowth(mm, vma, grow) !== OK) {
    vmaIterFree(vmi);
    return ENOMEM;
  }

  // Nothing below can fail.
  const marked = NO_MARK_EXPAND ? vmaUnmarked(vma) : vmaStartWrite(mm, vma);
  const vp = vmaPrepare(initVmaPrep(mm, marked));
  const stack = vp.vma;
  if (hasFlag(vmFlags(stack), VM_LOCKED)) addLockedVm(mm, grow);
  vmStatAccount(mm, vmFlags(stack), grow);
  setVmPgoff(stack, vmPgoff(stack) - grow);
  setVmRange(stack, address, vmEnd(stack));
  vmaIterStore(vmi, stack);
  vmaComplete(vp);
  noteChange(GROWN_DOWN);
  return OK;
}

/** Other stacks and inaccessible memory may be approached; anything else keeps its distance. */
function isGuarded(mm: MmWrite, vma: Vma, address: number): boolean {
  const prev = vmaPrev(vmaIterator(mm, vmStart(vma)));
  if (prev === NULL || hasFlag(vmFlags(prev), VM_GROWSDOWN)) return false;
  if (!hasFlag(vmFlags(prev), VM_ACCESS_FLAGS)) return false;
  return address - vmEnd(prev) < stackGuardGap();
}

/** Source: mm/vma.c, acct_stack_growth(), v6.18. */
function acctStackGrowth(mm: MmWrite, vma: Vma, grow: number): 0 | Errno {
  if (!mayExpandVm(mm, vmFlags(vma), grow)) return ENOMEM;
  const size = vmEnd(vma) - vmStart(vma) + grow * 4096;
  if (size > rlimit(RLIMIT_STACK)) {
    noteLimit(LIMIT_STACK, size, rlimit(RLIMIT_STACK));
    return ENOMEM;
  }
  if (!mlockFutureOk(mm, vmFlags(vma), grow * 4096)) return ENOMEM;
  const charged = chargeMemory(mm, grow);
  // Linux charges growth even of what is never uncharged; here it must only be possible.
  if (charged === OK && !hasFlag(vmFlags(vma), VM_ACCOUNT)) unchargeMemory(grow);
  return charged;
}

const BRK_FLAGS = flagsOf(VM_DATA_DEFAULT_FLAGS, VM_ACCOUNT);

/** What brk() maps: executable too under the old personality. */
export const brkFlags = (): VmFlags =>
  hasPersonality(READ_IMPLIES_EXEC) ? withFlags(BRK_FLAGS, VM_EXEC) : BRK_FLAGS;

/**
 * Maps anonymous memory over a free range, or lengthens what ends at its start.
 *
 * @returns ENOMEM over a limit or without memory; then nothing has changed.
 *
 * Source: mm/vma.c, do_brk_flags(), v6.18.
 */
export function doBrkFlags(mm: MmWrite, range: ByteRange, flags: VmFlags): 0 | Errno {
  const pages = (range.end - range.start) / 4096;
  let heapFlags = withFlags(flags, mmDefFlags(mm));
  if (mmHasFlag(mm, MMF_VM_MERGE_ANY)) heapFlags = withFlags(heapFlags, VM_MERGEABLE);
  if (!mayExpandVm(mm, heapFlags, pages)) return ENOMEM;
  if (mmMapCount(mm) > sysctlMaxMapCount()) {
    noteLimit(LIMIT_MAP_COUNT, mmMapCount(mm) + 1, sysctlMaxMapCount());
    return ENOMEM;
  }
  if (chargeMemory(mm, pages) !== OK) return ENOMEM;

  if (isErr(growOrMap(mm, range, heapFlags))) {
    unchargeMemory(pages);
    return ENOMEM;
  }
  vmStatAccount(mm, heapFlags, pages);
  if (hasFlag(heapFlags, VM_LOCKED)) addLockedVm(mm, pages);
  return OK;
}

function growOrMap(mm: MmWrite, range: ByteRange, flags: VmFlags): 0 | Errno {
  // What ends where the heap begins, such as a program's zeroed data, stays apart from it.
  if (range.start <= mmStartBrk(mm)) return insertAnonymous(mm, range, flags);
  const pgoff = range.start / 4096;
  const vmg = vmgForNewRange(mm, { ...range, pgoff, flags, file: NULL });
  vmg.justExpand = true;
  if (vmaMergeNewRange(vmg) !== NULL) return OK;
  if (vmg.state === 'nomem') return ENOMEM;
  return insertAnonymous(mm, range, flags);
}

/** Puts a new anonymous VMA over a free range; accounting is the caller's. @returns 0 or ENOMEM. */
export function insertAnonymous(mm: MmWrite, range: ByteRange, flags: VmFlags): 0 | Errno {
  const vma = vmAreaAlloc(mm);
  if (vma === NULL) return ENOMEM;
  setVmRange(vma, range.start, range.end);
  setVmPgoff(vma, range.start / 4096);
  setVmFlags(vma, flags);
  return insertVma(mm, vma);
}
