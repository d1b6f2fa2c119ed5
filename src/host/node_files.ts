/**
 * Files of the system that Node runs on, for machines that map them.
 *
 *   const machine = Machine.create({ host: new NodeFiles() });
 *   const fd = openPath(machine, 'data.bin', { readable: true, writable: true });
 *
 * Numbers of open files are the process's, so a file that one worker opens is read and written by
 * all. While a machine uses these files, what is dirty is written when the program ends: at its
 * end, by process.exit(), by an uncaught exception, by SIGINT, SIGTERM or SIGHUP. As with a mapping
 * of the system's own, a crash between a store and msync() loses nothing; only SIGKILL and a loss
 * of power do, of which Linux survives the first. Let the main thread make the machine or attach to
 * it once: Node ends other threads without telling them.
 */
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  realpathSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import {
  EACCES,
  EIO,
  EINVAL,
  ENODEV,
  type Errno,
  type ExecStart,
  type ExecString,
  type FileSpec,
  type HostFiles,
  I_HUGE_ALIGN,
  I_SETID,
  type InodeKind,
  isErr,
  type Machine,
  type Process,
} from '../index.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What is written at the end, of all machines of this worker. */
const flushes = new Set<() => void>();

export class NodeFiles implements HostFiles {
  read(hostFd: number, position: number, bytes: Uint8Array): number {
    return attempt(() => readSync(hostFd, bytes, 0, bytes.length, position));
  }

  write(hostFd: number, position: number, bytes: Uint8Array): number {
    return attempt(() => writeSync(hostFd, bytes, 0, bytes.length, position));
  }

  size(hostFd: number): number {
    return attempt(() => fstatSync(hostFd).size);
  }

  truncate(hostFd: number, size: number): number {
    return attempt(() => ftruncateSync(hostFd, size));
  }

  sync(hostFd: number): number {
    return attempt(() => fsyncSync(hostFd));
  }

  close(hostFd: number): number {
    return attempt(() => closeSync(hostFd));
  }

  attached(flush: () => void): void {
    if (flushes.size === 0) watchTheEnd();
    flushes.add(flush);
  }

  /** The main thread stays on watch: it ends the others without a word to them. */
  detached(flush: () => void, isOver: boolean): void {
    if (!isOver && isMainThread) return;
    flushes.delete(flush);
    if (flushes.size === 0) stopWatching();
  }
}

export interface PathAccess {
  readonly readable?: boolean;
  readonly writable?: boolean;
}

/**
 * Opens a file of the system in a machine whose host is a NodeFiles. Openings of one file share
 * its pages. A file that is to be written has to be readable too: pages are written in whole.
 *
 * @returns a descriptor of the machine; or what the system says of the path, such as ENOENT,
 *   EACCES or EISDIR; ENODEV for what has no pages, such as a pipe; EMFILE, ENOMEM.
 */
export function openPath(machine: Machine, path: string, access: PathAccess = {}): number | Errno {
  const { readable = true, writable = false } = access;
  const flags = (writable ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NONBLOCK;
  const hostFd = attempt(() => openSync(path, flags));
  if (isErr(hostFd)) return hostFd;
  const spec = describe(hostFd, path);
  if (spec === null) {
    closeSync(hostFd);
    return ENODEV;
  }
  if (spec.kind !== 'regular') closeSync(hostFd);
  return machine.open({ ...spec, readable, writable });
}

export interface ExecArguments {
  /** Default: the path. */
  readonly argv?: readonly ExecString[];
  /** As `NAME=value`. Default: none. */
  readonly envp?: readonly ExecString[];
}

/**
 * execve(2) of a program of the system, with its loader or interpreter from there too, in a process
 * of a machine whose host is a NodeFiles. Nothing of it runs.
 *
 * @returns as Process.execve(); or what the system says of the path, such as ENOENT; EACCES for
 *   what may not be executed, or not be read.
 */
export function execPath(
  process: Process,
  path: string,
  { argv = [path], envp = [] }: ExecArguments = {},
): ExecStart | Errno {
  const { machine } = process;
  const open = (name: string): number => openProgram(machine, name);
  const fd = open(path);
  if (isErr(fd)) return fd;
  const started = process.execve({ fd, path, argv, envp, open });
  machine.close(fd);
  return started;
}

function openProgram(machine: Machine, path: string): number | Errno {
  const kind = attempt(() => (statSync(path).isFile() ? 0 : EACCES));
  const refused = isErr(kind) ? kind : attempt(() => accessSync(path, constants.X_OK));
  return isErr(refused) ? refused : openPath(machine, path);
}

/** File systems that align large mappings to huge pages, by their magic numbers: ext4, xfs, btrfs. */
const HUGE_ALIGNING: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e]);

/** Bits of a file's mode, as in stat(2). */
const S_ISUID = 0o4000;
const SETGID_EXECUTABLE = 0o2010;

/** /dev/zero has pages of its own kind. */
const ZERO_MAJOR = 1;
const ZERO_MINOR = 5;

/** @returns what a machine has to know of an open file, or null when it cannot be mapped. */
function describe(hostFd: number, path: string): FileSpec | null {
  const stat = fstatSync(hostFd, { bigint: true });
  const kind = kindOf(stat);
  if (kind === null) return null;
  const identity = {
    path: realpathSync(path),
    devMajor: major(stat.dev),
    devMinor: minor(stat.dev),
    ino: Number(stat.ino),
  };
  if (kind !== 'regular') return { ...identity, kind };
  const huge = HUGE_ALIGNING.has(statfsSync(path).type) ? I_HUGE_ALIGN : 0;
  const setid = isSetid(Number(stat.mode)) ? I_SETID : 0;
  return { ...identity, kind, hostFd, flags: huge | setid };
}

/** The bit of the group means something else on a file that the group may not execute. */
const isSetid = (mode: number): boolean =>
  (mode & S_ISUID) !== 0 || (mode & SETGID_EXECUTABLE) === SETGID_EXECUTABLE;

interface Stat {
  readonly rdev: bigint;
  isFile(): boolean;
  isDirectory(): boolean;
  isCharacterDevice(): boolean;
}

function kindOf(stat: Stat): InodeKind | null {
  if (stat.isFile()) return 'regular';
  if (stat.isDirectory()) return 'directory';
  const isZero =
    stat.isCharacterDevice() && major(stat.rdev) === ZERO_MAJOR && minor(stat.rdev) === ZERO_MINOR;
  return isZero ? 'zero' : null;
}

// As in glibc, sys/sysmacros.h.
const major = (dev: bigint): number => Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn));
const minor = (dev: bigint): number => Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n));

/** Makes an answer of what is thrown: Node's `errno` is that of the system, negative. */
function attempt(call: () => number | void): number {
  try {
    return call() ?? 0;
  } catch (error) {
    const errno = (error as { errno?: unknown }).errno;
    if (typeof errno === 'number' && errno < 0) return errno;
    return error instanceof RangeError || error instanceof TypeError ? EINVAL : EIO;
  }
}

function flushAll(): void {
  for (const flush of flushes) flush();
}

/** Ends as the signal would have ended it, if nobody else waits for that signal. */
function flushAndEnd(signal: NodeJS.Signals): void {
  flushAll();
  if (process.listenerCount(signal) > 1) return;
  process.off(signal, flushAndEnd);
  process.kill(process.pid, signal);
}

function watchTheEnd(): void {
  process.on('exit', flushAll);
  if (!isMainThread) return;
  for (const signal of SIGNALS) process.on(signal, flushAndEnd);
}

function stopWatching(): void {
  process.off('exit', flushAll);
  for (const signal of SIGNALS) process.off(signal, flushAndEnd);
}
