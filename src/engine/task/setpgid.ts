/**
 * Process groups, by which wait(2) chooses children. All processes of a machine are in one session,
 * which nobody leads.
 *
 * Source: kernel/sys.c, SYSCALL_DEFINE2(setpgid), v6.18.
 */
import { EACCES, EINVAL, EPERM, type Errno, ESRCH, OK } from '../arena/errno.ts';
import { NULL } from '../arena/ref.ts';
import {
  setSignalPgid,
  SIGNAL_HAS_EXECED,
  signalFlags,
  signalParent,
  signalPgid,
  type SignalStruct,
  signalTgid,
} from '../mm/signal_struct.ts';
import { current, taskSignal } from '../mm/task_struct.ts';
import { eachProcess, findTask, tasklistLock, tasklistUnlock } from './tasklist.ts';

/**
 * Puts the running task's process, or a child of it, into a group; 0 stands for the caller, and for
 * the group of the process's own number.
 *
 * @returns EINVAL for a negative group, or the number of a thread; ESRCH for who is neither; EACCES
 *   for a child that has become another program; EPERM for a group that nobody is in.
 */
export function sysSetpgid(pid: number, pgid: number): 0 | Errno {
  if (pgid < 0) return EINVAL;
  const own = taskSignal(current());
  tasklistLock();
  const result = setGroup(own, pid === 0 ? signalTgid(own) : pid, pgid);
  tasklistUnlock();
  return result;
}

function setGroup(own: SignalStruct, pid: number, pgid: number): 0 | Errno {
  const task = findTask(pid);
  if (task === NULL) return ESRCH;
  const signal = taskSignal(task);
  if (signalTgid(signal) !== pid) return EINVAL;
  if (signalParent(signal) === own) {
    if ((signalFlags(signal) & SIGNAL_HAS_EXECED) !== 0) return EACCES;
  } else if (signal !== own) return ESRCH;
  const group = pgid === 0 ? pid : pgid;
  if (group !== pid && !hasMembers(group)) return EPERM;
  setSignalPgid(signal, group);
  return OK;
}

function hasMembers(pgid: number): boolean {
  for (const signal of eachProcess()) if (signalPgid(signal) === pgid) return true;
  return false;
}
