/**
 * Waiting for children.
 *
 * Source: kernel/exit.c, kernel_wait4(), do_wait(), wait_consider_task(), wait_task_zombie(),
 * v6.18. Nothing stops or is traced here, so only ends are waited for.
 */
import { ECHILD, EDEADLK, EINTR, EINVAL, type Errno, ESRCH } from '../arena/errno.ts';
import { NULL, type Null } from '../arena/ref.ts';
import { maySleep } from '../arena/sleep.ts';
import {
  isZombie,
  signalExitCode,
  signalExitSignal,
  signalFirstChild,
  signalNews,
  signalNextSibling,
  signalPgid,
  type SignalStruct,
  signalTgid,
  sleepUntilNews,
} from '../mm/signal_struct.ts';
import { current, fatalSignalPending, SIGCHLD, taskSignal } from '../mm/task_struct.ts';
import { freeReleased, release, type Released } from './do_exit.ts';
import { tasklistLock, tasklistUnlock } from './tasklist.ts';
import { WAIT_OPTIONS, type WaitResult, WALL, WCLONE, WNOHANG } from './wait_values.ts';

const INT_MIN = -(2 ** 31);

export interface WaitArgs {
  /** A child; -1 any; 0 those of the caller's process group; else those of the group -pid. */
  readonly pid: number;
  /** W* */
  readonly options: number;
}

/**
 * Takes away a child of the running task that has ended. Without WNOHANG it sleeps until there is
 * one.
 *
 * @returns 0 with WNOHANG when all that could be waited for live; EINVAL for other options; ESRCH
 *   for the smallest number there is; ECHILD when there is no such child; EINTR when the running
 *   task is to die; EDEADLK on a thread that may not sleep.
 */
export function sysWait4(args: WaitArgs): WaitResult | 0 | Errno {
  const { pid, options } = args;
  if ((options & ~WAIT_OPTIONS) !== 0) return EINVAL;
  if (pid === INT_MIN) return ESRCH;
  const parent = taskSignal(current());
  // Ends: a child's end is news, as is its going away unwaited, and a signal.
  for (;;) {
    const seen = signalNews(parent);
    const found = reap(parent, args);
    if (found !== 0) return found;
    if ((options & WNOHANG) !== 0) return 0;
    if (fatalSignalPending()) return EINTR;
    if (!maySleep) return EDEADLK;
    sleepUntilNews(parent, seen);
  }
}

/** @returns 0 when there are such children, and they live. */
function reap(parent: SignalStruct, args: WaitArgs): WaitResult | 0 | Errno {
  const gone: Released[] = [];
  tasklistLock();
  const result = findEnded(parent, args);
  if (typeof result !== 'number') release(result.child, gone);
  tasklistUnlock();
  for (const released of gone) freeReleased(released);
  return typeof result === 'number' ? result : { pid: result.pid, status: result.status };
}

/** The oldest such child that has ended. */
function findEnded(
  parent: SignalStruct,
  args: WaitArgs,
): (WaitResult & { child: SignalStruct }) | 0 | Errno {
  let ended: SignalStruct | Null = NULL;
  let isAny = false;
  const first = signalFirstChild(parent);
  for (let child = first; child !== NULL; child = signalNextSibling(child)) {
    if (!isMeant(parent, child, args)) continue;
    isAny = true;
    if (isZombie(child)) ended = child;
  }
  if (ended === NULL) return isAny ? 0 : ECHILD;
  return { child: ended, pid: signalTgid(ended), status: signalExitCode(ended) };
}

function isMeant(parent: SignalStruct, child: SignalStruct, { pid, options }: WaitArgs): boolean {
  if (pid > 0 && signalTgid(child) !== pid) return false;
  if (pid === 0 && signalPgid(child) !== signalPgid(parent)) return false;
  if (pid < -1 && signalPgid(child) !== -pid) return false;
  if ((options & WALL) !== 0) return true;
  return ((options & WCLONE) !== 0) === (signalExitSignal(child) !== SIGCHLD);
}
