/**
 * Errors travel as negative numbers in the result, as they do in the kernel.
 *
 * The values are those of x86-64 Linux.
 */
export const EPERM = -1;
export const ENOENT = -2;
export const ESRCH = -3;
export const EINTR = -4;
export const EIO = -5;
export const ENXIO = -6;
export const E2BIG = -7;
export const ENOEXEC = -8;
export const EBADF = -9;
export const ECHILD = -10;
export const EAGAIN = -11;
export const ENOMEM = -12;
export const EACCES = -13;
export const EFAULT = -14;
export const EBUSY = -16;
export const EEXIST = -17;
export const ENODEV = -19;
export const EISDIR = -21;
export const EINVAL = -22;
export const EMFILE = -24;
export const ENOTTY = -25;
export const ETXTBSY = -26;
export const EFBIG = -27;
export const ENOSPC = -28;
export const ESPIPE = -29;
export const EROFS = -30;
export const EDEADLK = -35;
export const ENAMETOOLONG = -36;
export const ELOOP = -40;
export const EOVERFLOW = -75;
export const ELIBBAD = -80;
export const EOPNOTSUPP = -95;

const NAMES = {
  EPERM,
  ENOENT,
  ESRCH,
  EINTR,
  EIO,
  ENXIO,
  E2BIG,
  ENOEXEC,
  EBADF,
  ECHILD,
  EAGAIN,
  ENOMEM,
  EACCES,
  EFAULT,
  EBUSY,
  EEXIST,
  ENODEV,
  EISDIR,
  EINVAL,
  EMFILE,
  ENOTTY,
  ETXTBSY,
  EFBIG,
  ENOSPC,
  ESPIPE,
  EROFS,
  EDEADLK,
  ENAMETOOLONG,
  ELOOP,
  EOVERFLOW,
  ELIBBAD,
  EOPNOTSUPP,
} as const;

export type ErrnoName = keyof typeof NAMES;
export type Errno = (typeof NAMES)[ErrnoName];

/** Success of an operation that returns nothing else. */
export const OK = 0;

/** True for an error; on the other branch the result is the plain value. */
export const isErr = (result: number): result is Errno => result < 0;

/** @returns the name of an errno, such as `ENOMEM`, or null when the engine never returns it. */
export function errnoName(errno: number): ErrnoName | null {
  for (const [name, value] of Object.entries(NAMES)) {
    if (value === errno) return name as ErrnoName;
  }
  return null;
}
