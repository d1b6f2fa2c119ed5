/**
 * What a caller gives for an exec: taken once, as whoever gave it may change it later.
 *
 * Source: none; the kernel copies from user space. Whoever opens files is asked as a driver is.
 */
import { EFAULT, EINVAL, EIO, type Errno } from '../arena/errno.ts';
import { intOf } from '../syscall/ulong.ts';

/** A string of a program: text, or bytes as they are. It ends at its first NUL, if it has one. */
export type ExecString = string | Uint8Array;

/**
 * Opens a loader or a script's interpreter by its path. It may use the machine, but not the process
 * that execs.
 *
 * @returns a descriptor, which the exec closes; or an errno, such as ENOENT, for what cannot be
 *   executed. Anything else, and what it throws, is EIO.
 */
export type OpenExec = (path: string) => number | Errno;

export interface ExecveRequest {
  /** Of the program; it stays open. */
  readonly fd: number;
  /** As the program is told, and a script's interpreter. */
  readonly path: ExecString;
  readonly argv: readonly ExecString[];
  readonly envp: readonly ExecString[];
  readonly open: OpenExec;
}

/** The same, checked. Strings are without NUL. */
export interface ExecWish {
  readonly fd: number;
  readonly filename: Uint8Array;
  readonly argv: readonly Uint8Array[];
  readonly envp: readonly Uint8Array[];
  readonly open: OpenExec;
}

const encoder = new TextEncoder();

/** @returns EINVAL for what is no descriptor, EFAULT for what are no strings. */
export function readRequest({ fd, path, argv, envp, open }: ExecveRequest): ExecWish | Errno {
  if (Number.isNaN(intOf(fd))) return EINVAL;
  const [filename] = stringsOf([path]) ?? [];
  const args = stringsOf(argv);
  const env = stringsOf(envp);
  if (filename === undefined || args === null || env === null) return EFAULT;
  return { fd, filename, argv: args, envp: env, open: (name) => ask(open, name) };
}

function stringsOf(texts: readonly unknown[]): Uint8Array[] | null {
  if (!Array.isArray(texts)) return null;
  const strings = Array.from(texts, bytesOf);
  return strings.every((bytes) => bytes !== null) ? strings : null;
}

/** @returns a copy of the bytes before the first NUL. */
function bytesOf(text: unknown): Uint8Array | null {
  if (typeof text !== 'string' && !(text instanceof Uint8Array)) return null;
  const bytes = typeof text === 'string' ? encoder.encode(text) : text;
  const end = bytes.indexOf(0);
  return bytes.slice(0, end < 0 ? bytes.length : end);
}

const ERRNO_MAX = 4095;

function ask(open: OpenExec, path: string): number | Errno {
  try {
    const answer: unknown = open(path);
    return typeof answer === 'number' && Number.isSafeInteger(answer) && answer >= -ERRNO_MAX
      ? answer
      : EIO;
  } catch {
    return EIO;
  }
}
