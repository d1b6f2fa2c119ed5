/**
 * How a fault ended: bits, as handlers return them.
 *
 * Source: include/linux/mm_types.h, vm_fault_reason, fault_flag, v6.18.
 */
export const VM_FAULT_OOM = 0x1;
export const VM_FAULT_SIGBUS = 0x2;
/** A page had to be read from a disk. */
export const VM_FAULT_MAJOR = 0x4;
export const VM_FAULT_HWPOISON = 0x10;
export const VM_FAULT_SIGSEGV = 0x40;
/** The entry is in place already. */
export const VM_FAULT_NOPAGE = 0x100;
/** Under the VMA lock it cannot be done: take mmap_lock and try again. */
export const VM_FAULT_RETRY = 0x400;

export const VM_FAULT_ERROR = VM_FAULT_OOM | VM_FAULT_SIGBUS | VM_FAULT_SIGSEGV | VM_FAULT_HWPOISON;

/** What a handler is told. */
export const FAULT_FLAG_WRITE = 0x1;
/** The caller can drop its locks, wait for a userfaultfd, and fault again. */
export const FAULT_FLAG_ALLOW_RETRY = 0x4;
/** By the program itself: counted, and delivered to userfaultfd. */
export const FAULT_FLAG_USER = 0x40;
export const FAULT_FLAG_INSTRUCTION = 0x100;
/** Only the VMA's own lock is held. */
export const FAULT_FLAG_VMA_LOCK = 0x1000;

/**
 * How a handler that otherwise gives a page says that there is none: the bit, negative. They are
 * distinct from every page, as errnos are.
 */
export const FAULT_OOM = -0x1;
export const FAULT_SIGBUS = -0x2;
export const FAULT_HWPOISON = -0x10;
export const FAULT_SIGSEGV = -0x40;
export const FAULT_NOPAGE = -0x100;
export const FAULT_RETRY = -0x400;

export type FaultError =
  | typeof FAULT_OOM
  | typeof FAULT_SIGBUS
  | typeof FAULT_HWPOISON
  | typeof FAULT_SIGSEGV
  | typeof FAULT_NOPAGE
  | typeof FAULT_RETRY;

/** True for a refusal; on the other branch the result is what was asked for. */
export const isFault = (result: number): result is FaultError => result < 0;

/** The same as bits. */
export const vmFaultOf = (error: 0 | FaultError): number => -error;
