/**
 * VMA flags. They reach bit 42, and JavaScript's bit operators see 32: a set of
 * flags is a whole number below 2^53, kept in one double.
 *
 *   bit  42 ................. 32 | 31 ...................... 0
 *        hi: sealed, droppable   | lo: everything older
 *
 * `flags & VM_WRITE` is right for a flag of the low half (ToInt32 keeps the low
 * 32 bits of any exact integer) and is all that most tests need; sets are joined
 * and cut by the functions below.
 *
 * Source: include/linux/mm.h, arch/x86, v6.18.
 */
declare const flagSet: unique symbol;
export type VmFlags = number & { readonly [flagSet]: true };

const flag = (bit: number): VmFlags => (2 ** bit) as VmFlags;

export const VM_NONE = 0 as VmFlags;
export const VM_READ = flag(0);
export const VM_WRITE = flag(1);
export const VM_EXEC = flag(2);
export const VM_SHARED = flag(3);
export const VM_MAYREAD = flag(4);
export const VM_MAYWRITE = flag(5);
export const VM_MAYEXEC = flag(6);
export const VM_MAYSHARE = flag(7);
export const VM_GROWSDOWN = flag(8);
export const VM_UFFD_MISSING = flag(9);
export const VM_PFNMAP = flag(10);
export const VM_MAYBE_GUARD = flag(11);
export const VM_UFFD_WP = flag(12);
export const VM_LOCKED = flag(13);
export const VM_IO = flag(14);
export const VM_SEQ_READ = flag(15);
export const VM_RAND_READ = flag(16);
export const VM_DONTCOPY = flag(17);
export const VM_DONTEXPAND = flag(18);
export const VM_LOCKONFAULT = flag(19);
export const VM_ACCOUNT = flag(20);
export const VM_NORESERVE = flag(21);
export const VM_HUGETLB = flag(22);
export const VM_SYNC = flag(23);
export const VM_ARCH_1 = flag(24);
export const VM_WIPEONFORK = flag(25);
export const VM_DONTDUMP = flag(26);
export const VM_MIXEDMAP = flag(28);
export const VM_HUGEPAGE = flag(29);
export const VM_NOHUGEPAGE = flag(30);
export const VM_MERGEABLE = flag(31);
export const VM_PKEY_BIT0 = flag(32);
export const VM_PKEY_BIT1 = flag(33);
export const VM_PKEY_BIT2 = flag(34);
export const VM_PKEY_BIT3 = flag(35);
export const VM_DROPPABLE = flag(40);
export const VM_UFFD_MINOR = flag(41);
export const VM_SEALED = flag(42);

const TWO_32 = 2 ** 32;
const low = (flags: VmFlags): number => flags | 0;
const high = (flags: VmFlags): number => (flags / TWO_32) | 0;
const join = (hi: number, lo: number): VmFlags => (hi * TWO_32 + (lo >>> 0)) as VmFlags;

/** True when any flag of `some` is set. */
export function hasFlag(flags: VmFlags, some: VmFlags): boolean {
  return (flags & some) !== 0 || (some >= TWO_32 && hasHighFlag(flags, some));
}

// Apart from hasFlag(), so that hasFlag() is small enough to be inlined everywhere.
const hasHighFlag = (flags: VmFlags, some: VmFlags): boolean => (high(flags) & high(some)) !== 0;

export function withFlags(flags: VmFlags, more: VmFlags): VmFlags {
  return join(high(flags) | high(more), low(flags) | low(more));
}

export function withoutFlags(flags: VmFlags, fewer: VmFlags): VmFlags {
  return join(high(flags) & ~high(fewer), low(flags) & ~low(fewer));
}

/** The flags that are set in both. */
export function commonFlags(a: VmFlags, b: VmFlags): VmFlags {
  return join(high(a) & high(b), low(a) & low(b));
}

/** Any number of single flags or sets, as one set. */
export const flagsOf = (...sets: readonly VmFlags[]): VmFlags => sets.reduce(withFlags, VM_NONE);

/** The set with this numeric value: for values that come from outside. */
export const vmFlagsFromNumber = (value: number): VmFlags => value as VmFlags;

export const VM_ACCESS_FLAGS = flagsOf(VM_READ, VM_WRITE, VM_EXEC);
export const VM_LOCKED_MASK = flagsOf(VM_LOCKED, VM_LOCKONFAULT);
/** Never merged, never locked. */
export const VM_SPECIAL = flagsOf(VM_IO, VM_DONTEXPAND, VM_PFNMAP, VM_MIXEDMAP);
export const VM_PKEY_FLAGS = flagsOf(VM_PKEY_BIT0, VM_PKEY_BIT1, VM_PKEY_BIT2, VM_PKEY_BIT3);
export const VM_UFFD_FLAGS = flagsOf(VM_UFFD_MISSING, VM_UFFD_WP, VM_UFFD_MINOR);
/** Ignored when VMAs are compared for a merge, and kept by the result. v6.18.44. */
export const VM_STICKY = VM_MAYBE_GUARD;
export const VM_DATA_DEFAULT_FLAGS = flagsOf(
  VM_READ,
  VM_WRITE,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_MAYEXEC,
);
/** The part of mm.def_flags that a fork or exec keeps. */
export const VM_INIT_DEF_MASK = VM_NOHUGEPAGE;

/** True when the sets differ in a flag that matters for a merge. */
export const flagsDiffer = (a: VmFlags, b: VmFlags): boolean =>
  a !== b && withoutFlags(a, VM_STICKY) !== withoutFlags(b, VM_STICKY);
