/** A process: the system calls, as a program makes them. */
import { EFAULT, EINVAL, type Errno, ESRCH, OK } from './engine/arena/errno.ts';
import { NULL } from './engine/arena/ref.ts';
import { PAGE_SIZE, TASK_SIZE, type Ulong } from './engine/arena/units.ts';
import {
  mmLayout,
  mmMapCount,
  type MmDouble,
  type MmLayout,
  setMmLayout,
} from './engine/mm/mm_struct.ts';
import {
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteLock,
  mmapWriteUnlock,
} from './engine/mm/mmap_lock.ts';
import {
  isRlimit,
  type Rlimit,
  setCaps,
  PERSONALITY_QUERY,
  setPersonality,
  setRlimit,
  type Task,
  taskPersonality,
  taskRlimit,
} from './engine/mm/task_struct.ts';
import { lockVmaUnderRcu, vmaLookup } from './engine/mm/vma_iterator.ts';
import { vmaEndRead } from './engine/mm/vma_lock.ts';
import { mapsText } from './engine/procfs/maps.ts';
import { mapsFile, readMaps } from './engine/procfs/maps_file.ts';
import { type PageStats, vmaPageStats } from './engine/procfs/page_stats.ts';
import {
  type ProcmapAnswer,
  PROCMAP_QUERY_SIZE,
  procmapQuery,
} from './engine/procfs/procmap_query.ts';
import { smapsText } from './engine/procfs/smaps.ts';
import { vmaDumpText } from './engine/procfs/vma_dump.ts';
import { type VmaInfo, vmaInfo } from './engine/procfs/vma_info.ts';
import { walkVmas, walkVmasAndPages } from './engine/procfs/vma_walk.ts';
import { verifyMm } from './engine/vma/verify.ts';
import { sysBrk } from './engine/syscall/brk.ts';
import { sysMadvise } from './engine/syscall/madvise.ts';
import { sysMbind } from './engine/syscall/mbind.ts';
import { sysMincore } from './engine/syscall/mincore.ts';
import {
  sysMlock,
  sysMlock2,
  sysMlockall,
  sysMunlock,
  sysMunlockall,
} from './engine/syscall/mlock.ts';
import { sysMmap } from './engine/syscall/mmap.ts';
import {
  sysMprotect,
  sysPkeyAlloc,
  sysPkeyFree,
  sysPkeyMprotect,
} from './engine/syscall/mprotect.ts';
import { sysMremap } from './engine/syscall/mremap.ts';
import { sysMseal } from './engine/syscall/mseal.ts';
import { sysMsync } from './engine/syscall/msync.ts';
import { sysMunmap } from './engine/syscall/munmap.ts';
import {
  sysGetMdwe,
  sysSetAnonName,
  sysSetMdwe,
  sysSetMemoryMerge,
} from './engine/syscall/prctl.ts';
import { sysRemapFilePages } from './engine/syscall/remap_file_pages.ts';
import { intOf, ulongOf, type Word } from './engine/syscall/ulong.ts';
import type { ExecStart } from './engine/task/bprm.ts';
import type { ExecveRequest } from './engine/task/exec_request.ts';
import { execve } from './engine/task/execve.ts';
import { type Manner, type MmVisit, walkRmap } from './engine/task/foreign_walk.ts';
import { clearVerdict, readVerdict, type Verdict } from './engine/trace/verdict.ts';
import { ProcessTasks } from './process_tasks.ts';

/** What procmapQuery() asks; what is left out is 0, and as large as can be. */
export interface ProcmapRequest {
  readonly addr: Word;
  /** PROCMAP_QUERY_* */
  readonly flags?: Word;
  /** Room for the name in bytes, its NUL included; 0: it is not asked for. */
  readonly nameSize?: Word;
  /** Bytes of struct procmap_query that the caller knows. */
  readonly size?: Word;
}

/**
 * One process of a machine. Calls take what the system call takes, in its order,
 * and return what it returns: a result, or a negative errno. What no register
 * could hold (a fraction, a string) is EINVAL.
 */
export class Process extends ProcessTasks {
  mmap(addr: Word, len: Word, prot: Word, flags: Word, fd: Word, offset: Word): number | Errno {
    this.enter();
    const a = ulongOf(addr);
    const l = ulongOf(len);
    const p = intOf(prot);
    const f = intOf(flags);
    const d = intOf(fd);
    const o = ulongOf(offset);
    if (Number.isNaN(a + l + p + f + d + o)) return EINVAL;
    return sysMmap({ addr: a, len: l, prot: p, flags: f, fd: d, offset: o });
  }

  munmap(addr: Word, len: Word): 0 | Errno {
    const range = this.#range(addr, len);
    return range === null ? EINVAL : sysMunmap(range);
  }

  mprotect(addr: Word, len: Word, prot: Word): 0 | Errno {
    this.enter();
    const a = ulongOf(addr);
    const l = ulongOf(len);
    const p = ulongOf(prot);
    if (Number.isNaN(a + l + p)) return EINVAL;
    return sysMprotect({ addr: a, len: l, prot: p });
  }

  pkeyMprotect(addr: Word, len: Word, prot: Word, pkey: Word): 0 | Errno {
    this.enter();
    const a = ulongOf(addr);
    const l = ulongOf(len);
    const p = ulongOf(prot);
    const k = intOf(pkey);
    if (Number.isNaN(a + l + p + k)) return EINVAL;
    return sysPkeyMprotect({ addr: a, len: l, prot: p, pkey: k });
  }

  pkeyAlloc(_flags: Word, _rights: Word): Errno {
    return sysPkeyAlloc();
  }

  pkeyFree(_pkey: Word): Errno {
    return sysPkeyFree();
  }

  mremap(addr: Word, oldLen: Word, newLen: Word, flags: Word, newAddr: Word = 0): number | Errno {
    this.enter();
    const a = ulongOf(addr);
    const o = ulongOf(oldLen);
    const n = ulongOf(newLen);
    const f = ulongOf(flags);
    const to = ulongOf(newAddr);
    if (Number.isNaN(a + o + n + f + to)) return EINVAL;
    return sysMremap({ addr: a, oldLen: o, newLen: n, flags: f, newAddr: to });
  }

  /** @returns the end of the heap: `addr`, or on any failure what it was. */
  brk(addr: Word): number | Errno {
    this.enter();
    const a = ulongOf(addr);
    return Number.isNaN(a) ? EINVAL : sysBrk(a);
  }

  madvise(addr: Word, len: Word, advice: Word): 0 | Errno {
    this.enter();
    const a = ulongOf(addr);
    const l = ulongOf(len);
    const v = intOf(advice);
    if (Number.isNaN(a + l + v)) return EINVAL;
    return sysMadvise({ addr: a, len: l, advice: v });
  }

  mlock(addr: Word, len: Word): 0 | Errno {
    const range = this.#range(addr, len);
    return range === null ? EINVAL : sysMlock(range);
  }

  mlock2(addr: Word, len: Word, flags: Word): 0 | Errno {
    this.enter();
    const a = ulongOf(addr);
    const l = ulongOf(len);
    const f = intOf(flags);
    if (Number.isNaN(a + l + f)) return EINVAL;
    return sysMlock2({ addr: a, len: l, flags: f });
  }

  munlock(addr: Word, len: Word): 0 | Errno {
    const range = this.#range(addr, len);
    return range === null ? EINVAL : sysMunlock(range);
  }

  mlockall(flags: Word): 0 | Errno {
    this.enter();
    const f = intOf(flags);
    return Number.isNaN(f) ? EINVAL : sysMlockall(f);
  }

  munlockall(): 0 | Errno {
    this.enter();
    return sysMunlockall();
  }

  msync(addr: Word, len: Word, flags: Word): 0 | Errno {
    this.enter();
    const a = ulongOf(addr);
    const l = ulongOf(len);
    const f = intOf(flags);
    if (Number.isNaN(a + l + f)) return EINVAL;
    return sysMsync({ addr: a, len: l, flags: f });
  }

  mseal(addr: Word, len: Word, flags: Word): 0 | Errno {
    this.enter();
    const a = ulongOf(addr);
    const l = ulongOf(len);
    const f = ulongOf(flags);
    if (Number.isNaN(a + l + f)) return EINVAL;
    return sysMseal({ addr: a, len: l, flags: f });
  }

  /** `nodemask` is a word of bits, 0 for none. */
  mbind(addr: Word, len: Word, mode: Word, nodemask: Word, flags: Word): 0 | Errno {
    this.enter();
    const a = ulongOf(addr);
    const l = ulongOf(len);
    const m = intOf(mode);
    const n = ulongOf(nodemask);
    const f = intOf(flags);
    if (Number.isNaN(a + l + m + n + f)) return EINVAL;
    return sysMbind({ addr: a, len: l, mode: m, nodemask: n, flags: f });
  }

  remapFilePages(addr: Word, size: Word, prot: Word, pgoff: Word, flags: Word): 0 | Errno {
    this.enter();
    const a = ulongOf(addr);
    const s = ulongOf(size);
    const p = ulongOf(prot);
    const o = ulongOf(pgoff);
    const f = intOf(flags);
    if (Number.isNaN(a + s + p + o + f)) return EINVAL;
    return sysRemapFilePages({ addr: a, size: s, prot: p, pgoff: o, flags: f });
  }

  /**
   * Says of each page whether it is in memory: 1 or 0, one byte each in `vec`, which has room for
   * all of them; without it only the checks are made.
   */
  mincore(addr: Word, len: Word, vec?: Uint8Array): 0 | Errno {
    const range = this.#range(addr, len);
    return range === null ? EINVAL : sysMincore({ addr: range.addr, len: range.len, vec });
  }

  /** What is present of each VMA, in address order: the numbers of smaps, in bytes. */
  pageStats(): PageStats[] {
    this.enter();
    const stats: PageStats[] = [];
    walkVmasAndPages(this.mm(), (vma) => void stats.push(vmaPageStats(vma)));
    return stats;
  }

  /** prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME); null takes a name away. */
  setAnonName(addr: Word, len: Word, name: string | null): 0 | Errno {
    if (name !== null && typeof name !== 'string') return EFAULT;
    const range = this.#range(addr, len);
    return range === null ? EINVAL : sysSetAnonName({ addr: range.addr, len: range.len, name });
  }

  setMdwe(bits: Word): 0 | Errno {
    this.enter();
    const b = ulongOf(bits);
    return Number.isNaN(b) ? EINVAL : sysSetMdwe(b);
  }

  getMdwe(): number {
    this.enter();
    return sysGetMdwe();
  }

  setMemoryMerge(enable: boolean): 0 | Errno {
    this.enter();
    return sysSetMemoryMerge(enable);
  }

  /** Sets a limit in bytes; `Infinity` is RLIM_INFINITY. */
  setRlimit(resource: number, limit: Rlimit): 0 | Errno {
    this.enter();
    if (!isRlimit(resource) || !(limit.soft >= 0) || !(limit.soft <= limit.hard)) return EINVAL;
    setRlimit(this.task, resource, limit);
    return OK;
  }

  /** A limit in bytes. @returns EINVAL for no resource. */
  rlimit(resource: number): Rlimit | Errno {
    this.enter();
    return isRlimit(resource) ? taskRlimit(this.task, resource) : EINVAL;
  }

  /** Sets the task's rights: CAP_* bits. A new process has root's. */
  setCapabilities(caps: number): void {
    this.enter();
    setCaps(this.task, caps);
  }

  /** Sets the execution domain, as personality(2); all ones only asks. @returns what it was. */
  setPersonality(persona: number): number {
    this.enter();
    const old = taskPersonality(this.task);
    if (persona >>> 0 !== PERSONALITY_QUERY) setPersonality(this.task, persona);
    return old >>> 0;
  }

  /**
   * execve(2): loads an ELF program or a script from its file. See docs/exec.md.
   *
   * @returns where the program starts; or an errno. Then the old address space is as it was, or,
   *   past the point of no return, `fatalSignal()` is SIGSEGV: all that is left is to exit().
   */
  execve(request: ExecveRequest): ExecStart | Errno {
    this.enter();
    clearVerdict();
    const open = (path: string): number | Errno => this.#open(request, path);
    const result = execve(this.task, { ...request, open });
    this.renumber();
    return result;
  }

  #open({ open }: ExecveRequest, path: string): number | Errno {
    try {
      return open(path);
    } finally {
      this.enter(); // it may have used another machine, or made calls of another process
    }
  }

  /**
   * The text of /proc/PID/maps. Beside other workers' calls it is of one moment only with
   * `protocol.mapsReader: 'mmap-lock'`: see docs/locking.md.
   */
  maps(): string {
    this.enter();
    return mapsText(this.mm());
  }

  /**
   * Opens /proc/PID/maps.
   *
   * @returns what read(2) of it does: up to `count` bytes, none at the end. Between two reads
   *   nothing is held, so the address space may change.
   */
  openMaps(): (count: number) => Uint8Array {
    this.enter();
    const file = mapsFile();
    return (count) => {
      this.enter();
      return readMaps(file, this.mm(), count);
    };
  }

  /**
   * PROCMAP_QUERY, the ioctl of /proc/PID/maps: the VMA that contains `addr` and is as `flags`
   * say, PROCMAP_QUERY_*.
   *
   * @returns it; ENOENT for none, EINVAL, E2BIG, ENAMETOOLONG; ESRCH of a process that has ended.
   */
  procmapQuery(query: ProcmapRequest): ProcmapAnswer | Errno {
    if (!this.isAlive) return ESRCH;
    this.enter();
    const addr = ulongOf(query.addr);
    const flags = ulongOf(query.flags ?? 0);
    const nameSize = ulongOf(query.nameSize ?? PAGE_SIZE);
    const size = ulongOf(query.size ?? PROCMAP_QUERY_SIZE);
    if (Number.isNaN(addr + flags + nameSize + size)) return EINVAL;
    return procmapQuery(this.mm(), { addr, flags, nameSize, size });
  }

  /** The text of /proc/PID/smaps. */
  smaps(): string {
    this.enter();
    return smapsText(this.mm());
  }

  /** Every VMA, in address order: of one moment with `protocol.mapsReader: 'mmap-lock'`. */
  vmas(): VmaInfo[] {
    this.enter();
    const infos: VmaInfo[] = [];
    walkVmas(this.mm(), 0, (vma) => void infos.push(vmaInfo(vma)));
    return infos;
  }

  /**
   * The VMA that contains `addr`, found under its own lock; mmap_lock is only taken while a writer
   * works on it.
   */
  find(addr: number): VmaInfo | null {
    this.enter();
    if (typeof addr !== 'number' || !(addr >= 0 && addr < TASK_SIZE)) return null;
    const mm = this.mm();
    const vma = lockVmaUnderRcu(mm, addr);
    if (vma !== null) {
      const info = vmaInfo(vma);
      vmaEndRead(vma);
      return info;
    }
    const reader = mmapReadLock(mm);
    const found = vmaLookup(reader, addr);
    const info = found === NULL ? null : vmaInfo(found);
    mmapReadUnlock(reader);
    return info;
  }

  /**
   * Walks every address space whose VMAs may map the page at `addr`, this one too, as whoever comes
   * by the reverse map. @returns what the walk met in each.
   */
  walkRmap(addr: number, manner: Manner = 'careful'): MmVisit[] {
    this.enter();
    if (typeof addr !== 'number' || !(addr >= 0 && addr < TASK_SIZE)) return [];
    return walkRmap(this.mm(), addr, manner);
  }

  /** Two lines about the VMA that contains `addr`, with its driver's hooks by name; or null. */
  dumpVma(addr: number): string | null {
    this.enter();
    if (typeof addr !== 'number' || !(addr >= 0 && addr < TASK_SIZE)) return null;
    const reader = mmapReadLock(this.mm());
    const vma = vmaLookup(reader, addr);
    const text = vma === NULL ? null : vmaDumpText(vma);
    mmapReadUnlock(reader);
    return text;
  }

  /** How many VMAs there are: what max_map_count limits. */
  mapCount(): number {
    this.enter();
    return mmMapCount(this.mm());
  }

  /** Layout marks in bytes, totals in pages. */
  layout(): Record<MmDouble, number> & { mapCount: number } {
    this.enter();
    const reader = mmapReadLock(this.mm());
    const layout = { ...mmLayout(reader), mapCount: mmMapCount(reader) };
    mmapReadUnlock(reader);
    return layout;
  }

  /** Sets layout marks, as exec and prctl(PR_SET_MM) do. */
  setLayout(layout: MmLayout): void {
    this.enter();
    const writer = mmapWriteLock(this.mm());
    setMmLayout(writer, layout);
    mmapWriteUnlock(writer);
  }

  /** Why the last call of this worker was refused or did not merge. */
  verdict(): Verdict {
    this.machine.enter();
    return readVerdict();
  }

  /** Checks every invariant of the address space. @throws Error at the first that is broken. */
  verify(): void {
    this.enter();
    const reader = mmapReadLock(this.mm());
    try {
      verifyMm(reader);
    } finally {
      mmapReadUnlock(reader);
    }
  }

  protected override relative(task: Task): Process {
    return new Process(this.machine, task);
  }

  /** The words of the most common shape of call, or null when one is none. */
  #range(addr: Word, len: Word): { addr: Ulong; len: Ulong } | null {
    this.enter();
    const range = { addr: ulongOf(addr), len: ulongOf(len) };
    return Number.isNaN(range.addr + range.len) ? null : range;
  }
}
