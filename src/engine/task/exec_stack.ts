/**
 * The stack at its final place, with its final flags, and longer than what is on it by 128 KiB.
 *
 * Source: fs/exec.c, setup_arg_pages(), v6.18.
 */
import { EFAULT, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE } from '../arena/units.ts';
import type { MmWrite, Vma } from '../mm/held.ts';
import { mmDefFlags, setMmLayout } from '../mm/mm_struct.ts';
import { mmapMinAddr } from '../mm/sysctl.ts';
import { vmaLookup } from '../mm/vma_iterator.ts';
import { vmaStartWrite } from '../mm/vma_lock.ts';
import { VM_EXEC, withFlags, withoutFlags } from '../mm/vm_flags.ts';
import { setVmFlags, vmEnd, vmSize, vmStart } from '../mm/vma_struct.ts';
import { expandDownwards } from '../vma/expand.ts';
import { relocateVmaDown } from '../vma/relocate.ts';
import type { Bprm } from './bprm.ts';
import { stackFlags, STACK_TOP } from './exec_args.ts';

/** Bytes that a program may go down without a fault below what exec wrote. */
const STACK_EXPAND = 128 * 1024;

/** What PT_GNU_STACK asks for; without one the architecture's habit counts. */
export type ExecutableStack = 'default' | 'enable' | 'disable';

export interface StackSetup {
  /** Where the stack shall end, page aligned. */
  readonly top: number;
  readonly executable: ExecutableStack;
}

/** @returns ENOMEM; EFAULT when the stack cannot grow. */
export function setupArgPages(mm: MmWrite, bprm: Bprm, setup: StackSetup): 0 | Errno {
  const stack = vmaLookup(mm, STACK_TOP - PAGE_SIZE);
  if (stack === NULL || vmSize(stack) >= setup.top - mmapMinAddr()) return ENOMEM;
  setStackFlags(mm, stack, setup.executable);

  const shift = vmEnd(stack) - setup.top;
  bprm.p -= shift;
  bprm.exec -= shift;
  setMmLayout(mm, { argStart: bprm.p, startStack: bprm.p });
  const moved = shift === 0 ? OK : relocateVmaDown(mm, stack, shift);
  return isErr(moved) ? moved : preExpand(mm, stack, bprm.stackLimit);
}

function setStackFlags(mm: MmWrite, stack: Vma, executable: ExecutableStack): void {
  let flags = withFlags(stackFlags(), mmDefFlags(mm));
  if (executable === 'enable') flags = withFlags(flags, VM_EXEC);
  if (executable === 'disable') flags = withoutFlags(flags, VM_EXEC);
  setVmFlags(vmaStartWrite(mm, stack), flags);
}

function preExpand(mm: MmWrite, stack: Vma, stackLimit: number): 0 | Errno {
  const limit = stackLimit - (stackLimit % PAGE_SIZE || 0);
  const base = vmEnd(stack) - Math.min(limit, vmSize(stack) + STACK_EXPAND);
  if (base >= vmStart(stack)) return OK;
  return isErr(expandDownwards(mm, stack, base)) ? EFAULT : OK;
}
