/**
 * struct file: one opening of a file. Two openings of one file never merge.
 *
 * Source: include/linux/fs.h, v6.18.
 */
import * as atomics from '#atomics';
import { EIO, ENOSPC, type Errno, OK } from '../arena/errno.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { unchargeMemory } from '../mm/accounting.ts';
import type { File } from '../mm/vma_struct.ts';
import { type Cache, cacheAlloc, cacheFree } from '../slab/cache.ts';
import { refcountDecAndTest, refcountInc, refcountIncNotZero } from '../sync/refcount.ts';
import { lastWritebackError, writebackErrors } from './address_space.ts';
import { type Inode, type InodeSpec, inodeGet, inodeNew } from './inode.ts';
import { inodePut } from './iput.ts';

const REFS = 0; //  (a)
const INODE = 1; // (c)
const MODE = 2; //  (c) FMODE_*
const WB_SEEN = 3; // (a) how many errors of writing back this opening was told of

export const FILE_CACHE: Cache<'file'> = { name: 'file', id: 4, words: 8, link: 7 };

export const FMODE_READ = 1;
export const FMODE_WRITE = 2;

/** Opens an inode once more. @returns a file with one reference, or NULL. */
export function fileOpen(inode: Inode, mode: number): File | Null {
  const file = cacheAlloc(FILE_CACHE);
  if (file === NULL) return NULL;
  setWord(file + INODE, inodeGet(inode));
  setWord(file + MODE, mode);
  setWord(file + WB_SEEN, writebackErrors(inode));
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
  inodePut(fileInode(file));
  cacheFree(FILE_CACHE, file);
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
