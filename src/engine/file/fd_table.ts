/**
 * Descriptors: small numbers for open files, shared by all processes of a machine.
 *
 * The table is one array of words in the arena; a slot is taken with one atomic.
 */
import * as atomics from '#atomics';
import { takeWords } from '../arena/arena.ts';
import { EBADF, EMFILE, type Errno, OK } from '../arena/errno.ts';
import { H_FILES } from '../arena/layout.ts';
import { setWord, word } from '../arena/memory.ts';
import { NULL, type Null } from '../arena/ref.ts';
import type { File } from '../mm/vma_struct.ts';
import { fput, getFileUnlessGone } from './file_struct.ts';

/** As many as /proc/sys/fs/nr_open allows a process by default would be too many: 2^16. */
export const FD_MAX = 65536;

const TABLE = H_FILES;
const NEXT = H_FILES + 1; // (a) where the last free slot was found: a hint

/** @returns false when the arena is too small for the table. */
export function initFdTable(): boolean {
  const at = takeWords(FD_MAX);
  setWord(TABLE, at);
  return at !== NULL;
}

/** Gives `file` a number; the reference of the caller goes with it. @returns it, or EMFILE. */
export function fdInstall(file: File): number | Errno {
  const start = word(NEXT);
  for (let i = 0; i < FD_MAX; i++) {
    const fd = (start + i) % FD_MAX;
    if (atomics.cas(word(TABLE) + fd, NULL, file)) {
      atomics.store(NEXT, fd);
      return fd;
    }
  }
  return EMFILE;
}

/** @returns the open file with one more reference, or NULL: EBADF to the caller. */
export function fget(fd: number): File | Null {
  if (!isFd(fd)) return NULL;
  // Ends when the slot is empty or holds still: each round means that somebody closed and opened.
  for (;;) {
    const file = atomics.load(word(TABLE) + fd) as File | Null;
    if (file === NULL) return NULL;
    if (!getFileUnlessGone(file)) continue;
    if (atomics.load(word(TABLE) + fd) === file) return file;
    fput(file);
  }
}

/** Mappings keep the file open. @returns EBADF when there is none. */
export function fdClose(fd: number): 0 | Errno {
  if (!isFd(fd)) return EBADF;
  const file = atomics.exchange(word(TABLE) + fd, NULL) as File | Null;
  if (file === NULL) return EBADF;
  atomics.store(NEXT, fd);
  fput(file);
  return OK;
}

/** Closes everything: a machine is being torn down. */
export function fdCloseAll(): void {
  for (let fd = 0; fd < FD_MAX; fd++) {
    if (word(word(TABLE) + fd) !== NULL) fdClose(fd);
  }
}

const isFd = (fd: number): boolean => Number.isInteger(fd) && fd >= 0 && fd < FD_MAX;
