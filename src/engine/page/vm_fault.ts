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
/** By the program itself: counted, and delivered to userfaultfd. */
export const FAULT_FLAG_USER = 0x40;
export const FAULT_FLAG_INSTRUCTION = 0x100;
/** Only the VMA's own lock is held. */
export const FAULT_FLAG_VMA_LOCK = 0x1000;
