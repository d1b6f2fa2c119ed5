/**
 * vm_area_struct: one range of one address space. 32 words, two lines.
 *
 *   0     2     4      6      8   9     10       11   12   13      14        15
 *   start end   pgoff  flags  mm  file  anonVma  avc  ops  policy  anonName  uffd
 *   16      17       18    19        20 ... 29   30           31
 *   refcnt  lockSeq  link  attached  shared.rb   privateData  caching
 *   (lock)
 *
 * What a fault reads is on the first line; what lock takers write, on the second.
 *
 * To write a field, hold every lock named by its letters; to read it, any one.
 *   (a) atomic   (c) constant once attached   (m) mmap_lock   (v) VMA lock
 *   (r) rmap locks   (p) also mmap_lock for read and page_table_lock, from NULL only
 *
 * Source: include/linux/mm_types.h, Documentation/mm/process_addrs.rst, v6.18.
 */
import * as atomics from '#atomics';
import { rawViews, views as shared } from '../arena/memory.ts';
import type { Addr, Null, Ref, WordAt } from '../arena/ref.ts';
import { type Cache, cacheKind } from '../slab/cache.ts';
import type { Text } from '../slab/text.ts';
import type { Mm, Vma, VmaHidden, VmaRcu, VmaWrite } from './held.ts';
import type { VmFlags } from './vm_flags.ts';

/** A constant of this file's own, which V8 can look through: see arena/memory.ts. */
const views = shared;

const START = 0; //     (m+v+r) bytes, inclusive
const END = 2; //       (m+v+r) bytes, exclusive
const PGOFF = 4; //     (m+v+r) pages
const FLAGS = 6; //     (m+v)   VM_*, a double
const MM = 8; //        (c)
const FILE = 9; //      (m+v)   handle or NULL
const ANON_VMA = 10; // (m+v+r, p)
const AVC = 11; //      (m+v+r) first anon_vma_chain, newest first
const OPS = 12; //      (m+v)   number of a VmOperations; 0: anonymous memory
const POLICY = 13; //   (m+v)   NUMA policy number; 0: the default
const ANON_NAME = 14; // (m+v)  text or NULL
const UFFD = 15; //     (m+v)   userfaultfd context or 0
const REFCNT = 16; //   (a)     0 detached, 1 attached, more: readers
const LOCK_SEQ = 17; // (a)     equals the mm's sequence while write-locked
const LOCK = 16; //     (a)     a semaphore, where the lock is one: see vma_lock.ts
const LINK = 18; //             the cache's link while free
const ATTACHED = 19; // (a)     where the lock is a semaphore; Linux keeps the opposite, `detached`
const SHARED_RB = 20; // (r)    node of the file's i_mmap, 10 words: rmap/interval_tree.ts
const PRIVATE_DATA = 30; // (m+v) a word of its driver's
const CACHING = 31; //  (m+v)   what vm_page_prot says beside the flags: see page_prot.ts

/** What a monitor calls the fields, by their first words; (a) and (r) have rules of their own. */
export const VMA_FIELDS: ReadonlyMap<number, string> = new Map([
  [START, 'vm_start'],
  [START + 1, 'vm_start'],
  [END, 'vm_end'],
  [END + 1, 'vm_end'],
  [PGOFF, 'vm_pgoff'],
  [PGOFF + 1, 'vm_pgoff'],
  [FLAGS, 'vm_flags'],
  [FLAGS + 1, 'vm_flags'],
  [MM, 'vm_mm'],
  [FILE, 'vm_file'],
  [ANON_VMA, 'anon_vma'],
  [AVC, 'anon_vma_chain'],
  [OPS, 'vm_ops'],
  [POLICY, 'vm_policy'],
  [ANON_NAME, 'anon_name'],
  [UFFD, 'vm_userfaultfd_ctx'],
  [PRIVATE_DATA, 'vm_private_data'],
  [CACHING, 'vm_page_prot'],
]);

export const VMA_CACHE: Cache<'vm_area_struct'> = cacheKind({
  name: 'vm_area_struct',
  id: 1,
  words: 32,
  link: LINK,
  // 0 while it is free: setting it could wipe out a late reader's step.
  inherits: [
    [LOCK, LOCK + 1],
    [ATTACHED, ATTACHED + 1],
  ],
  // What a late reader looks at before it knows whose it is.
  typeStable: [
    [LOCK, LOCK_SEQ + 1],
    [ATTACHED, ATTACHED + 1],
  ],
});

/** The same, with the link over vm_start while it is free: `vmaFreePointer: 'in-range'`. */
export const VMA_CACHE_LINKED_IN_RANGE = cacheKind({ ...VMA_CACHE, link: START });

export type File = Ref<'file'>;
export type AnonVma = Ref<'anon_vma'>;
export type AnonVmaChain = Ref<'anon_vma_chain'>;
export type UserfaultfdCtx = Ref<'userfaultfd_ctx'>;

export const vmRefcntAt = (vma: VmaRcu): WordAt => vma + REFCNT;
export const vmLockAt = (vma: VmaRcu): WordAt => vma + LOCK;
export const vmAttachedAt = (vma: VmaRcu): WordAt => vma + ATTACHED;
export const vmLockSeqAt = (vma: VmaRcu): WordAt => vma + LOCK_SEQ;
/** The node that links a file's VMA with the file: see rmap/i_mmap.ts. */
export const vmSharedRbAt = (vma: VmaRcu): WordAt => vma + SHARED_RB;
export const vmaOfSharedRb = (node: WordAt): VmaRcu => (node - SHARED_RB) as VmaRcu;
/** Readable without a lock, as its value only matters once a count is held. */
export const vmMm = (vma: VmaRcu): Mm => views.i32[vma + MM]! as Mm;

export const vmStart = (vma: Vma): Addr => views.f64[(vma + START) >> 1]! as Addr;
export const vmEnd = (vma: Vma): Addr => views.f64[(vma + END) >> 1]! as Addr;
/** Pages; for anonymous memory, the page number of the address it was first mapped at. */
export const vmPgoff = (vma: Vma): number => views.f64[(vma + PGOFF) >> 1]!;
export const vmFlags = (vma: Vma): VmFlags => views.f64[(vma + FLAGS) >> 1]! as VmFlags;
export const vmFile = (vma: Vma): File | Null => views.i32[vma + FILE]! as File | Null;
/** From NULL it may be set meanwhile, under page_table_lock. */
export const vmAnonVma = (vma: Vma): AnonVma | Null =>
  atomics.rcuDereference(vma + ANON_VMA) as AnonVma | Null;
export const vmAnonVmaChain = (vma: Vma): AnonVmaChain | Null =>
  views.i32[vma + AVC]! as AnonVmaChain | Null;
export const vmOps = (vma: Vma): number => views.i32[vma + OPS]!;
export const vmPolicy = (vma: Vma): number => views.i32[vma + POLICY]!;
export const vmAnonName = (vma: Vma): Text | Null => views.i32[vma + ANON_NAME]! as Text | Null;
export const vmUserfaultfdCtx = (vma: Vma): UserfaultfdCtx | Null =>
  views.i32[vma + UFFD]! as UserfaultfdCtx | Null;
export const vmPrivateData = (vma: Vma): number => views.i32[vma + PRIVATE_DATA]!;
export const vmCaching = (vma: Vma): number => views.i32[vma + CACHING]!;

/**
 * Copies what maps shows, and no reference, from a VMA that may be freed and used again meanwhile:
 * its memory is always a VMA's. The copy may be a mixture of two lives. It is worth something, and
 * so is what is read below, only if nobody wrote meanwhile: see speculate.ts.
 */
export function vmaCopyRcu(to: VmaHidden, from: VmaRcu): void {
  const { i32 } = rawViews;
  i32.copyWithin(to + START, from + START, from + FLAGS + 2);
  i32[to + ANON_VMA] = i32[from + ANON_VMA]!;
  i32[to + OPS] = i32[from + OPS]!;
}
export const vmRangeRcu = (vma: VmaRcu): [start: Addr, end: Addr] => [
  rawViews.f64[(vma + START) >> 1]! as Addr,
  rawViews.f64[(vma + END) >> 1]! as Addr,
];
export const vmFlagsRcu = (vma: VmaRcu): VmFlags => rawViews.f64[(vma + FLAGS) >> 1]! as VmFlags;
export const vmPgoffRcu = (vma: VmaRcu): number => rawViews.f64[(vma + PGOFF) >> 1]!;
export const vmFileRcu = (vma: VmaRcu): File | Null => rawViews.i32[vma + FILE]! as File | Null;
export const vmHasAnonNameRcu = (vma: VmaRcu): boolean => rawViews.i32[vma + ANON_NAME] !== 0;

/** Bytes. */
export const vmSize = (vma: Vma): number => vmEnd(vma) - vmStart(vma);
export const vmaPages = (vma: Vma): number => (vmEnd(vma) - vmStart(vma)) / 4096;
export const vmaIsAnonymous = (vma: Vma): boolean => vmOps(vma) === 0;

export function setVmRange(vma: VmaHidden, start: number, end: number): void {
  views.f64[(vma + START) >> 1] = start;
  views.f64[(vma + END) >> 1] = end;
}

export function setVmPgoff(vma: VmaHidden, pgoff: number): void {
  views.f64[(vma + PGOFF) >> 1] = pgoff;
}

export function setVmFlags(vma: VmaWrite, flags: VmFlags): void {
  views.f64[(vma + FLAGS) >> 1] = flags;
}

export function setVmFile(vma: VmaWrite, file: File | Null): void {
  views.i32[vma + FILE] = file;
}

/** Of a VMA that may get its first one at this moment. */
export const vmAnonVmaOnce = (vma: Vma): AnonVma | Null =>
  atomics.rcuDereference(vma + ANON_VMA) as AnonVma | Null;

/** The first one: the caller holds mmap_lock and page_table_lock. Faults in the VMA see it now. */
export const publishVmAnonVma = (vma: Vma, anonVma: AnonVma): void =>
  atomics.store(vma + ANON_VMA, anonVma);

export function setVmAnonVma(vma: VmaWrite, anonVma: AnonVma | Null): void {
  views.i32[vma + ANON_VMA] = anonVma;
}

export function setVmAnonVmaChain(vma: Vma, avc: AnonVmaChain | Null): void {
  views.i32[vma + AVC] = avc;
}

export function setVmOps(vma: VmaWrite, ops: number): void {
  views.i32[vma + OPS] = ops;
}

export function setVmPolicy(vma: VmaWrite, policy: number): void {
  views.i32[vma + POLICY] = policy;
}

export function setVmAnonName(vma: VmaWrite, name: Text | Null): void {
  views.i32[vma + ANON_NAME] = name;
}

export function setVmUserfaultfdCtx(vma: VmaWrite, ctx: UserfaultfdCtx | Null): void {
  views.i32[vma + UFFD] = ctx;
}

export function setVmPrivateData(vma: VmaWrite, data: number): void {
  views.i32[vma + PRIVATE_DATA] = data;
}

export function setVmCaching(vma: VmaWrite, caching: number): void {
  views.i32[vma + CACHING] = caching;
}

/** Only while it is detached: late RCU readers look at it once they hold a count. */
export function setVmMm(vma: VmaHidden, mm: Mm): void {
  views.i32[vma + MM] = mm;
}
