/** The open files of a machine, which all its processes share. */
import { type Errno, EBADF, EINVAL, ENODEV, EPERM, isErr } from './engine/arena/errno.ts';
import { fdClose, fdInstall, fget } from './engine/file/fd_table.ts';
import { isRegistered } from './engine/file/driver_registry.ts';
import { openByDriver } from './engine/file/file_driver.ts';
import {
  fileInode,
  FMODE_READ,
  FMODE_WRITE,
  fput,
  isFileWritable,
  setFilePrivateData,
} from './engine/file/file_struct.ts';
import { inodeAddSeals, inodeSize } from './engine/file/inode.ts';
import { openFile, type OpenSpec, reopenFile } from './engine/file/open.ts';
import { fileRead, fileWrite } from './engine/file/read_write.ts';
import { NULL } from './engine/arena/ref.ts';
import type { File } from './engine/mm/vma_struct.ts';
import { fileFsync, syncHostInodes } from './engine/rmap/fsync.ts';
import { filePunchHole, fileTruncate } from './engine/rmap/truncate.ts';

export interface FileSpec extends OpenSpec {
  readonly readable?: boolean;
  readonly writable?: boolean;
  /** What its driver finds with filePrivateData(): a 32-bit number. */
  readonly privateData?: number;
}

/** What a machine does with files; descriptors are numbers of the machine. */
export abstract class MachineFiles {
  /** Makes this worker's handles point into this machine; every method begins with it. */
  abstract enter(): void;

  /**
   * Opens a new file, or by `hostFd` one of the host, whose number is the machine's from then on.
   *
   * @returns its descriptor, valid in every process; ENOMEM, EMFILE, ENOSPC; for a host's file
   *   EINVAL without a host, EIO; for the kind 'driver', ENODEV when this worker has not registered
   *   it, or the driver's refusal.
   */
  open(spec: FileSpec): number | Errno {
    this.enter();
    if (spec.kind === 'driver' && !isRegistered(spec.driver ?? '')) return ENODEV;
    return install(openFile(spec, modeOf(spec)), spec.privateData ?? 0);
  }

  /** Opens the file behind `fd` once more: another opening, which does not merge with the first. */
  reopen(
    fd: number,
    access: { readable?: boolean; writable?: boolean; privateData?: number } = {},
  ): number | Errno {
    return this.#withFile(fd, (file) =>
      install(reopenFile(file, modeOf(access)), access.privateData ?? 0),
    );
  }

  /** Another descriptor for the same opening, as dup(2). */
  dup(fd: number): number | Errno {
    this.enter();
    const file = fget(fd);
    return file === NULL ? EBADF : fdInstall(file);
  }

  close(fd: number): 0 | Errno {
    this.enter();
    return fdClose(fd);
  }

  /**
   * Reads from a file into `bytes`, from `position` (bytes) on, as pread(2).
   *
   * @returns how many bytes were read, 0 from the end of the file on; EBADF, EINVAL, EISDIR,
   *   ESPIPE, EIO, ENOMEM.
   */
  pread(fd: number, bytes: Uint8Array, position: number): number | Errno {
    if (!Number.isSafeInteger(position)) return EINVAL;
    return this.#withFile(fd, (file) => fileRead(file, position, bytes));
  }

  /**
   * Writes `bytes` to a file from `position` (bytes) on, as pwrite(2).
   *
   * @returns how many bytes were written; EBADF, EINVAL, EPERM by a seal, ESPIPE, ETXTBSY, EFBIG,
   *   ENOSPC, EIO, ENOMEM.
   */
  pwrite(fd: number, bytes: Uint8Array, position: number): number | Errno {
    if (!Number.isSafeInteger(position)) return EINVAL;
    return this.#withFile(fd, (file) => fileWrite(file, position, bytes));
  }

  /** Sets a file's size in bytes, as ftruncate(2): mappings lose what lies beyond. */
  truncate(fd: number, size: number): 0 | Errno {
    if (!Number.isSafeInteger(size)) return EINVAL;
    return this.#withFile(fd, (file) => fileTruncate(file, size));
  }

  /** Gives back [start, start + len) of a file, in bytes, as fallocate(2) punches a hole. */
  punchHole(fd: number, start: number, len: number): 0 | Errno {
    if (!Number.isInteger(start + len)) return EINVAL;
    return this.#withFile(fd, (file) => filePunchHole(file, { start, len }));
  }

  /** Brings a file's bytes to its disk, as fsync(2). @returns EIO once if some could not be. */
  fsync(fd: number): 0 | Errno {
    return this.#withFile(fd, fileFsync);
  }

  /** Brings the bytes of all files to their disks, as sync(2). */
  sync(): void {
    this.enter();
    syncHostInodes();
  }

  /** Bytes. */
  fileSize(fd: number): number | Errno {
    return this.#withFile(fd, (file) => inodeSize(fileInode(file)));
  }

  /**
   * Seals a memfd, as fcntl(F_ADD_SEALS). @returns EBUSY while a shared mapping may write, EPERM
   * when it is not open for writing or sealed for good, EINVAL for what is no memfd.
   */
  addSeals(fd: number, seals: number): 0 | Errno {
    return this.#withFile(fd, (file) =>
      isFileWritable(file) ? inodeAddSeals(fileInode(file), seals) : EPERM,
    );
  }

  /** Does something with an open file. @returns EBADF when there is none. */
  #withFile<Result extends number>(fd: number, act: (file: File) => Result): Result | Errno {
    this.enter();
    const file = fget(fd);
    if (file === NULL) return EBADF;
    const result = act(file);
    fput(file);
    return result;
  }
}

/** Gives a file to its driver, and a descriptor to it; on failure it is closed again. */
function install(file: File | Errno, privateData: number): number | Errno {
  if (isErr(file)) return file;
  setFilePrivateData(file, privateData);
  const refused = openByDriver(file);
  const fd = isErr(refused) ? refused : fdInstall(file);
  if (isErr(fd)) fput(file);
  return fd;
}

function modeOf({
  readable = true,
  writable = false,
}: Pick<FileSpec, 'readable' | 'writable'>): number {
  return (readable ? FMODE_READ : 0) | (writable ? FMODE_WRITE : 0);
}
