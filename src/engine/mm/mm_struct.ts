/**
 * mm_struct: one address space. 128 words.
 *
 *   0        16                 32        48
 *   mmap_lock mm_lock_seq,      mm_mt     users, counts, layout, totals
 *             vma_writer_wait   the tree  (one writer at a time)
 *
 * Readers of the tree touch only the second and third line, which a writer
 * dirties twice an operation; the lock word is apart from both.
 *
 * Letters as in vma_struct.ts. Totals are pages, addresses are bytes.
 *
 * Source: include/linux/mm_types.h, v6.18.
 */
import * as atomics from '#atomics';
import { views as shared } from '../arena/memory.ts';
import { LINE } from '../arena/layout.ts';
import type { WordAt } from '../arena/ref.ts';
import type { MapleTree } from '../maple/tree.ts';
import { type Cache, cacheKind } from '../slab/cache.ts';
import type { Mm, MmRead, MmWrite } from './held.ts';
import { VM_NONE, type VmFlags } from './vm_flags.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

const MMAP_LOCK = 0; //                (a) rwsem
const LOCK_SEQ = LINE; //              (a) odd while write-locked
const WRITER_WAIT = LINE + 1; //       (a) moves when a writer should look again
const MM_MT = 2 * LINE; //             (m) the tree of VMAs
const PAGE_TABLE_LOCK = LINE + 2; //   (a) spinlock: who gives a VMA its first anon_vma
const PGD = LINE + 3; //               (a) the first page table, or NULL
const USERS = 3 * LINE; //             (a) tasks and temporary users; at 0 the mm is emptied
const COUNT = 3 * LINE + 1; //         (a) references to this structure
const FLAGS = 3 * LINE + 2; //         (a) MMF_*
const MAP_COUNT = 3 * LINE + 3; //     (m)
const FIRST_DOUBLE = 3 * LINE + 8;
const TLB_GEN = 6 * LINE + 4; //       (a) moves when translations are no longer true
const RSS = 7 * LINE; //               (a) three counters, pages: see page/rss.ts
const HIWATER_RSS = 7 * LINE + 3; //   pages
const PGTABLES = 7 * LINE + 4; //      (a) page tables, without the first
const MMLIST_NEXT = 7 * LINE + 5; //   under the lock of mm/mmlist.ts
const MMLIST_PREV = 7 * LINE + 6;
const LINK = 127;

export const MM_CACHE: Cache<'mm_struct'> = cacheKind({
  name: 'mm_struct',
  id: 2,
  words: 128,
  link: LINK,
  // Workers may have cached translations of the last life.
  inherits: [[TLB_GEN, TLB_GEN + 1]],
});

/** Bits of mm.flags. Source: include/linux/mm_types.h, v6.18. */
/** Nothing is left for the OOM reaper to take. */
export const MMF_OOM_SKIP = 1 << 21;
/** Pages may be gone that a fault would bring back empty. */
export const MMF_UNSTABLE = 1 << 22;
export const MMF_HAS_MDWE = 1 << 28;
export const MMF_HAS_MDWE_NO_INHERIT = 1 << 29;
export const MMF_VM_MERGE_ANY = 1 << 30;
export const MMF_TOPDOWN = 1 << 31;
/** What fork keeps; MDWE is dropped when it is not to be inherited. */
export const MMF_INIT_MASK =
  MMF_HAS_MDWE | MMF_HAS_MDWE_NO_INHERIT | MMF_VM_MERGE_ANY | MMF_TOPDOWN;

/** The doubles of an mm, in the order of their slots. All (m). */
const DOUBLES = [
  'argStart', // the program's arguments, as exec wrote them
  'argEnd',
  'envStart',
  'envEnd',
  'mmapBase', // top of the area that is searched downwards
  'mmapLegacyBase', // bottom of the area that is searched upwards
  'taskSize',
  'startCode',
  'endCode',
  'startData',
  'endData',
  'startBrk',
  'brk',
  'startStack',
  'totalVm',
  'dataVm',
  'execVm',
  'stackVm',
  'lockedVm',
  'hiwaterVm',
  'defFlags', // OR-ed into every new VMA
] as const;

export type MmDouble = (typeof DOUBLES)[number];

const snakeCase = (name: string): string => name.replace(/[A-Z]/gu, (c) => `_${c.toLowerCase()}`);
const slot = (name: MmDouble): number => FIRST_DOUBLE + 2 * DOUBLES.indexOf(name);

const MMAP_BASE = slot('mmapBase');
const MMAP_LEGACY_BASE = slot('mmapLegacyBase');
const MM_TASK_SIZE = slot('taskSize');
const START_BRK = slot('startBrk');
const BRK = slot('brk');
const START_STACK = slot('startStack');
const TOTAL_VM = slot('totalVm');
const DATA_VM = slot('dataVm');
const EXEC_VM = slot('execVm');
const STACK_VM = slot('stackVm');
const LOCKED_VM = slot('lockedVm');
const HIWATER_VM = slot('hiwaterVm');
const DEF_FLAGS = slot('defFlags');
const START_DATA = slot('startData');
const END_DATA = slot('endData');

/** What the kernel calls the fields, by their first words; a double has two. */
export const MM_FIELDS: ReadonlyMap<number, string> = new Map([
  [MMAP_LOCK, 'mmap_lock'],
  [LOCK_SEQ, 'mm_lock_seq'],
  [WRITER_WAIT, 'vma_writer_wait'],
  [MM_MT, 'mm_mt'],
  [PAGE_TABLE_LOCK, 'page_table_lock'],
  [PGD, 'pgd'],
  [USERS, 'mm_users'],
  [COUNT, 'mm_count'],
  [FLAGS, 'flags'],
  [MAP_COUNT, 'map_count'],
  ...DOUBLES.map((name): [number, string] => [slot(name), snakeCase(name)]),
  [TLB_GEN, 'tlb_gen'],
  [RSS, 'rss_stat'],
  [HIWATER_RSS, 'hiwater_rss'],
  [PGTABLES, 'pgtables'],
  [MMLIST_NEXT, 'mmlist'],
  [MMLIST_PREV, 'mmlist'],
]);

export const mmMmapLockAt = (mm: Mm): WordAt => mm + MMAP_LOCK;
export const mmLockSeqAt = (mm: Mm): WordAt => mm + LOCK_SEQ;
export const mmWriterWaitAt = (mm: Mm): WordAt => mm + WRITER_WAIT;
export const mmPageTableLockAt = (mm: Mm): WordAt => mm + PAGE_TABLE_LOCK;
export const mmUsersAt = (mm: Mm): WordAt => mm + USERS;
export const mmCountAt = (mm: Mm): WordAt => mm + COUNT;
export const mmMt = (mm: Mm): MapleTree => (mm + MM_MT) as MapleTree;

export const mmPgdAt = (mm: Mm): WordAt => mm + PGD;
export const mmTlbGenAt = (mm: Mm): WordAt => mm + TLB_GEN;
export const mmRssAt = (mm: Mm): WordAt => mm + RSS;
export const mmHiwaterRssAt = (mm: Mm): WordAt => mm + HIWATER_RSS;
export const mmPgtablesAt = (mm: Mm): WordAt => mm + PGTABLES;
export const mmMmlistNextAt = (mm: Mm): WordAt => mm + MMLIST_NEXT;
export const mmMmlistPrevAt = (mm: Mm): WordAt => mm + MMLIST_PREV;

export const mmFlags = (mm: Mm): number => views.i32[mm + FLAGS]!;
export const mmHasFlag = (mm: Mm, flag: number): boolean => (views.i32[mm + FLAGS]! & flag) !== 0;
/** Without mmap_lock it is a hint. */
export const mmMapCount = (mm: Mm): number => atomics.readOnce(mm + MAP_COUNT);

const read = (mm: Mm, at: number): number => views.f64[(mm + at) >> 1]!;
const write = (mm: Mm, at: number, value: number): void => void (views.f64[(mm + at) >> 1] = value);

export const mmMmapBase = (mm: Mm): number => read(mm, MMAP_BASE);
export const mmMmapLegacyBase = (mm: Mm): number => read(mm, MMAP_LEGACY_BASE);
export const mmTaskSize = (mm: Mm): number => read(mm, MM_TASK_SIZE);
export const mmStartBrk = (mm: Mm): number => read(mm, START_BRK);
export const mmBrk = (mm: Mm): number => read(mm, BRK);
export const mmStartStack = (mm: Mm): number => read(mm, START_STACK);
export const mmStartData = (mm: Mm): number => read(mm, START_DATA);
export const mmEndData = (mm: Mm): number => read(mm, END_DATA);
export const mmTotalVm = (mm: Mm): number => read(mm, TOTAL_VM);
export const mmDataVm = (mm: Mm): number => read(mm, DATA_VM);
export const mmExecVm = (mm: Mm): number => read(mm, EXEC_VM);
export const mmStackVm = (mm: Mm): number => read(mm, STACK_VM);
export const mmLockedVm = (mm: Mm): number => read(mm, LOCKED_VM);
export const mmDefFlags = (mm: Mm): VmFlags => read(mm, DEF_FLAGS) as VmFlags;
/** VmPeak: the high-water mark is only written when the total is about to fall. */
export const mmHiwaterVm = (mm: Mm): number => Math.max(read(mm, HIWATER_VM), mmTotalVm(mm));

export function setMmMapCount(mm: MmWrite, count: number): void {
  atomics.writeOnce(mm + MAP_COUNT, count);
}

/** All of them, of an mm that no task has yet: nobody else changes it. */
export function setMmFlags(mm: MmWrite, flags: number): void {
  views.i32[mm + FLAGS] = flags;
}

/** From anywhere: who sets it need not hold mmap_lock. */
export function setMmFlag(mm: Mm, flag: number): void {
  atomics.or(mm + FLAGS, flag);
}

export function clearMmFlag(mm: Mm, flag: number): void {
  atomics.and(mm + FLAGS, ~flag);
}

export const setMmBrk = (mm: MmWrite, brk: number): void => write(mm, BRK, brk);
export const setMmDefFlags = (mm: MmWrite, flags: VmFlags): void => write(mm, DEF_FLAGS, flags);
export const setMmLockedVm = (mm: MmWrite, pages: number): void => write(mm, LOCKED_VM, pages);
export const setMmDataVm = (mm: MmWrite, pages: number): void => write(mm, DATA_VM, pages);
export const setMmExecVm = (mm: MmWrite, pages: number): void => write(mm, EXEC_VM, pages);
export const setMmStackVm = (mm: MmWrite, pages: number): void => write(mm, STACK_VM, pages);

/** Raises the high-water mark first when the total falls. */
export function setMmTotalVm(mm: MmWrite, pages: number): void {
  if (pages < mmTotalVm(mm)) write(mm, HIWATER_VM, mmHiwaterVm(mm));
  write(mm, TOTAL_VM, pages);
}

export type MmLayout = Readonly<Partial<Record<MmDouble, number>>>;

/** Sets layout marks by name: for exec, prctl(PR_SET_MM) and recordings. */
export function setMmLayout(mm: MmWrite, layout: MmLayout): void {
  for (const name of DOUBLES) {
    const value = layout[name];
    if (value !== undefined) write(mm, slot(name), value);
  }
}

/** @returns every layout mark and total, for fork and reports. */
export function mmLayout(mm: MmRead): Record<MmDouble, number> {
  const entries = DOUBLES.map((name): [MmDouble, number] => [name, read(mm, slot(name))]);
  return Object.fromEntries(entries) as Record<MmDouble, number>;
}

/** Brings a fresh or reused structure to the state of an mm without mappings. */
export function initMmWords(mm: Mm): void {
  // Workers may have cached translations of the last life.
  const generation = views.i32[mm + TLB_GEN]! + 1;
  for (let at = 0; at < LINK; at++) views.i32[mm + at] = 0;
  views.i32[mm + TLB_GEN] = generation;
  write(mm, DEF_FLAGS, VM_NONE);
}
