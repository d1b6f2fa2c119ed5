/**
 * The inodes of host files, so that two openings of one file share its pages.
 *
 * A list in the arena, under one lock; whoever finds an inode takes a reference under it, and the
 * last reference is dropped under it (iput.ts), so none is found that is on its way out.
 *
 * Source: fs/inode.c, ilookup(), v6.18, for what it promises.
 */
import { H_HOST_INODES } from '../arena/layout.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { HOST_INODES_LOCK } from '../sync/lock_class.ts';
import { spinLock, spinUnlock } from '../sync/spinlock.ts';
import { inodeHostNext, setInodeHostNext } from './address_space.ts';
import { type Inode, inodeDevMajor, inodeDevMinor, inodeGet, inodeNumber } from './inode.ts';

const LOCK = H_HOST_INODES;
const HEAD = H_HOST_INODES + 1;

/** What is one file to a host. */
export interface FileIdentity {
  readonly devMajor?: number;
  readonly devMinor?: number;
  readonly ino?: number;
}

export const hostInodesLock = (): void => spinLock(LOCK, HOST_INODES_LOCK);
export const hostInodesUnlock = (): void => spinUnlock(LOCK);

/** The first of the list, which hangs together by inodeHostNext(). */
export const firstHostInode = (): Inode | Null => word(HEAD) as Inode | Null;

/** @returns the file with one more reference, or NULL. The lock is held. */
export function findHostInode(file: FileIdentity): Inode | Null {
  for (let inode = firstHostInode(); inode !== NULL; inode = inodeHostNext(inode)) {
    if (isFile(inode, file)) return inodeGet(inode);
  }
  return NULL;
}

const isFile = (inode: Inode, { devMajor = 0, devMinor = 0, ino = 0 }: FileIdentity): boolean =>
  inodeNumber(inode) === ino &&
  inodeDevMajor(inode) === devMajor &&
  inodeDevMinor(inode) === devMinor;

/** The lock is held. */
export function addHostInode(inode: Inode): void {
  setInodeHostNext(inode, firstHostInode());
  setWord(HEAD, inode);
}

/** The lock is held. */
export function removeHostInode(inode: Inode): void {
  let before: Inode | Null = NULL;
  for (let at = firstHostInode(); at !== inode && at !== NULL; at = inodeHostNext(at)) before = at;
  const after = inodeHostNext(inode);
  if (before === NULL) setWord(HEAD, after);
  else setInodeHostNext(before, after);
}

/** Visits each file of the host, with a reference; files that come meanwhile may be missed. */
export function eachHostInode(visit: (inode: Inode) => void, put: (inode: Inode) => void): void {
  hostInodesLock();
  let inode = firstHostInode();
  if (inode !== NULL) inodeGet(inode);
  hostInodesUnlock();
  while (inode !== NULL) {
    visit(inode);
    hostInodesLock();
    const next: Inode | Null = inodeHostNext(inode);
    if (next !== NULL) inodeGet(next);
    hostInodesUnlock();
    put(inode);
    inode = next;
  }
}
