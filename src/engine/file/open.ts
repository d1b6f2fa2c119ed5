/**
 * Opening files: new ones with their first bytes, and files of the host, of which each is opened
 * once however often it is asked for.
 *
 * Source: fs/open.c, do_dentry_open(), v6.18, for what an opening is.
 */
import { EACCES, EINVAL, EIO, ENOMEM, ENXIO, type Errno, isErr } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import type { File } from '../mm/vma_struct.ts';
import { inodeHostFd, inodeHostWriteFd, isHostInode, offerHostWriteFd } from './address_space.ts';
import { fileInode, fileNew, fileOpen, FMODE_WRITE, fput } from './file_struct.ts';
import { hasHost, hostClose, hostSize } from './host.ts';
import { addHostInode, findHostInode, hostInodesLock, hostInodesUnlock } from './host_inodes.ts';
import { type Inode, inodeKind, inodeNew, type InodeSpec } from './inode.ts';
import { inodePut } from './iput.ts';
import { writeBytes } from './read_write.ts';
import { ALL_PAGES, writebackPages } from './writeback.ts';

export interface OpenSpec extends InodeSpec {
  /** The first bytes of a file that is kept in memory. Default of `size`: their number. */
  readonly contents?: Uint8Array;
}

/** @returns a file with one reference; ENOMEM; for a host's file EINVAL without a host, EIO. */
export function openFile(spec: OpenSpec, mode: number): File | Errno {
  if (spec.hostFd !== undefined) return openHostFile(spec, mode, spec.hostFd);
  const { contents = NO_BYTES } = spec;
  const file = fileNew({ ...spec, size: spec.size ?? contents.length }, mode);
  if (file === NULL) return ENOMEM;
  const written = writeBytes(fileInode(file), 0, contents);
  if (written !== contents.length) {
    fput(file);
    return isErr(written) ? written : ENOMEM;
  }
  // What a file begins with is what its disk has.
  writebackPages(fileInode(file), ALL_PAGES, () => false);
  return file;
}

const NO_BYTES = new Uint8Array(0);

/**
 * Opens the inode of a file once more.
 *
 * @returns EACCES when its host was only asked to read, ENXIO of what has no name, ENOMEM.
 */
export function reopenFile(file: File, mode: number): File | Errno {
  const inode = fileInode(file);
  if (inodeKind(inode) === 'anon_inode') return ENXIO;
  const isWriter = (mode & FMODE_WRITE) !== 0;
  if (isWriter && isHostInode(inode) && inodeHostWriteFd(inode) < 0) return EACCES;
  const again = fileOpen(inode, mode);
  return again === NULL ? ENOMEM : again;
}

/** The host's number is the machine's from here on: it is closed at the latest with the file. */
function openHostFile(spec: OpenSpec, mode: number, hostFd: number): File | Errno {
  if (!hasHost()) return EINVAL;
  const size = hostSize(hostFd);
  const inode = size < 0 ? NULL : hostInode({ ...spec, size });
  if (inode === NULL) {
    hostClose(hostFd);
    if (size >= 0) return ENOMEM;
    return isErr(size) ? size : EIO;
  }
  takeHostFd(inode, hostFd, mode);
  const file = fileOpen(inode, mode);
  inodePut(inode);
  return file === NULL ? ENOMEM : file;
}

/** @returns the inode of a host's file, found or new, with a reference; or NULL. */
function hostInode(spec: InodeSpec): Inode | Null {
  hostInodesLock();
  let inode = findHostInode(spec);
  if (inode === NULL) {
    inode = inodeNew(spec);
    if (inode !== NULL) addHostInode(inode);
  }
  hostInodesUnlock();
  return inode;
}

/** Keeps the number if it is the first to read by, or the first to write by. */
function takeHostFd(inode: Inode, hostFd: number, mode: number): void {
  const isRead = inodeHostFd(inode) === hostFd;
  const isWrite = (mode & FMODE_WRITE) !== 0 && offerHostWriteFd(inode, hostFd);
  if (!isRead && !isWrite) hostClose(hostFd);
}
