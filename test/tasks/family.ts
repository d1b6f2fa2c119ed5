/**
 * Processes as a list of objects, one line a rule: what wait(2), clone(2), exit(2) and kill(2) say
 * of parents and children. Tests run it beside the engine.
 */
import { EACCES, ECHILD, EINVAL, EPERM, ESRCH, SIGCHLD, WALL, WCLONE } from '../../src/index.ts';

/** One process; its number is the one that the other side gave it. */
export interface Member {
  readonly pid: number;
  parent: Member | null;
  pgid: number;
  /** The threads that have not ended, the leader among them or not. */
  readonly threads: Set<number>;
  /** As wait(2) tells it; null while it lives. */
  status: number | null;
  exitSignal: number;
  ignoresChildren: boolean;
  hasExeced: boolean;
}

export const INIT = 1;

export class Family {
  /** The living and the zombies, the oldest first. */
  members: Member[] = [];

  /** A process whose parent is init. */
  spawn(pid: number): Member {
    return this.#add({ pid, parent: null, pgid: pid, exitSignal: SIGCHLD, ignoresChildren: false });
  }

  fork(maker: Member, pid: number, { exitSignal = SIGCHLD, isSibling = false } = {}): Member {
    return this.#add({
      pid,
      parent: isSibling ? maker.parent : maker,
      pgid: maker.pgid,
      exitSignal: isSibling ? maker.exitSignal : exitSignal,
      ignoresChildren: maker.ignoresChildren,
    });
  }

  #add(parts: Pick<Member, 'pid' | 'parent' | 'pgid' | 'exitSignal' | 'ignoresChildren'>): Member {
    const threads = new Set([parts.pid]);
    const member: Member = { ...parts, threads, status: null, hasExeced: false };
    this.members.push(member);
    return member;
  }

  /** One thread ends. */
  exit(member: Member, tid: number, status: number): void {
    member.threads.delete(tid);
    if (member.threads.size === 0) this.end(member, (status & 0xff) << 8);
  }

  /** All threads end. */
  end(member: Member, status: number): void {
    member.threads.clear();
    member.status = status;
    for (const child of this.#childrenOf(member)) {
      child.parent = null;
      child.exitSignal = SIGCHLD;
      if (child.status !== null) this.#forget(child);
    }
    const { parent } = member;
    const isUnwaited = parent?.ignoresChildren === true && member.exitSignal === SIGCHLD;
    if (parent === null || isUnwaited) this.#forget(member);
  }

  /** Only this thread goes on, under the number of the process. */
  exec(member: Member): void {
    member.threads.clear();
    member.threads.add(member.pid);
    member.exitSignal = SIGCHLD;
    member.hasExeced = true;
  }

  /** @returns the child that is taken away; 0 when such children live; ECHILD. */
  wait(member: Member, pid: number, options: number): Member | number {
    const meant = this.#childrenOf(member).filter((child) => isMeant(member, child, pid, options));
    if (meant.length === 0) return ECHILD;
    const ended = meant.find(({ status }) => status !== null);
    if (ended === undefined) return 0;
    this.#forget(ended);
    return ended;
  }

  setpgid(member: Member, pid: number, pgid: number): number {
    if (pgid < 0) return EINVAL;
    const target = pid === 0 ? member : this.members.find((each) => each.pid === pid);
    if (target === undefined) return ESRCH;
    if (target.parent === member && target.hasExeced) return EACCES;
    if (target.parent !== member && target !== member) return ESRCH;
    const group = pgid === 0 ? target.pid : pgid;
    const isThere = this.members.some((each) => each.pgid === group);
    if (group !== target.pid && !isThere) return EPERM;
    target.pgid = group;
    return 0;
  }

  #childrenOf(parent: Member): Member[] {
    return this.members.filter((each) => each.parent === parent);
  }

  #forget(member: Member): void {
    this.members = this.members.filter((each) => each !== member);
  }
}

function isMeant(member: Member, child: Member, pid: number, options: number): boolean {
  if (pid > 0 && child.pid !== pid) return false;
  if (pid === 0 && child.pgid !== member.pgid) return false;
  if (pid < -1 && child.pgid !== -pid) return false;
  if ((options & WALL) !== 0) return true;
  return ((options & WCLONE) !== 0) === (child.exitSignal !== SIGCHLD);
}
