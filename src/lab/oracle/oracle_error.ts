import { getSystemErrorName } from 'node:util';
import type { SyscallName } from './syscalls.ts';

/**
 * Why the live kernel gave no answer: the process that asks was killed or hung, this machine
 * refuses something it needs, or has no such kernel.
 */
export type OracleErrorKind = 'killed' | 'hung' | 'denied' | 'absent';

export class OracleError extends Error {
  readonly kind: OracleErrorKind;

  constructor(kind: OracleErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

const WHAT_TO_DO: Readonly<Record<string, string>> = {
  EMFILE: 'no file descriptors are left: close some, or raise "ulimit -n"',
  ENFILE: 'the machine has no file descriptors left: raise fs.file-max',
  EAGAIN: 'no processes or timers are left: raise "ulimit -u" and "ulimit -i", or end some',
  ENOMEM: 'no memory is left: free some',
  EPERM: 'a sandbox filters it or a right is missing: run as root, outside the sandbox',
};

/** What to do for calls that a kernel of the right version may lack. */
const WHERE_FOUND: Readonly<Record<string, string>> = {
  memfd_secret: 'boot with secretmem.enable=1, outside the sandbox',
  userfaultfd: 'it needs CONFIG_USERFAULTFD, outside the sandbox',
};

/** What this machine lacks when a call that must succeed fails. */
export function deniedCall(call: SyscallName, errno: number): OracleError {
  const name = getSystemErrorName(errno);
  if (name === 'ENOSYS') {
    const sentence = `this kernel has no ${call}(): ${WHERE_FOUND[call] ?? 'use Linux 6.18'}.`;
    return new OracleError('absent', sentence);
  }
  const advice = WHAT_TO_DO[name] ?? 'it must succeed for the oracle to work';
  return new OracleError('denied', `${call} is refused here with ${name}: ${advice}.`);
}

/** Does what this program itself needs, and says what the machine refused. */
export function denying<Result>(call: SyscallName, act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : NaN;
    throw Number.isNaN(errno) ? error : deniedCall(call, errno);
  }
}
