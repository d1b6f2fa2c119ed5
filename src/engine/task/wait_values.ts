/**
 * Options and results of wait(2).
 *
 * Source: include/uapi/linux/wait.h; the status is that of wait(2) on Linux.
 */
export const WNOHANG = 1;
export const WUNTRACED = 2;
export const WCONTINUED = 8;
/** Only children of the calling thread; here as without it, since children are the process's. */
export const WNOTHREAD = 0x20000000;
/** Children whether they send SIGCHLD or not. */
export const WALL = 0x40000000;
/** Only children that send something else than SIGCHLD, or nothing. */
export const WCLONE = 0x80000000;

/** Which options wait4() knows; what it adds to them itself is none of the caller's. */
export const WAIT_OPTIONS = WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE;

/** A child that has ended. */
export interface WaitResult {
  readonly pid: number;
  /** To be read with the functions below. */
  readonly status: number;
}

export const WIFEXITED = (status: number): boolean => (status & 0x7f) === 0;
export const WEXITSTATUS = (status: number): number => (status >> 8) & 0xff;
export const WIFSIGNALED = (status: number): boolean => !WIFEXITED(status);
export const WTERMSIG = (status: number): number => status & 0x7f;
