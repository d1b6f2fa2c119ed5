/**
 * The machine's settings: /proc/sys/vm and what the kernel learns at boot. Doubles in the header.
 */
import { H_SYSCTL } from '../arena/layout.ts';
import { double, setDouble } from '../arena/memory.ts';

/** In the order of their slots, with the defaults of a common x86-64 machine. */
const DEFAULTS = {
  /** VMAs a process may have; one more is possible, as the check comes before the count. */
  max_map_count: 65530,
  /** Bytes: the lowest address that a task without CAP_SYS_RAWIO may map. */
  mmap_min_addr: 65536,
  /** Bytes: the lowest address that the kernel itself chooses, CONFIG_LSM_MMAP_MIN_ADDR. */
  lsm_mmap_min_addr: 65536,
  /** 0 heuristic, 1 always, 2 never more than the limit. */
  overcommit_memory: 0,
  /** Percent of RAM, in mode 2. */
  overcommit_ratio: 50,
  /** kB in place of the ratio, unless 0. */
  overcommit_kbytes: 0,
  /** kB kept for root in mode 2. */
  admin_reserve_kbytes: 8192,
  /** kB kept for the user's recovery in mode 2. */
  user_reserve_kbytes: 131072,
  /** Pages of RAM. */
  totalram_pages: (16 * 2 ** 30) / 4096,
  /** Pages of swap. */
  total_swap_pages: 0,
  /** Pages kept free below a growing stack. */
  stack_guard_gap: 256,
  /** 0: execve() puts nothing at random; 1: mappings, stack, program; 2: the heap too. */
  randomize_va_space: 2,
  /** Random bits of where mappings and programs begin, in pages. */
  mmap_rnd_bits: 28,
  /** 1: place mappings bottom-up. */
  legacy_va_layout: 0,
  /** 1: transparent huge pages are built in: alignment of large mappings, MAP_STACK's flag. */
  transparent_hugepage: 1,
  /** 1: CONFIG_ANON_VMA_NAME, prctl(PR_SET_VMA). */
  anon_vma_name: 1,
  /** 1: CONFIG_SWAP, so that read-ahead of anonymous memory means something. */
  swap: 1,
  /** kB that a fault on a file's missing page reads: /sys/class/bdi/MAJOR:MINOR/read_ahead_kb. */
  read_ahead_kb: 128,
  /** 1: CONFIG_KSM, MADV_MERGEABLE. */
  ksm: 1,
  /** 1: userfaultfd(2) that sees faults of the kernel too needs no CAP_SYS_PTRACE. */
  unprivileged_userfaultfd: 0,
} as const;

export type SysctlName = keyof typeof DEFAULTS;
export type Sysctls = Readonly<Partial<Record<SysctlName, number>>>;

const NAMES = Object.keys(DEFAULTS) as SysctlName[];
/** By name, so that a constant name costs a constant. */
const SLOTS = Object.fromEntries(NAMES.map((name, i) => [name, H_SYSCTL + 2 * i])) as Readonly<
  Record<SysctlName, number>
>;
const slot = (name: SysctlName): number => SLOTS[name];

export const isSysctl = (name: string): name is SysctlName => NAMES.some((known) => known === name);

export const sysctl = (name: SysctlName): number => double(slot(name));

export function setSysctl(name: SysctlName, value: number): void {
  setDouble(slot(name), value);
}

export function initSysctls(given: Sysctls): void {
  for (const name of NAMES) setSysctl(name, given[name] ?? DEFAULTS[name]);
}

const MAX_MAP_COUNT = slot('max_map_count');
const MMAP_MIN_ADDR = slot('mmap_min_addr');
const LSM_MMAP_MIN_ADDR = slot('lsm_mmap_min_addr');
const STACK_GUARD_GAP = slot('stack_guard_gap');
const OVERCOMMIT_MEMORY = slot('overcommit_memory');
const TOTALRAM_PAGES = slot('totalram_pages');
const TOTAL_SWAP_PAGES = slot('total_swap_pages');
const TRANSPARENT_HUGEPAGE = slot('transparent_hugepage');

/** The settings that every call reads, without a search by name. */
export const sysctlMaxMapCount = (): number => double(MAX_MAP_COUNT);
/** 0 heuristic, 1 always, 2 never more than the limit. */
export const sysctlOvercommitMemory = (): number => double(OVERCOMMIT_MEMORY);
/** Pages of RAM and swap. */
export const totalPages = (): number => double(TOTALRAM_PAGES) + double(TOTAL_SWAP_PAGES);
export const sysctlTransparentHugepage = (): boolean => double(TRANSPARENT_HUGEPAGE) !== 0;
/** Bytes: below it a mapping takes CAP_SYS_RAWIO. */
export const dacMmapMinAddr = (): number => double(MMAP_MIN_ADDR);
/** Bytes: where hints are raised to, searches begin and stacks end. */
export const mmapMinAddr = (): number => Math.max(double(MMAP_MIN_ADDR), double(LSM_MMAP_MIN_ADDR));
/** Bytes. */
export const stackGuardGap = (): number => double(STACK_GUARD_GAP) * 4096;
