/**
 * What clone(2) is asked for, and which wishes do not go together.
 *
 * Source: include/uapi/linux/sched.h; kernel/fork.c, copy_process(), clone3_args_valid(), v6.18.
 */
import { EINVAL, type Errno, OK } from '../arena/errno.ts';
import {
  CLONE_CLEAR_SIGHAND,
  CLONE_DETACHED,
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  CLONE_PARENT,
  CLONE_PARENT_SETTID,
  CLONE_PIDFD,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
} from './clone_values.ts';
import { SIGCHLD } from '../mm/task_struct.ts';
import { SIGNALS } from './kill.ts';

/** The low byte of clone's flags is the signal for the parent. */
const CSIGNAL = 0xff;

/** There is one of each here, as in a kernel built without namespaces. */
const NAMESPACES =
  CLONE_NEWNS |
  CLONE_NEWCGROUP |
  CLONE_NEWUTS |
  CLONE_NEWIPC |
  CLONE_NEWUSER |
  CLONE_NEWPID |
  CLONE_NEWNET;

export interface CloneArgs {
  /** CLONE_*, the low 32 bits. */
  readonly flags: number;
  /** What the parent is sent at the child's end; 0 for nothing. */
  readonly exitSignal: number;
}

/** What fork(2) asks for. */
export const FORK_ARGS: CloneArgs = { flags: 0, exitSignal: SIGCHLD };
export const VFORK_ARGS: CloneArgs = { flags: CLONE_VM | CLONE_VFORK, exitSignal: SIGCHLD };

/**
 * The low 32 bits of the flags of clone(2), of which the low byte is the signal; what is above them
 * means nothing. @returns EINVAL for two that leave their results in the same place.
 */
export function cloneArgs(flags: number): CloneArgs | Errno {
  const isBoth = (flags & CLONE_PIDFD) !== 0 && (flags & CLONE_PARENT_SETTID) !== 0;
  return isBoth ? EINVAL : { flags: (flags & ~CSIGNAL) >>> 0, exitSignal: flags & CSIGNAL };
}

/** Those of clone3(2). @returns EINVAL. */
export function clone3Args(flags: number, exitSignal: number): CloneArgs | Errno {
  const high = Math.floor(flags / 2 ** 32);
  const low = (flags % 2 ** 32) | 0;
  const clearsSighand = high * 2 ** 32 === CLONE_CLEAR_SIGHAND;
  if (high !== 0 && !clearsSighand) return EINVAL;
  if ((low & (CLONE_DETACHED | CSIGNAL)) !== 0) return EINVAL;
  if (clearsSighand && (low & CLONE_SIGHAND) !== 0) return EINVAL;
  if ((low & (CLONE_THREAD | CLONE_PARENT)) !== 0 && exitSignal !== 0) return EINVAL;
  if (!(exitSignal >= 0 && exitSignal <= SIGNALS)) return EINVAL;
  return { flags: low >>> 0, exitSignal };
}

/** @returns EINVAL for flags that contradict each other, or what is not modelled. */
export function refuseClone({ flags }: CloneArgs): 0 | Errno {
  const has = (bits: number): boolean => (flags & bits) === bits;
  if (has(CLONE_THREAD) && !has(CLONE_SIGHAND)) return EINVAL;
  if (has(CLONE_SIGHAND) && !has(CLONE_VM)) return EINVAL;
  if (has(CLONE_PIDFD | CLONE_DETACHED)) return EINVAL;
  return (flags & NAMESPACES) === 0 ? OK : EINVAL;
}
