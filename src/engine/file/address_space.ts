/**
 * address_space: the part of an inode's record that is about its pages. Words 20 to 31.
 *
 *   20    21     22       23      24       25          26        27
 *   lock  pages  nrpages  hostFd  rwsem    invalidate  hostNext  wbError
 *
 *   (a) atomic   (c) constant   (p) the pages' lock   (h) the lock of the host files' list
 *
 * Source: include/linux/fs.h, struct address_space, v6.18.
 */
import * as atomics from '#atomics';
import { word } from '../arena/memory.ts';
import type { WordAt } from '../arena/ref.ts';
import { spinLock, spinUnlock } from '../sync/spinlock.ts';
import type { Inode } from './inode.ts';

const LOCK = 20; //       (a) a spinlock: who adds and removes pages
const PAGES = 21; //      (p) root of the tree of its pages; read under RCU alone too
const NRPAGES = 22; //    (a)

export const inodePagesAt = (inode: Inode): WordAt => inode + PAGES;
/** How many pages of the file are in memory. */
export const inodeNrpages = (inode: Inode): number => word(inode + NRPAGES);

export const pagesLock = (inode: Inode): void => spinLock(inode + LOCK);
export const pagesUnlock = (inode: Inode): void => spinUnlock(inode + LOCK);

/** Counts pages that come (negative: go). */
export const addNrpages = (inode: Inode, pages: number): void =>
  void atomics.add(inode + NRPAGES, pages);
