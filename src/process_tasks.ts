/** The life of a process: making others, ending, waiting, signals. */
import { EINVAL, type Errno, ESRCH, isErr, OK } from './engine/arena/errno.ts';
import { NULL } from './engine/arena/ref.ts';
import { mmput } from './engine/mm/mm_refs.ts';
import { signalParent, signalPgid, signalSighand, signalTgid } from './engine/mm/signal_struct.ts';
import { type Task, taskFatalSignal, taskSignal } from './engine/mm/task_struct.ts';
import { intOf, ulongOf, type Word } from './engine/syscall/ulong.ts';
import { beginNewExec } from './engine/task/begin_exec.ts';
import { sysClone } from './engine/task/clone.ts';
import {
  type CloneArgs,
  clone3Args,
  cloneArgs,
  FORK_ARGS,
  VFORK_ARGS,
} from './engine/task/clone_flags.ts';
import { doExit, doGroupExit, exitCodeOf } from './engine/task/do_exit.ts';
import { execMmap, type ExecImage } from './engine/task/exec.ts';
import { sysKill } from './engine/task/kill.ts';
import {
  OOM_SCORE_ADJ_MAX,
  OOM_SCORE_ADJ_MIN,
  oomScore,
  setOomScoreAdj,
} from './engine/task/oom_kill.ts';
import { sysProcessMrelease } from './engine/task/process_mrelease.ts';
import { sysSetpgid } from './engine/task/setpgid.ts';
import { setIgnoresChildren } from './engine/task/sighand.ts';
import { findTask, INIT_PID, tasklistLock, tasklistUnlock } from './engine/task/tasklist.ts';
import { awaitVfork } from './engine/task/vfork.ts';
import { sysWait4 } from './engine/task/wait.ts';
import type { WaitResult } from './engine/task/wait_values.ts';
import type { Process } from './process.ts';
import { ProcessUserfault } from './process_userfault.ts';

/**
 * A process among others. Descriptors, directories and namespaces belong to the machine: what
 * clone() is asked to share of them is shared anyway.
 *
 * Calls that wait put the worker to sleep: another one has to do what is waited for. On a thread
 * that may not sleep there is none meanwhile, and they give EDEADLK.
 */
export abstract class ProcessTasks extends ProcessUserfault {
  /** The number of the process; of a thread's, that of its first thread. */
  get pid(): number {
    this.enter();
    return signalTgid(taskSignal(this.task));
  }

  /** The number of the process's parent; 1 is init, the machine. */
  get parentPid(): number {
    this.enter();
    tasklistLock();
    const parent = signalParent(taskSignal(this.task));
    const pid = parent === NULL ? INIT_PID : signalTgid(parent);
    tasklistUnlock();
    return pid;
  }

  /**
   * The signal that the process is to die of, or 0. Its calls still work; who runs it gives it an
   * end, by exit().
   */
  fatalSignal(): number {
    this.enter();
    return taskFatalSignal(this.task);
  }

  /** @returns a copy of the process; ENOMEM, or EINTR for one that is to die, with nothing left. */
  fork(): Process | Errno {
    return this.#clone(FORK_ARGS);
  }

  /**
   * A child in this address space. The parent is to make no call before awaitVfork(): in Linux it
   * sleeps until the child execs or exits.
   */
  vfork(): Process | Errno {
    return this.#clone(VFORK_ARGS);
  }

  /**
   * Sleeps until a child made with CLONE_VFORK has left this address space, by exec or exit.
   *
   * @returns EINTR when this process is to die first.
   */
  awaitVfork(child: Process): 0 | Errno {
    this.enter();
    return awaitVfork(child.task, child.id);
  }

  /**
   * clone(2): CLONE_* and the signal for the parent. @returns the child, or with CLONE_THREAD the
   * thread; EINVAL for flags that contradict each other and for namespaces, ENOMEM, EINTR.
   */
  clone(flags: Word): Process | Errno {
    const f = intOf(flags);
    return Number.isNaN(f) ? EINVAL : this.#clone(cloneArgs(f));
  }

  /** clone3(2), which refuses more. */
  clone3(flags: Word, exitSignal: Word): Process | Errno {
    const f = ulongOf(flags);
    const s = ulongOf(exitSignal);
    if (Number.isNaN(f + s) || f < 0) return EINVAL;
    return this.#clone(clone3Args(f, s));
  }

  #clone(args: CloneArgs | Errno): Process | Errno {
    this.enter();
    if (typeof args === 'number') return args;
    const task = sysClone(args);
    return isErr(task) ? task : this.relative(task);
  }

  /** A task of the same machine. */
  protected abstract relative(task: Task): Process;

  /**
   * Leaves the address space for a new one. Other threads of the process are told to end, and
   * waited for; it gets the number of the process. On failure the old address space stays.
   *
   * @returns EINVAL, EBADF, ENOMEM of the image; EAGAIN for a process that is ending, and where
   *   threads would be waited for and this one may not sleep.
   */
  exec(image: ExecImage): 0 | Errno {
    this.enter();
    const mm = execMmap(this.task, image);
    if (isErr(mm)) return mm;
    const result = beginNewExec(mm);
    if (isErr(result)) mmput(mm);
    this.renumber();
    return result;
  }

  /**
   * Ends the thread. The last one ends the process, with the low byte of `status`: a zombie until
   * its parent waits; the last one to leave an address space takes it apart.
   */
  exit(status: Word = 0): void {
    this.enter();
    doExit(exitCodeOf(intOf(status) || 0));
  }

  /** Ends the thread, and tells all others of the process to end. */
  exitGroup(status: Word = 0): void {
    this.enter();
    doGroupExit(exitCodeOf(intOf(status) || 0));
  }

  /**
   * Sends a signal to this process, on behalf of nobody. One that ends processes by default
   * condemns it: see `fatalSignal()`. @returns EINVAL for what is no signal, ESRCH when it is gone.
   */
  kill(signal: number): 0 | Errno {
    this.machine.enter();
    return sysKill(this.id, signal);
  }

  /**
   * wait4(2): takes away a child that has ended. It sleeps until there is one, unless `options` has
   * WNOHANG.
   *
   * @param pid a child, -1 for any, 0 for those of the same process group, -n for those of group n.
   * @returns what became of it; 0 with WNOHANG when there is nothing yet; ECHILD, EINVAL, ESRCH,
   *   EINTR.
   */
  wait(pid: Word = -1, options: Word = 0): WaitResult | 0 | Errno {
    this.enter();
    const p = intOf(pid);
    const o = intOf(options);
    return Number.isNaN(p + o) ? EINVAL : sysWait4({ pid: p, options: o });
  }

  /** The group of the process, which its children are born into. */
  get pgid(): number {
    this.enter();
    return signalPgid(taskSignal(this.task));
  }

  /** setpgid(2): moves this process, or a child, to a group. @returns EINVAL, ESRCH, EPERM, EACCES. */
  setpgid(pid: Word, pgid: Word): 0 | Errno {
    this.enter();
    const [p, g] = [intOf(pid), intOf(pgid)];
    return Number.isNaN(p + g) ? EINVAL : sysSetpgid(p, g);
  }

  /**
   * sigaction(SIGCHLD, SIG_IGN), or SIG_DFL: children that end from then on are no zombies. Copies
   * and new programs do the same.
   */
  ignoreChildren(ignores = true): void {
    this.enter();
    tasklistLock();
    setIgnoresChildren(signalSighand(taskSignal(this.task)), ignores);
    tasklistUnlock();
  }

  /**
   * process_mrelease(2) of this process, by the machine: takes its private memory away, if it is
   * dying. @returns EINVAL for flags or a process that lives; ESRCH when its memory is gone.
   */
  mrelease(flags: Word = 0): 0 | Errno {
    this.machine.enter();
    const f = ulongOf(flags);
    return Number.isNaN(f) ? EINVAL : sysProcessMrelease(this.id, f);
  }

  /** /proc/PID/oom_score: how likely the OOM killer takes this process. 666 is one with nothing. */
  oomScore(): number {
    this.enter();
    tasklistLock();
    const score = oomScore(taskSignal(this.task));
    tasklistUnlock();
    return score;
  }

  /** /proc/PID/oom_score_adj: from -1000, never killed, to 1000. @returns EINVAL, ESRCH. */
  setOomScoreAdj(adj: number): 0 | Errno {
    this.machine.enter();
    if (!Number.isInteger(adj) || adj < OOM_SCORE_ADJ_MIN || adj > OOM_SCORE_ADJ_MAX) return EINVAL;
    tasklistLock();
    const task = findTask(this.id);
    if (task !== NULL) setOomScoreAdj(taskSignal(task), adj);
    tasklistUnlock();
    return task === NULL ? ESRCH : OK;
  }
}
