/**
 * Where an exec puts what has no place of its own.
 *
 *   0        program       heap ->            <- mappings   |  gap  |  <- stack  |
 *   |........|####|..gap..|####..................###########|.......|.....#######|..|
 *            DYN_BASE     start_brk                      mmap_base             STACK_TOP
 *            + mmap_rnd_bits of pages, at random    - the same      - 22 bits of pages and 8 KiB
 *
 * Source: arch/x86/mm/mmap.c, fs/binfmt_elf.c, randomize_stack_top(), arch/x86/kernel/process.c,
 * arch_align_stack(), arch_randomize_brk(), v6.18.
 */
import { randomBits, randomWord } from '../arena/random.ts';
import { PAGE_SIZE, pageUp, TASK_SIZE } from '../arena/units.ts';
import type { MmWrite } from '../mm/held.ts';
import { clearMmFlag, MMF_TOPDOWN, setMmFlag, setMmLayout } from '../mm/mm_struct.ts';
import { stackGuardGap, sysctl } from '../mm/sysctl.ts';
import { ADDR_COMPAT_LAYOUT, ADDR_NO_RANDOMIZE, hasPersonality } from '../mm/task_struct.ts';

/** Pages that a stack's top may be moved down: 22 bits. */
const STACK_RND_BITS = 22;
/** Bytes that a stack pointer may be moved down, twice: below it lies what grows, above the strings. */
const STACK_ALIGN_RANDOM = 8192;
/** Bytes within which the heap begins. */
const BRK_RANGE = 2 ** 30;

const GAP_MIN = 128 * 2 ** 20;
const GAP_MAX = Math.floor(TASK_SIZE / 6) * 5;
/** Bottom-up search begins here. */
export const LEGACY_BASE = pageUp(Math.floor(TASK_SIZE / 3));
/** Where a program goes that may go anywhere and has a loader: two thirds up; not page aligned. */
export const DYN_BASE = Math.floor(TASK_SIZE / 3) * 2;

/** Whether the running task's next program is put at random. */
const isRandomized = (): boolean =>
  sysctl('randomize_va_space') !== 0 && !hasPersonality(ADDR_NO_RANDOMIZE);

/** Whether its heap is, too. */
export const isBrkRandomized = (): boolean => isRandomized() && sysctl('randomize_va_space') > 1;

/** Bytes, of whole pages; 0 when nothing is random. */
export const mmapRandom = (): number =>
  isRandomized() ? randomBits(sysctl('mmap_rnd_bits')) * PAGE_SIZE : 0;

/** Where Linux starts to search downwards when nothing is randomised. */
export const defaultMmapBase = (stackLimit: number): number =>
  mmapBase(stackLimit, { pad: 0, random: 0 });

/** Clear of the largest stack there may be, at least 128 MiB, at most five sixths of all. */
function mmapBase(stackLimit: number, { pad, random }: { pad: number; random: number }): number {
  const gap = stackLimit + pad + stackGuardGap();
  return pageUp(TASK_SIZE - Math.min(Math.max(gap, GAP_MIN), GAP_MAX) - random);
}

/** Whether the running task's next program is placed bottom-up. */
export const hasLegacyLayout = (): boolean =>
  sysctl('legacy_va_layout') !== 0 || hasPersonality(ADDR_COMPAT_LAYOUT);

/** Source: arch/x86/mm/mmap.c, arch_pick_mmap_layout(), v6.18. */
export function pickMmapLayout(mm: MmWrite, stackLimit: number): void {
  const isLegacy = hasLegacyLayout();
  const pad = isRandomized() ? (2 ** STACK_RND_BITS - 1) * PAGE_SIZE : 0;
  const random = mmapRandom();
  const mmapLegacyBase = LEGACY_BASE + random;
  if (isLegacy) clearMmFlag(mm, MMF_TOPDOWN);
  else setMmFlag(mm, MMF_TOPDOWN);
  setMmLayout(mm, {
    taskSize: TASK_SIZE,
    mmapBase: isLegacy ? mmapLegacyBase : mmapBase(stackLimit, { pad, random }),
    mmapLegacyBase,
  });
}

/** @returns where the stack ends, page aligned. */
export function randomStackTop(): number {
  const pages = isRandomized() ? randomBits(STACK_RND_BITS) : 0;
  return pageUp(alignStack(TASK_SIZE - pages * PAGE_SIZE));
}

/** @returns an address of 16 bytes' alignment, up to 8 KiB below. */
export function alignStack(sp: number): number {
  const moved = isRandomized() ? sp - (randomWord() % STACK_ALIGN_RANDOM) : sp;
  return moved - (moved % 16);
}

/** @param brk page aligned. @returns a page of the GiB above. */
export const randomBrk = (brk: number): number =>
  brk + (randomWord() % (BRK_RANGE / PAGE_SIZE)) * PAGE_SIZE;
