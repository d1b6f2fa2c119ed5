/**
 * Files outside the machine: what an engine asks of the system that it runs on.
 *
 * Each worker brings its own; the numbers by which the host knows its files are those of the
 * whole process, so that a file opened by one worker is read by another.
 */
import { EIO } from '../arena/errno.ts';
import { H_HOST } from '../arena/layout.ts';
import { setWord, word } from '../arena/memory.ts';

/**
 * A host's files, by its own numbers. Positions and sizes are bytes. What fails answers with a
 * negative errno; what throws counts as EIO.
 */
export interface HostFiles {
  /**
   * Fills `bytes`, which may lie in shared memory, from `position` on.
   *
   * @returns how many were read: 0 at the end of the file.
   */
  read(hostFd: number, position: number, bytes: Uint8Array): number;
  /** @returns how many bytes were written. */
  write(hostFd: number, position: number, bytes: Uint8Array): number;
  size(hostFd: number): number;
  truncate(hostFd: number, size: number): number;
  /** Waits until all that was written would survive a loss of power. */
  sync(hostFd: number): number;
  close(hostFd: number): number;
  /** A machine begins to use these files in this worker; `flush` is for the end of the program. */
  attached?(flush: () => void): void;
  /** This worker leaves the machine, of which `flush` can still be called unless it is over. */
  detached?(flush: () => void, isOver: boolean): void;
}

let host: HostFiles | null = null;

/** Sets the files of the machine that is in use. */
export function useHost(files: HostFiles | null): void {
  host = files;
}

/** Whether every worker of this machine brings files of a host. */
export const hasHost = (): boolean => word(H_HOST) !== 0;
export const setHasHost = (): void => setWord(H_HOST, 1);

/** Calls the host. @returns its answer, or EIO. */
function ask(call: (files: HostFiles) => number): number {
  if (host === null) return EIO;
  try {
    const answer = call(host);
    return Number.isSafeInteger(answer) ? answer : EIO;
  } catch {
    return EIO;
  }
}

/** Reads until `bytes` is full or the file ends. @returns how many bytes, or an errno. */
export function hostRead(hostFd: number, position: number, bytes: Uint8Array): number {
  return transfer(bytes, (done) =>
    ask((files) => files.read(hostFd, position + done, bytes.subarray(done))),
  );
}

/** Writes all of `bytes`. @returns how many, or an errno. */
export function hostWrite(hostFd: number, position: number, bytes: Uint8Array): number {
  const done = transfer(bytes, (at) =>
    ask((files) => files.write(hostFd, position + at, bytes.subarray(at))),
  );
  return done < 0 || done === bytes.length ? done : EIO;
}

/** Repeats a call that may do less than it was asked for. */
function transfer(bytes: Uint8Array, step: (done: number) => number): number {
  let done = 0;
  while (done < bytes.length) {
    const count = step(done);
    if (count < 0) return count;
    if (count > bytes.length - done) return EIO;
    if (count === 0) break;
    done += count;
  }
  return done;
}

export const hostSize = (hostFd: number): number => ask((files) => files.size(hostFd));
export const hostTruncate = (hostFd: number, size: number): number =>
  ask((files) => files.truncate(hostFd, size));
export const hostSync = (hostFd: number): number => ask((files) => files.sync(hostFd));
export const hostClose = (hostFd: number): number => ask((files) => files.close(hostFd));
