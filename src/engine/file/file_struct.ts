/**
 * struct file: one opening of a file. Two openings of one file never merge.
 *
 * Source: include/linux/fs.h, v6.18.
 */
import * as atomics from '#atomics';
import { arenaUsed } from '../arena/arena.ts';
import { assert } from '../arena/assert.ts';
import { EIO, ENOSPC, type Errno, OK } from '../arena/errno.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { unchargeMemory } from '../mm/accounting.ts';
import { protocolMmapHook } from '../mm/protocol.ts';
import type { File, UserfaultfdCtx } from '../mm/vma_struct.ts';
import { type Cache, cacheAlloc, cacheKind, cacheFree } from '../slab/cache.ts';
import { refcountDecAndTest, refcountInc, refcountIncNotZero } from '../sync/refcount.ts';
import { VIOLATED_ABSENT } from '../trace/verdict.ts';
import { lastWritebackError, writebackErrors } from './address_space.ts';
import { tellDriver } from './driver_call.ts';
import { reportDriverFault } from './driver_fault.ts';
import { registeredDriver } from './driver_registry.ts';
import { driverName } from './driver_table.ts';
import { type Inode, inodeDriver, type InodeSpec, inodeGet, inodeNew } from './inode.ts';
import { inodePut } from './iput.ts';

const REFS = 0; //  (a)
const INODE = 1; // (c)
const MODE = 2; //  (c) FMODE_*
const WB_SEEN = 3; // (a) how many errors of writing back this opening was told of
const PRIVATE_DATA = 4; // a word of its driver's
const USERFAULTFD = 5; // (c) of a userfaultfd: its context, or NULL

export const FILE_CACHE: Cache<'file'> = cacheKind({
  name: 'file',
  id: 4,
  words: 8,
  link: 7,
  // 0 while it is free: who looks a descriptor up may come too late, finds that nothing is to be
  // had, and looks at the descriptor again (fd_table.ts).
  inherits: [[REFS, REFS + 1]],
  typeStable: [[REFS, REFS + 1]],
});

export const FMODE_READ = 1;
export const FMODE_WRITE = 2;
/** Its driver has opened it, and will be told when it is released. */
const FMODE_OPENED = 4;

/** Opens an inode once more. @returns a file with one reference, or NULL. */
export function fileOpen(inode: Inode, mode: number): File | Null {
  const file = cacheAlloc(FILE_CACHE);
  if (file === NULL) return NULL;
  setWord(file + INODE, inodeGet(inode));
  setWord(file + MODE, mode);
  setWord(file + WB_SEEN, writebackErrors(inode));
  setWord(file + PRIVATE_DATA, 0);
  setWord(file + USERFAULTFD, NULL);
  atomics.store(file + REFS, 1);
  return file;
}

/** Makes an inode and opens it. What was charged for it goes back when that fails. */
export function fileNew(spec: InodeSpec, mode: number): File | Null {
  const inode = inodeNew(spec);
  if (inode === NULL) {
    unchargeMemory(spec.accountedPages ?? 0);
    return NULL;
  }
  const file = fileOpen(inode, mode);
  inodePut(inode);
  return file;
}

export function getFile(file: File): File {
  refcountInc(file + REFS);
  return file;
}

/** @returns false for a file that is gone: a descriptor may be closed while it is looked up. */
export const getFileUnlessGone = (file: File): boolean => refcountIncNotZero(file + REFS);

export function fput(file: File): void {
  if (!refcountDecAndTest(file + REFS)) return;
  if ((fileMode(file) & FMODE_OPENED) !== 0) release(file);
  const ctx = fileUserfaultfd(file);
  if (ctx !== NULL) releaseUserfaultfd(ctx);
  inodePut(fileInode(file));
  cacheFree(FILE_CACHE, file);
}

/** The driver hears of the end of what it opened, whichever worker sees it. */
function release(file: File): void {
  const number = inodeDriver(fileInode(file));
  const driver = registeredDriver(number);
  const call = { driver: driverName(number), hook: 'release', mm: NULL };
  if (driver === null) {
    const what = 'this worker has not registered the driver';
    reportDriverFault({ ...call, violation: VIOLATED_ABSENT, what, thrown: null }, NULL);
    return;
  }
  const operations = driver.operations[protocolMmapHook()];
  if (operations?.release !== undefined) tellDriver(call, () => operations.release?.(file));
}

/** Ends all that a userfaultfd watches: set by the floor that knows VMAs, alike in every worker. */
let releaseUserfaultfd: (ctx: UserfaultfdCtx) => void = () =>
  assert(false, 'who makes userfaultfds says how they end');

export function onUserfaultfdRelease(end: (ctx: UserfaultfdCtx) => void): void {
  releaseUserfaultfd = end;
}

export const fileUserfaultfd = (file: File): UserfaultfdCtx | Null =>
  word(file + USERFAULTFD) as UserfaultfdCtx | Null;

/** Before anybody else can see the file. */
export function setFileUserfaultfd(file: File, ctx: UserfaultfdCtx | Null): void {
  setWord(file + USERFAULTFD, ctx);
}

/** Before anybody else can see the file. */
export function setFileOpened(file: File): void {
  setWord(file + MODE, fileMode(file) | FMODE_OPENED);
}

/** Whether a number from outside can be an open file: a check against mistakes, not malice. */
export function isLiveFile(value: number): value is File {
  if (value <= 0 || value % FILE_CACHE.words !== 0 || value >= arenaUsed()) return false;
  const refs = atomics.load(value + REFS);
  return refs > 0 && refs < REFS_MAX && word(value + INODE) > 0;
}

const REFS_MAX = 2 ** 24;

export const filePrivateData = (file: File): number => word(file + PRIVATE_DATA);
export function setFilePrivateData(file: File, data: number): void {
  setWord(file + PRIVATE_DATA, data);
}

export const fileInode = (file: File): Inode => word(file + INODE) as Inode;
export const fileMode = (file: File): number => word(file + MODE);
export const isFileReadable = (file: File): boolean => (fileMode(file) & FMODE_READ) !== 0;
export const isFileWritable = (file: File): boolean => (fileMode(file) & FMODE_WRITE) !== 0;

/**
 * Whether bytes could not be written since this opening was last told.
 *
 * Source: mm/filemap.c, file_check_and_advance_wb_err(), v6.18.
 */
export function checkWritebackError(file: File): 0 | Errno {
  const inode = fileInode(file);
  const count = writebackErrors(inode);
  if (atomics.exchange(file + WB_SEEN, count) === count) return OK;
  return lastWritebackError(inode) === ENOSPC ? ENOSPC : EIO;
}
