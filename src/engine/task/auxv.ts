/**
 * Types of the auxiliary vector: pairs of 8 bytes each, a type and a value, that stand behind envp
 * when a program starts.
 *
 * Source: include/uapi/linux/auxvec.h, arch/x86/include/uapi/asm/auxvec.h, v6.18.
 */
export const AT_NULL = 0; // ends it
export const AT_PHDR = 3; // where the program headers lie
export const AT_PHENT = 4; // bytes of one
export const AT_PHNUM = 5; // how many
export const AT_PAGESZ = 6; // bytes
export const AT_BASE = 7; // where the program's loader lies
export const AT_FLAGS = 8;
export const AT_ENTRY = 9; // the program's first instruction
export const AT_UID = 11;
export const AT_EUID = 12;
export const AT_GID = 13;
export const AT_EGID = 14;
export const AT_PLATFORM = 15; // where a string lies that names the CPU
export const AT_HWCAP = 16;
export const AT_CLKTCK = 17; // per second
export const AT_SECURE = 23; // 1: with another user's rights
export const AT_RANDOM = 25; // where 16 random bytes lie
export const AT_HWCAP2 = 26;
export const AT_RSEQ_FEATURE_SIZE = 27;
export const AT_RSEQ_ALIGN = 28;
export const AT_EXECFN = 31; // where the program's path lies
export const AT_SYSINFO_EHDR = 33; // where [vdso] lies
export const AT_MINSIGSTKSZ = 51;
