/** The steps that programs are made of: calls as plain data, so that each can be made again. */
import {
  CLONE_VM,
  ENOMEM,
  FAULT_OOM,
  FAULT_SEGV_MAPERR,
  flagsOf,
  type Process,
  type Touch,
  VM_EXEC,
  VM_MAYREAD,
  VM_READ,
} from '../../index.ts';
import { BASE, PAGE, START_BRK } from './place.ts';
import type { Stage } from './stage.ts';

/** One call of one process. */
export interface Step {
  /** Which process, in the order of their births. */
  readonly process: number;
  readonly name: StepName;
  readonly args: readonly number[];
}

/** `number`: of the process. */
type Act = (stage: Stage, actor: { process: Process; number: number }, args: number[]) => number;

/** Calls of a process that take words and give one. */
const plain =
  (call: (process: Process, ...args: number[]) => number): Act =>
  (_stage, { process }, args) =>
    call(process, ...args);

/** Calls of the machine. */
const filed =
  (call: (stage: Stage, ...args: number[]) => number): Act =>
  (stage, _actor, args) =>
    call(stage, ...args);

/** What a program would have met, as a number: 0, ENOMEM, or what load() and store() say of it. */
function touched(touch: Touch): number {
  if (touch === 'SEGV_MAPERR') return FAULT_SEGV_MAPERR;
  if (touch === 'oom') return ENOMEM;
  return touch === 'done' ? 0 : 1000 + touch.length;
}

const ACTS = {
  mmap: plain((p, a = 0, l = 0, prot = 0, f = 0, fd = -1, o = 0) => p.mmap(a, l, prot, f, fd, o)),
  munmap: plain((p, a = 0, l = 0) => p.munmap(a, l)),
  mprotect: plain((p, a = 0, l = 0, prot = 0) => p.mprotect(a, l, prot)),
  mremap: plain((p, a = 0, o = 0, n = 0, f = 0, to = 0) => p.mremap(a, o, n, f, to)),
  // The call says no by staying where it was.
  brk: plain((p, to = 0) => (p.brk(to) === to ? 0 : ENOMEM)),
  madvise: plain((p, a = 0, l = 0, advice = 0) => p.madvise(a, l, advice)),
  mlock: plain((p, a = 0, l = 0) => p.mlock(a, l)),
  mlock2: plain((p, a = 0, l = 0, f = 0) => p.mlock2(a, l, f)),
  munlock: plain((p, a = 0, l = 0) => p.munlock(a, l)),
  mlockall: plain((p, f = 0) => p.mlockall(f)),
  munlockall: plain((p) => p.munlockall()),
  mseal: plain((p, a = 0, l = 0) => p.mseal(a, l, 0)),
  name: plain((p, a = 0, l = 0, n = 0) => p.setAnonName(a, l, n === 0 ? null : `name ${n}`)),
  mbind: plain((p, a = 0, l = 0, mode = 0, nodes = 0) => p.mbind(a, l, mode, nodes, 0)),
  remap_file_pages: plain((p, a = 0, l = 0, o = 0) => p.remapFilePages(a, l, 0, o, 0)),
  msync: plain((p, a = 0, l = 0, f = 0) => p.msync(a, l, f)),
  touch: plain((p, a = 0, w = 0) => touched(p.touch(a, w === 0 ? 'read' : 'write'))),
  store: plain((p, a = 0, value = 0) => faulted(p.store(a, value))),
  load: plain((p, a = 0) => Math.min(0, faulted(p.load(a)))),
  userfaultfd: plain((p, f = 0) => p.userfaultfd(f)),
  uffd_api: plain((p, fd = 0, features = 0) => p.uffdApi(fd, features)),
  uffd_register: plain((p, fd = 0, a = 0, l = 0, m = 0) => p.uffdRegister(fd, a, l, m)),
  uffd_unregister: plain((p, fd = 0, a = 0, l = 0) => p.uffdUnregister(fd, a, l)),
  uffd_zeropage: plain((p, fd = 0, a = 0, l = 0) => p.uffdZeropage(fd, a, l)),
  uffd_copy: plain((p, fd = 0, to = 0, from = 0, l = 0) => p.uffdCopy(fd, to, from, l)),
  uffd_writeprotect: plain((p, fd = 0, a = 0, l = 0, m = 0) => p.uffdWriteprotect(fd, a, l, m)),
  uffd_read: plain((p, fd = 0) => messageResult(p.uffdRead(fd))),
  open: filed((stage, kind = 0, pages = 0) => stage.open(kind, pages)),
  reopen: filed((stage, fd = 0) => stage.machine.reopen(fd, { writable: true })),
  close: filed((stage, fd = 0) => stage.machine.close(fd)),
  pwrite: filed((stage, fd = 0, at = 0, l = 0) =>
    stage.machine.pwrite(fd, new Uint8Array(l).fill(7), at),
  ),
  pread: filed((stage, fd = 0, at = 0, l = 0) => stage.machine.pread(fd, new Uint8Array(l), at)),
  truncate: filed((stage, fd = 0, size = 0) => stage.machine.truncate(fd, size)),
  punch_hole: filed((stage, fd = 0, at = 0, l = 0) => stage.machine.punchHole(fd, at, l)),
  fsync: filed((stage, fd = 0) => stage.machine.fsync(fd)),
  fork: (stage, { process }) => stage.born(process.fork()),
  clone: (stage, { process, number }, [flags = 0]) => {
    const isShared = (flags & CLONE_VM) !== 0;
    return stage.born(process.clone(flags), isShared ? stage.spaceOf(number) : undefined);
  },
  exec: (stage, { process, number }, [vmas = 0]) => {
    const result = process.exec(programOf(vmas));
    if (result === 0) stage.moved(number);
    return result;
  },
  execve: (stage, { process, number }, [fd = 0, loader = 0]) => {
    const argv = ['program', 'x'.repeat(PAGE)];
    const open = (): number => stage.machine.dup(loader);
    const started = process.execve({ fd, path: '/program', argv, envp: ['A=b'], open });
    const result = typeof started === 'number' ? started : 0;
    // Behind the point of no return it is in a new one, and will die there.
    if (result === 0 || process.fatalSignal() !== 0) stage.moved(number);
    return result;
  },
  exit: (stage, { number }) => stage.ended(number),
} satisfies Record<string, Act>;

export type StepName = keyof typeof ACTS;

const faulted = (code: number): number => (code === FAULT_OOM ? ENOMEM : code);

const messageResult = (message: unknown): number => (typeof message === 'number' ? message : 0);

/** A program of so many pieces, each with a special mapping's name, that do not merge. */
function programOf(vmas: number): Parameters<Process['exec']>[0] {
  return {
    layout: { startBrk: START_BRK, brk: START_BRK },
    vmas: Array.from({ length: vmas }, (_, i) => ({
      start: BASE + 2 * i * PAGE,
      end: BASE + (2 * i + 1) * PAGE,
      flags: flagsOf(VM_READ, VM_EXEC, VM_MAYREAD),
      ...(i % 3 === 0 ? { special: '[vdso]' } : {}),
    })),
  };
}

/** Makes the call. @returns its result, or a negative errno; 0 when nobody is there to make it. */
export function perform(stage: Stage, { process: number, name, args }: Step): number {
  const act: Act = ACTS[name];
  const process = stage.actor(number);
  return process === null ? 0 : act(stage, { process, number }, [...args]);
}

/** As a program would be written down. */
export const stepText = ({ process, name, args }: Step): string =>
  `${process}: ${name}(${args.map(argText).join(', ')})`;

function argText(arg: number): string {
  const pages = (arg - BASE) / PAGE;
  if (pages >= 0 && pages < 2 ** 20) {
    return Number.isInteger(pages) ? `page ${pages}` : `page ${Math.floor(pages)}+${arg % PAGE}`;
  }
  return Math.abs(arg) > 255 ? `0x${arg.toString(16)}` : String(arg);
}
