/**
 * The strings of a program, written to the top of its stack before anything else is mapped:
 *
 *   argv[0]\0 ... envp[0]\0 ... filename\0 ........|        STACK_TOP
 *   p ->                                    8 bytes of zero
 *
 * The stack grows with them. Whatever goes wrong here is E2BIG: too much for the rules, too much
 * for the stack's limit, no memory for a page.
 *
 * Source: fs/exec.c, create_init_stack_vma(), bprm_stack_limits(), copy_strings(), v6.18.
 */
import { E2BIG, ENOMEM, type Errno, isErr, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import { PAGE_SIZE, pageDown, TASK_SIZE } from '../arena/units.ts';
import { writeBytes } from '../fault/access.ts';
import { chargeMemory, unchargeMemory, vmStatAccount } from '../mm/accounting.ts';
import type { Mm } from '../mm/held.ts';
import { mmapWriteLock, mmapWriteUnlock } from '../mm/mmap_lock.ts';
import { vmaLookup } from '../mm/vma_iterator.ts';
import { VM_GROWSDOWN, type VmFlags, withFlags } from '../mm/vm_flags.ts';
import { vmStart } from '../mm/vma_struct.ts';
import { brkFlags, expandDownwards, insertAnonymous } from '../vma/expand.ts';
import type { Bprm } from './bprm.ts';

/** Where every stack ends at first, in bytes. */
export const STACK_TOP = TASK_SIZE;

const POINTER = 8;
/** Bytes of one string, its NUL included. */
export const MAX_ARG_STRLEN = 32 * PAGE_SIZE;
/** All strings and pointers together: a quarter of the stack's limit, between these two. */
const ARG_MAX = 128 * 1024;
const ARG_CEILING = 6 * 2 ** 20;

/** Of a stack: as the heap's, and it grows down. */
export const stackFlags = (): VmFlags => withFlags(brkFlags(), VM_GROWSDOWN);

/** Maps the first page of the stack. @returns ENOMEM. */
export function createInitStack(bprm: Bprm): 0 | Errno {
  const mm = mmapWriteLock(bprm.mm);
  const flags = stackFlags();
  let result = chargeMemory(mm, 1);
  if (!isErr(result)) {
    result = insertAnonymous(mm, { start: STACK_TOP - PAGE_SIZE, end: STACK_TOP }, flags);
    if (isErr(result)) unchargeMemory(1);
    else vmStatAccount(mm, flags, 1);
  }
  mmapWriteUnlock(mm);
  bprm.p = STACK_TOP - POINTER;
  return isErr(result) ? ENOMEM : OK;
}

/** Writes the program's name, its environment and its arguments. @returns E2BIG. */
export function copyAllStrings(bprm: Bprm): 0 | Errno {
  const { filename, argv, envp } = bprm.wish;
  const refused = setStackLimits(bprm, argv.length, envp.length);
  if (isErr(refused)) return refused;
  const named = copyString(bprm, filename);
  if (isErr(named)) return named;
  bprm.exec = bprm.p;

  for (const bytes of envp.toReversed()) {
    const result = copyString(bprm, bytes);
    if (isErr(result)) return result;
    bprm.envc++;
  }
  // A program is always told a name, if only an empty one.
  for (const bytes of argv.length === 0 ? [new Uint8Array()] : argv.toReversed()) {
    const result = pushArgument(bprm, bytes);
    if (isErr(result)) return result;
  }
  return OK;
}

function setStackLimits(bprm: Bprm, argc: number, envc: number): 0 | Errno {
  const limit = Math.max(ARG_MAX, Math.min(ARG_CEILING, Math.floor(bprm.stackLimit / 4)));
  const pointers = (Math.max(argc, 1) + envc) * POINTER;
  if (limit <= pointers) return E2BIG;
  bprm.argMin = bprm.p - (limit - pointers);
  return OK;
}

/** Puts one more argument before all others. @returns E2BIG. */
export function pushArgument(bprm: Bprm, bytes: Uint8Array): 0 | Errno {
  const result = copyString(bprm, bytes);
  if (!isErr(result)) bprm.args.push(bytes.length + 1);
  return result;
}

/** The interpreter of a script has a name of its own. */
export function removeArgZero(bprm: Bprm): void {
  bprm.p += bprm.args.pop() ?? 0;
}

function copyString(bprm: Bprm, bytes: Uint8Array): 0 | Errno {
  const length = bytes.length + 1;
  if (length > MAX_ARG_STRLEN) return E2BIG;
  bprm.p -= length;
  if (bprm.p < bprm.argMin || !growStackTo(bprm.mm, bprm.p)) return E2BIG;
  const terminated = new Uint8Array(length);
  terminated.set(bytes);
  return writeBytes(bprm.mm, bprm.p, { bytes: terminated, done: 0 }) === 0 ? OK : E2BIG;
}

/** @returns whether the stack reaches down to `addr` now. */
function growStackTo(mm: Mm, addr: number): boolean {
  const locked = mmapWriteLock(mm);
  const stack = vmaLookup(locked, STACK_TOP - PAGE_SIZE);
  const isThere =
    stack !== NULL &&
    (vmStart(stack) <= addr || !isErr(expandDownwards(locked, stack, pageDown(addr))));
  mmapWriteUnlock(locked);
  return isThere;
}
