/**
 * struct file: one opening of a file. Two openings of one file never merge.
 *
 * Source: include/linux/fs.h, v6.18.
 */
import * as atomics from '#atomics';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { unchargeMemory } from '../mm/accounting.ts';
import type { File } from '../mm/vma_struct.ts';
import { type Cache, cacheAlloc, cacheFree } from '../slab/cache.ts';
import { refcountDecAndTest, refcountInc, refcountIncNotZero } from '../sync/refcount.ts';
import {
  type Inode,
  type InodeKind,
  type InodeSpec,
  inodeGet,
  inodeKind,
  inodeNew,
} from './inode.ts';
import { inodePut } from './iput.ts';

const REFS = 0; //  (a)
const INODE = 1; // (c)
const MODE = 2; //  (c) FMODE_*
const PRIVATE = 3; // (c) what the kind of file keeps for itself, or NULL

export const FILE_CACHE: Cache<'file'> = { name: 'file', id: 4, words: 8, link: 7 };

export const FMODE_READ = 1;
export const FMODE_WRITE = 2;

/** Opens an inode once more. @returns a file with one reference, or NULL. */
export function fileOpen(inode: Inode, mode: number): File | Null {
  const file = cacheAlloc(FILE_CACHE);
  if (file === NULL) return NULL;
  setWord(file + INODE, inodeGet(inode));
  setWord(file + MODE, mode);
  setWord(file + PRIVATE, NULL);
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
  if (filePrivate(file) !== NULL) releases.get(inodeKind(fileInode(file)))?.(file);
  inodePut(fileInode(file));
  cacheFree(FILE_CACHE, file);
}

/**
 * What goes with the last reference to a file that keeps something: set once for each
 * kind, by the module that makes such files, and so alike in every worker.
 */
const releases = new Map<InodeKind, (file: File) => void>();

export function setFileRelease(kind: InodeKind, release: (file: File) => void): void {
  releases.set(kind, release);
}

export const filePrivate = (file: File): number => word(file + PRIVATE);

/** Before anybody else can find the file. */
export function setFilePrivate(file: File, kept: number): void {
  setWord(file + PRIVATE, kept);
}

export const fileInode = (file: File): Inode => word(file + INODE) as Inode;
export const fileMode = (file: File): number => word(file + MODE);
export const isFileReadable = (file: File): boolean => (fileMode(file) & FMODE_READ) !== 0;
export const isFileWritable = (file: File): boolean => (fileMode(file) & FMODE_WRITE) !== 0;
