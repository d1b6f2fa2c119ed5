/**
 * What several openings of one file share: its identity, size and seals.
 *
 * Source: include/linux/fs.h (inode, address_space), mm/memfd.c, v6.18.
 */
import * as atomics from '#atomics';
import { assert } from '../arena/assert.ts';
import { EBUSY, EINVAL, EPERM, type Errno, isErr, OK } from '../arena/errno.ts';
import { double, setDouble, setWord, word } from '../arena/memory.ts';
import { NULL, type Null, type Ref, type WordAt } from '../arena/ref.ts';
import { unchargeMemory } from '../mm/accounting.ts';
import { type Cache, cacheAlloc, cacheKind, cacheFree } from '../slab/cache.ts';
import { type Text, textNew, textPut } from '../slab/text.ts';
import { refcountDecAndTest, refcountInc } from '../sync/refcount.ts';
import { driverNumber } from './driver_table.ts';

import {
  initAddressSpace,
  INVALIDATE,
  NRPAGES,
  PAGES_LOCK,
  pagesLock,
  pagesUnlock,
  RWSEM,
} from './address_space.ts';

export type Inode = Ref<'inode'>;

const REFS = 0; //        (a)
const DRIVER = 1; //      (c)   number of its driver
const DEV_MAJOR = 2; //   (c)
const DEV_MINOR = 3; //   (c)
const NAME = 4; //        (c)   path as maps shows it
const SEALS = 5; //       (a)   F_SEAL_*
const WRITABLE = 6; //    (a)   shared mappings that may become writable; negative: denied
const FLAGS = 7; //       (c)   I_*
const INO = 8; //         (c)   a double
const SIZE = 10; //       bytes, a double; grown and cut by its file's writer
const ACCOUNTED = 12; //  (c)   pages charged for it as a whole, a double
const I_MMAP_SEM = 16; // (a)   rwsem of i_mmap; free whenever the inode is
const I_MMAP = 17; //           root of the tree of the VMAs that map it, under that lock
const LINK = 19; //             the cache's link while free
// Words 20 to 31 are about its pages: see address_space.ts.

export const INODE_CACHE: Cache<'inode'> = cacheKind({
  name: 'inode',
  id: 5,
  words: 32,
  link: LINK,
  // All locks are free, and no page is left.
  inherits: [
    [I_MMAP_SEM, I_MMAP_SEM + 1],
    [PAGES_LOCK, NRPAGES + 1],
    [RWSEM, INVALIDATE + 1],
  ],
});

/** What a file is, as far as mapping it is concerned; the place is the number of its driver. */
const INODE_KINDS = ['regular', 'shmem', 'zero', 'secretmem', 'directory', 'anon_inode'] as const;
/** 'driver': of a driver that was registered, by name. */
export type InodeKind = (typeof INODE_KINDS)[number] | 'driver';

/** The file system refuses MAP_SYNC, as it does without DAX. */
export const I_NO_SYNC = 1 << 0;
/** The file system asks for 2 MiB alignment of large mappings. */
export const I_HUGE_ALIGN = 1 << 1;
/** Mounted noexec. */
export const I_NOEXEC = 1 << 2;
/** Only appended to. */
export const I_APPEND = 1 << 3;
/** In use as swap. */
export const I_SWAPFILE = 1 << 4;
/** Wholly in memory, as after it was read: a page that is missing is made without waiting. */
export const I_CACHED = 1 << 5;
/** Executed with another user's or group's rights: the program's personality is not inherited. */
export const I_SETID = 1 << 6;
/** Another user's, who lets nobody else write: what is cached is shown with CAP_FOWNER only. */
export const I_OWNED = 1 << 7;

/** Seals of a memfd. Source: include/uapi/linux/fcntl.h. */
export const F_SEAL_SEAL = 0x01;
export const F_SEAL_SHRINK = 0x02;
export const F_SEAL_GROW = 0x04;
export const F_SEAL_WRITE = 0x08;
export const F_SEAL_FUTURE_WRITE = 0x10;
export const F_SEAL_EXEC = 0x20;
const F_ALL_SEALS = 0x3f;
const F_WRITE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

export interface InodeSpec {
  readonly kind: InodeKind;
  /** The name of its driver, for the kind 'driver'. */
  readonly driver?: string;
  /** As /proc/PID/maps shows it. */
  readonly path: string;
  readonly devMajor?: number;
  readonly devMinor?: number;
  readonly ino?: number;
  /** Bytes. */
  readonly size?: number;
  readonly seals?: number;
  /** I_* */
  readonly flags?: number;
  /** Pages that were charged for it, and go back when it goes. */
  readonly accountedPages?: number;
  /** The number by which the machine's host reads the file's bytes. Default: they are kept here. */
  readonly hostFd?: number;
}

/** @returns an inode with one reference, or NULL. */
export function inodeNew(spec: InodeSpec): Inode | Null {
  const driver = driverFor(spec);
  if (isErr(driver)) return NULL;
  const name = textNew(spec.path);
  if (name === NULL) return NULL;
  const inode = cacheAlloc(INODE_CACHE);
  if (inode === NULL) {
    textPut(name);
    return NULL;
  }
  setWord(inode + DRIVER, driver);
  setWord(inode + DEV_MAJOR, spec.devMajor ?? 0);
  setWord(inode + DEV_MINOR, spec.devMinor ?? 0);
  setWord(inode + NAME, name);
  atomics.store(inode + SEALS, spec.seals ?? 0);
  atomics.store(inode + WRITABLE, ((spec.seals ?? 0) & F_SEAL_WRITE) === 0 ? 0 : -1);
  setWord(inode + FLAGS, spec.flags ?? 0);
  setDouble(inode + INO, spec.ino ?? 0);
  setDouble(inode + SIZE, spec.size ?? 0);
  setDouble(inode + ACCOUNTED, spec.accountedPages ?? 0);
  setWord(inode + I_MMAP, NULL);
  initAddressSpace(inode, spec.hostFd ?? -1);
  atomics.store(inode + REFS, 1);
  return inode;
}

/** @returns the number that the driver's name has in this machine; ENOMEM. */
function driverFor({ kind, driver }: InodeSpec): number | Errno {
  return kind === 'driver' ? driverNumber(driver ?? '') : INODE_KINDS.indexOf(kind);
}

export function inodeGet(inode: Inode): Inode {
  refcountInc(inode + REFS);
  return inode;
}

export const inodeRefs = (inode: Inode): number => atomics.load(inode + REFS);

/** Drops a reference. @returns whether it was the last: see iput.ts. */
export const inodeDecAndTest = (inode: Inode): boolean => refcountDecAndTest(inode + REFS);

/** Frees an inode that nobody knows any more, without its pages. */
export function inodeFree(inode: Inode): void {
  assert(word(inode + I_MMAP) === NULL, 'a file goes after its mappings');
  unchargeMemory(double(inode + ACCOUNTED));
  textPut(inodeName(inode));
  cacheFree(INODE_CACHE, inode);
}

/** The number of its driver: see driver_table.ts. */
export const inodeDriver = (inode: Inode): number => word(inode + DRIVER);
export const inodeKind = (inode: Inode): InodeKind => INODE_KINDS[inodeDriver(inode)] ?? 'driver';
export const inodeName = (inode: Inode): Text => word(inode + NAME) as Text;
export const inodeDevMajor = (inode: Inode): number => word(inode + DEV_MAJOR);
export const inodeDevMinor = (inode: Inode): number => word(inode + DEV_MINOR);
export const inodeNumber = (inode: Inode): number => double(inode + INO);
/** Whether each page of it is charged when it comes: memory that was not promised as a whole. */
export const inodeChargesPages = (inode: Inode): boolean =>
  inodeKind(inode) === 'shmem' && double(inode + ACCOUNTED) === 0;
/** Bytes. */
export const inodeSize = (inode: Inode): number => double(inode + SIZE);
export const inodeHas = (inode: Inode, flag: number): boolean => (word(inode + FLAGS) & flag) !== 0;
/** The tree of the VMAs that map it, and its lock: see rmap/i_mmap.ts. */
export const inodeIMmapAt = (inode: Inode): WordAt => inode + I_MMAP;
export const inodeIMmapSemAt = (inode: Inode): WordAt => inode + I_MMAP_SEM;
export const inodeSeals = (inode: Inode): number => atomics.load(inode + SEALS);

/**
 * Bytes. Who cuts a file does it under the lock that adds pages: a page that comes later is met by
 * its maker's look at the size, one that was there before by who cuts.
 */
export function setInodeSize(inode: Inode, bytes: number): void {
  pagesLock(inode);
  setDouble(inode + SIZE, bytes);
  pagesUnlock(inode);
}

/** Counts a shared mapping that may be written. @returns false when writing is denied for good. */
export function mappingMapWritable(inode: Inode): boolean {
  for (;;) {
    const count = atomics.load(inode + WRITABLE);
    if (count < 0) return false;
    if (atomics.cas(inode + WRITABLE, count, count + 1)) return true;
  }
}

export function mappingUnmapWritable(inode: Inode): void {
  const before = atomics.add(inode + WRITABLE, -1);
  assert(before > 0, 'a writable mapping is uncounted as often as it is counted');
}

/**
 * Source: mm/memfd.c, memfd_add_seals(), v6.18.
 *
 * @returns EINVAL for unknown seals, and for what is no memfd; EPERM once the seals are sealed;
 *   EBUSY when F_SEAL_WRITE is asked for while a shared mapping may be written. On an error no seal
 *   is added. F_SEAL_EXEC forbids writing as well, unless the memfd was made with that seal.
 */
export function inodeAddSeals(inode: Inode, asked: number): 0 | Errno {
  if ((asked & ~F_ALL_SEALS) !== 0 || inodeKind(inode) !== 'shmem') return EINVAL;
  if ((inodeSeals(inode) & F_SEAL_SEAL) !== 0) return EPERM;
  const makesExec = (asked & ~inodeSeals(inode) & F_SEAL_EXEC) !== 0;
  const seals = makesExec ? asked | F_WRITE_SEALS : asked;
  if ((seals & F_SEAL_WRITE) !== 0 && !atomics.cas(inode + WRITABLE, 0, -1)) {
    if (atomics.load(inode + WRITABLE) > 0) return EBUSY;
  }
  for (;;) {
    const old = atomics.load(inode + SEALS);
    if ((old & F_SEAL_SEAL) !== 0) return EPERM;
    if (atomics.cas(inode + SEALS, old, old | seals)) return OK;
  }
}
