/**
 * address_space: the part of an inode's record that is about its pages. Words 20 to 31.
 *
 *   20    21     22       23      24     25          26      27       28       29
 *   lock  pages  nrpages  hostFd  rwsem  invalidate  hostWr  hostNext wbCount  wbError
 *
 *   (a) atomic   (c) constant   (p) the pages' lock   (h) the lock of the host files' list
 *
 * Locks, from the outside in: rwsem, whoever writes or cuts the file; invalidate, for read
 * whoever brings a page into memory, for write whoever takes pages away; a page's lock; the
 * pages' lock, for the tree itself. All are free while the inode is.
 *
 * Source: include/linux/fs.h, struct address_space, v6.18.
 */
import * as atomics from '#atomics';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null, type WordAt } from '../arena/ref.ts';
import { I_PAGES_LOCK } from '../sync/lock_class.ts';
import { spinLock, spinUnlock } from '../sync/spinlock.ts';
import type { Inode } from './inode.ts';

export const PAGES_LOCK = 20; // (a) a spinlock: who adds and removes pages
const PAGES = 21; //      (p) root of the tree of its pages; read under RCU alone too
export const NRPAGES = 22; //    (a)
const HOST_FD = 23; //    (c) the host's number to read by, plus one; 0: the pages are all there is
export const RWSEM = 24; //      (a)
export const INVALIDATE = 25; // (a) a rwsem
const HOST_WRITE = 26; // (a) the host's number to write by, plus one; from 0 only
const HOST_NEXT = 27; //  (h)
const WB_COUNT = 28; //   (a) how many errors there were when pages were written back
const WB_ERROR = 29; //   (a) the last of them

export const inodePagesAt = (inode: Inode): WordAt => inode + PAGES;
/** How many pages of the file are in memory. */
export const inodeNrpages = (inode: Inode): number => word(inode + NRPAGES);

export const pagesLock = (inode: Inode): void => spinLock(inode + PAGES_LOCK, I_PAGES_LOCK);
export const pagesUnlock = (inode: Inode): void => spinUnlock(inode + PAGES_LOCK);

/** i_rwsem: whoever changes the file's bytes or size by a call. */
export const inodeRwsemAt = (inode: Inode): WordAt => inode + RWSEM;
/** invalidate_lock. */
export const invalidateSemAt = (inode: Inode): WordAt => inode + INVALIDATE;

/** Counts pages that come (negative: go). */
export const addNrpages = (inode: Inode, pages: number): void =>
  void atomics.add(inode + NRPAGES, pages);

/** Whether the file's bytes are kept outside the machine. */
export const isHostInode = (inode: Inode): boolean => word(inode + HOST_FD) !== 0;
/** The host's number for the file, to read. */
export const inodeHostFd = (inode: Inode): number => word(inode + HOST_FD) - 1;
/** The host's number for the file, to write; -1 when nobody has opened it for that. */
export const inodeHostWriteFd = (inode: Inode): number => atomics.load(inode + HOST_WRITE) - 1;

/** Of an inode that nobody else knows. `hostFd` -1: there is none. */
export function initAddressSpace(inode: Inode, hostFd: number): void {
  setWord(inode + HOST_FD, hostFd + 1);
  setWord(inode + HOST_WRITE, 0);
  setWord(inode + HOST_NEXT, NULL);
  setWord(inode + WB_COUNT, 0);
}

/** @returns whether the number was needed. */
export const offerHostWriteFd = (inode: Inode, hostFd: number): boolean =>
  atomics.cas(inode + HOST_WRITE, 0, hostFd + 1);

export const inodeHostNext = (inode: Inode): Inode | Null =>
  word(inode + HOST_NEXT) as Inode | Null;
export const setInodeHostNext = (inode: Inode, next: Inode | Null): void =>
  setWord(inode + HOST_NEXT, next);

/** Remembers that bytes could not be written; every opening is told once. */
export function noteWritebackError(inode: Inode, errno: number): void {
  atomics.store(inode + WB_ERROR, errno);
  atomics.add(inode + WB_COUNT, 1);
}

export const writebackErrors = (inode: Inode): number => atomics.load(inode + WB_COUNT);
export const lastWritebackError = (inode: Inode): number => atomics.load(inode + WB_ERROR);
