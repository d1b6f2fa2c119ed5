/** Runs a vector in a machine and compares every record with what the kernel said. */
import {
  ADDR_NO_RANDOMIZE,
  CLONE_FILES,
  CLONE_FS,
  CLONE_SIGHAND,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_VM,
  isErr,
  Machine,
  PAGE_SIZE,
  type PageStats,
  type Process,
  type VmaInfo,
  vmFlagsOfText,
  vmFlagsText,
} from '../../index.ts';
import { hasFlag, VM_EXEC, VM_MAYSHARE, VM_READ, VM_WRITE } from '../../index.ts';
import { forkLimit, giveLimits } from './limits.ts';
import { type Outcome, runOperation } from './operation.ts';
import { Userfaults } from './userfaults.ts';
import { type Vector, VectorError, type VectorRecord, type VectorVma } from './vector.ts';
import { VectorFiles } from './vector_files.ts';

export interface ConformFinding {
  readonly kind: 'result' | 'touch' | 'mincore' | 'totals' | 'vmas' | 'pages' | 'count';
  /** Of the vector, from 1. */
  readonly line: number;
  readonly op: string;
  readonly kernel: string;
  readonly engine: string;
}

export interface ConformResult {
  readonly records: number;
  readonly agreed: number;
  readonly disagreed: number;
  readonly findings: readonly ConformFinding[];
}

/** A record, and what the engine has mapped after it. */
export interface Seen {
  readonly record: VectorRecord;
  readonly process: Process;
  /** Without what was there before the first operation. */
  readonly vmas: readonly VmaInfo[];
}

/** Called behind each record, while the call's verdict can still be read. */
export type Watch = (seen: Seen) => void;

/** Told of the record whose operation is about to be made, and makes it. */
export type Around = <T>(record: VectorRecord, process: Process, make: () => T) => T;

const EAGAIN = -11;
const THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;

/** RAM of the recording machine, as far as overcommit asks. The header does not say. */
const TOTALRAM_PAGES = (24 * 2 ** 30) / 4096;

/** @throws VectorError for a vector that cannot be run. */
export function conform(vector: Vector, watch?: Watch, around?: Around): ConformResult {
  const run = new VectorRun(vector, watch, around);
  try {
    return run.all();
  } finally {
    run.end();
  }
}

class VectorRun {
  readonly #vector: Vector;
  readonly #watch: Watch | undefined;
  readonly #around: Around;
  readonly #machine: Machine;
  readonly #files: VectorFiles;
  readonly #userfaults = new Userfaults();
  readonly #processes = new Map<number, Process>();
  /** Everything that has to end with the machine; the first is the parent of process 0. */
  readonly #living = new Set<Process>();
  readonly #lastVmas = new Map<number, readonly VectorVma[]>();
  readonly #shm = new SharedObjects();
  readonly #findings: ConformFinding[] = [];
  /** Where the VMAs of the base are, but for the heap. */
  readonly #base: readonly { readonly start: number; readonly end: number }[];

  constructor(vector: Vector, watch?: Watch, around: Around = (_record, _process, make) => make()) {
    const { header } = vector;
    this.#vector = vector;
    this.#watch = watch;
    this.#around = around;
    this.#base = (vector.base.vmas ?? [])
      .filter(([, , , , name]) => name !== '[heap]')
      .map(([start, end]) => ({ start: parseInt(start, 16), end: parseInt(end, 16) }));
    this.#machine = Machine.create({
      protocol: { mapFixedFailure: 'leave-gap' }, // as the kernel that wrote the vectors
      sysctl: {
        overcommit_memory: header.overcommit,
        max_map_count: header.max_map_count,
        mmap_min_addr: header.mmap_min_addr,
        transparent_hugepage: header.thp === 'never' ? 0 : 1,
        totalram_pages: TOTALRAM_PAGES,
      },
    });
    this.#files = new VectorFiles(this.#machine, header.files);
  }

  all(): ConformResult {
    this.#processes.set(0, this.#firstProcess());
    const counts = { records: 0, agreed: 0, disagreed: 0 };
    for (const record of this.#vector.records) {
      counts.records++;
      if (this.#agrees(record)) counts.agreed++;
      else counts.disagreed++;
    }
    return { ...counts, findings: this.#findings };
  }

  end(): void {
    for (const process of this.#living) process.exit();
    this.#machine.tearDown();
  }

  /** The recorded process is a forked child whose parent has written to all of its memory. */
  #firstProcess(): Process {
    const { base, header } = this.#vector;
    const parent = this.#machine.spawn();
    this.#living.add(parent);
    const vmas = base.vmas ?? [];
    const special = vmas.filter(([, , , , name]) => name.startsWith('[v') && name !== '[vsyscall]');
    const heap = vmas.find(([, , , , name]) => name === '[heap]');
    const stack = vmas.find(([, , , , name]) => name === '[stack]');
    const brk = parseInt(base.brk ?? heap?.[1] ?? '0', 16);
    const result = parent.exec({
      vmas: vmas.filter(([, , , , name]) => name !== '[vsyscall]').map((vma) => initialVma(vma)),
      layout: {
        startBrk: heap === undefined ? brk : parseInt(heap[0], 16),
        brk,
        ...dataOf(base),
        ...(stack === undefined ? {} : { startStack: parseInt(stack[1], 16) - 1 }),
        ...(special.length === 0
          ? {}
          : { mmapBase: Math.max(...special.map(([, end]) => parseInt(end, 16))) }),
      },
    });
    if (isErr(result)) throw new VectorError('line 2: the base record is no address space');
    giveLimits(parent, header);
    parent.setPersonality(ADDR_NO_RANDOMIZE);
    if (header.uid !== 0) parent.setCapabilities(0);
    for (const [start] of vmas) parent.touch(parseInt(start, 16), 'write');
    if (heap !== undefined) fillHeap(parent, heap);
    return this.#fork(parent);
  }

  #fork(parent: Process): Process {
    const child = parent.fork();
    if (typeof child === 'number') throw new VectorError('the machine has no memory for a fork');
    this.#living.add(child);
    return child;
  }

  #thread(process: Process): Process {
    const thread = process.clone(THREAD);
    if (typeof thread === 'number') throw new VectorError('the machine has no memory for a thread');
    this.#living.add(thread);
    return thread;
  }

  #agrees(record: VectorRecord): boolean {
    const process = this.#processes.get(record.p);
    if (process === undefined) {
      throw new VectorError(`line ${record.line}: process ${record.p} was never forked`);
    }
    const [name, argument] = record.op.split(' ');
    if (name === 'fork' || name === 'thread') {
      return this.#agreesBirth(record, process, Number(argument));
    }
    if (name === 'exit') {
      this.#around(record, process, () => this.#exit(process));
      this.#processes.delete(record.p);
      return true;
    }
    const open = { files: this.#files, userfaults: this.#userfaults };
    const outcome = this.#around(record, process, () => runOperation(process, open, record));
    const agreesResult = this.#agreesResult(record, outcome);
    const agreesTouches = this.#agreesTouches(record, outcome);
    const agreesMincore = this.#agreesMincore(record, outcome);
    const agreesTotals = this.#agreesTotals(record, outcome);
    const agrees = agreesResult && agreesTouches && agreesMincore && agreesTotals;
    return this.#agreesVmas(record, process) && agrees;
  }

  /** What a process has open goes with its last thread. */
  #exit(process: Process): void {
    const { pid } = process;
    this.#living.delete(process);
    if (![...this.#living].some((other) => other.pid === pid)) this.#userfaults.close(process);
    process.exit();
  }

  #agreesBirth(record: VectorRecord, process: Process, child: number): boolean {
    const isRoot = this.#vector.header.uid === 0;
    const limit = isRoot ? 'free' : forkLimit(process, this.#living.size);
    const isRefused = limit === 'refused' || (limit === 'either' && record.r === EAGAIN);
    const isThread = record.op.startsWith('thread');
    const born = isThread ? `thread ${child}` : `child ${child}`;
    const kernel = typeof record.r === 'number' ? resultOf(record.r) : born;
    const engine = isRefused ? resultOf(EAGAIN) : born;
    if (kernel !== engine) this.#disagree('result', record, [kernel, engine]);
    if (kernel === born) {
      const bear = () => (isThread ? this.#thread(process) : this.#fork(process));
      this.#processes.set(child, this.#around(record, process, bear));
    }
    return this.#agreesVmas(record, process) && kernel === engine;
  }

  #agreesResult(record: VectorRecord, outcome: Outcome): boolean {
    if (record.done !== outcome.done) {
      this.#disagree('result', record, [turnsText(record.done), turnsText(outcome.done)]);
      return false;
    }
    if (record.r === undefined || outcome.r === undefined) return true;
    const kernel = typeof record.r === 'string' ? parseInt(record.r, 16) : record.r;
    if (kernel === outcome.r) return true;
    this.#disagree('result', record, [resultOf(kernel), resultOf(outcome.r)]);
    return false;
  }

  #agreesMincore(record: VectorRecord, outcome: Outcome): boolean {
    if (record.v === undefined || outcome.v === record.v) return true;
    this.#disagree('mincore', record, [record.v, outcome.v ?? '']);
    return false;
  }

  #agreesTotals(record: VectorRecord, outcome: Outcome): boolean {
    const [kernel, engine] = [totalsText(record.totals), totalsText(outcome.totals)];
    if (kernel === engine) return true;
    this.#disagree('totals', record, [kernel, engine]);
    return false;
  }

  /** The signal of each touch, or what was read. */
  #agreesTouches(record: VectorRecord, outcome: Outcome): boolean {
    const recorded = record.t ?? Object.values(record.pages ?? {}).flat();
    if (outcome.t === undefined) return true;
    const kernel = recorded.map(String);
    const engine = outcome.t.map(String);
    const differs = kernel.some((entry, i) => entry !== engine[i]);
    if (!differs && kernel.length === engine.length) return true;
    this.#disagree('touch', record, [kernel.join(' '), engine.join(' ')]);
    return false;
  }

  #agreesVmas(record: VectorRecord, process: Process): boolean {
    if (record.n !== undefined) return this.#agreesCount(record, record.n, process);
    const kernel = record.vmas ?? this.#lastVmas.get(record.p);
    if (record.vmas !== undefined) this.#lastVmas.set(record.p, record.vmas);
    if (kernel === undefined) return true;
    const stats = process.pageStats();
    const all = process.vmas().map((vma, i): SeenVma => ({ vma, stats: stats[i] }));
    const engine = all.filter(({ vma }) => !this.#isBase(vma));
    this.#watch?.({ record, process, vmas: engine.map(({ vma }) => vma) });
    const isSame =
      engine.length === kernel.length &&
      kernel.every((expected, i) => this.#agreesVma(expected, engine[i]?.vma, process));
    const agrees = isSame && kernel.every((expected, i) => agreesPages(expected, engine[i]));
    if (!agrees)
      this.#disagree(isSame ? 'pages' : 'vmas', record, [
        kernel.map(kernelLine).join('\n'),
        engine.map(engineLine).join('\n'),
      ]);
    return agrees;
  }

  #agreesCount(record: VectorRecord, kernel: number, process: Process): boolean {
    const layout = process.layout();
    const vmas = process.vmas().filter((vma) => !this.#isBase(vma) && !isHeap(vma, layout));
    if (vmas.length === kernel) return true;
    this.#disagree('count', record, [`${kernel} VMAs`, `${vmas.length} VMAs`]);
    return false;
  }

  #agreesVma(expected: VectorVma, vma: VmaInfo | undefined, process: Process): boolean {
    if (vma === undefined) return false;
    const [start, end, perms, offset, backing, flags] = expected;
    return (
      vma.start === parseInt(start, 16) &&
      vma.end === parseInt(end, 16) &&
      permsOf(vma) === perms &&
      (vma.file?.offset ?? 0) === parseInt(offset, 16) &&
      vmFlagsText(vma.flags).trim() === flags &&
      this.#agreesBacking(backing, vma, process)
    );
  }

  #agreesBacking(backing: string, vma: VmaInfo, process: Process): boolean {
    if (vma.file !== null) {
      const number = this.#files.numberOf(vma.file.ino);
      return number === null ? this.#shm.isSame(backing, vma.file.ino) : backing === `f${number}`;
    }
    if (backing === '[heap]') return isHeap(vma, process.layout());
    return backing === (vma.name ?? '');
  }

  /** What was there before the first operation is left out of the records, but for the heap. */
  #isBase(vma: VmaInfo): boolean {
    return this.#base.some(({ start, end }) => vma.start >= start && vma.end <= end);
  }

  #disagree(
    kind: ConformFinding['kind'],
    record: VectorRecord,
    [kernel, engine]: [string, string],
  ): void {
    this.#findings.push({ kind, line: record.line, op: record.op, kernel, engine });
  }
}

/** Shared anonymous objects have other numbers here and there: each must stay itself. */
class SharedObjects {
  readonly #inos = new Map<string, number>();
  readonly #names = new Map<number, string>();

  isSame(name: string, ino: number): boolean {
    const knownIno = this.#inos.get(name) ?? ino;
    const knownName = this.#names.get(ino) ?? name;
    if (knownIno !== ino || knownName !== name) return false;
    this.#inos.set(name, ino);
    this.#names.set(ino, name);
    return true;
  }
}

interface Heap {
  readonly startBrk: number;
  readonly brk: number;
}

function isHeap({ start, end }: VmaInfo, { startBrk, brk }: Heap): boolean {
  return start < brk && end > startBrk;
}

/** As the recorder left it: every page begins with a one. */
function fillHeap(process: Process, [start, end]: VectorVma): void {
  for (let at = parseInt(start, 16); at < parseInt(end, 16); at += PAGE_SIZE) {
    process.store64(at, 1n);
  }
}

function initialVma([start, end, , offset, name, flags]: VectorVma) {
  const isSpecial = name.startsWith('[v');
  const isFile = name.startsWith('/');
  return {
    start: parseInt(start, 16),
    end: parseInt(end, 16),
    flags: vmFlagsOfText(flags),
    ...(isSpecial ? { special: name, pgoff: 0 } : {}),
    // Its own program, which no operation touches, stands as memory of its own.
    ...(isFile ? { pgoff: parseInt(offset, 16) / 4096 } : {}),
  };
}

/** What RLIMIT_DATA counts beside the heap: the program's own data. */
function dataOf({ data }: VectorRecord): { startData?: number; endData?: number } {
  const [start, end] = data ?? [];
  if (start === undefined || end === undefined) return {};
  return { startData: parseInt(start, 16), endData: parseInt(end, 16) };
}

const TOTALS = ['VmSize', 'VmLck', 'VmData', 'VmStk'];
const totalsText = (totals: readonly number[] = []): string =>
  totals.map((kb, i) => `${TOTALS[i]} ${kb} kB`).join(', ');

const resultOf = (r: number): string => (r < 0 || r < 4096 ? String(r) : `0x${r.toString(16)}`);

const turnsText = (done = 0): string => `${done} turns succeeded`;

function permsOf({ flags }: VmaInfo): string {
  const r = hasFlag(flags, VM_READ) ? 'r' : '-';
  const w = hasFlag(flags, VM_WRITE) ? 'w' : '-';
  const x = hasFlag(flags, VM_EXEC) ? 'x' : '-';
  return r + w + x + (hasFlag(flags, VM_MAYSHARE) ? 's' : 'p');
}

/** A VMA and what is present of it. */
interface SeenVma {
  readonly vma: VmaInfo;
  readonly stats: PageStats | undefined;
}

const anonymousKb = ({ stats }: SeenVma): number => (stats?.anonymous ?? 0) / 1024;
const lockedKb = ({ stats }: SeenVma): number => Math.floor((stats?.locked ?? 0) / 1024);

/** The sizes of a record are -1 where nobody knows what was there before. */
function agreesPages(expected: VectorVma, seen: SeenVma | undefined): boolean {
  if (seen === undefined) return false;
  const [, , , , , , anonymous, locked] = expected;
  return anonymous === -1 || (anonymous === anonymousKb(seen) && locked === lockedKb(seen));
}

const pagesText = (anonymous: number, locked: number): string =>
  anonymous <= 0 && locked <= 0 ? '' : ` [Anonymous ${anonymous} kB, Locked ${locked} kB]`;

const kernelLine = ([start, end, perms, offset, name, flags, anon, locked]: VectorVma): string =>
  `${start}-${end} ${perms} ${offset} ${flags} ${name}`.trimEnd() + pagesText(anon, locked);

function engineLine(seen: SeenVma): string {
  const { vma } = seen;
  const range = `${vma.start.toString(16)}-${vma.end.toString(16)} ${permsOf(vma)}`;
  const offset = (vma.file?.offset ?? 0).toString(16);
  const name = vma.file?.path ?? vma.name ?? '';
  const text = `${range} ${offset} ${vmFlagsText(vma.flags).trim()} ${name}`.trimEnd();
  return text + pagesText(anonymousKb(seen), lockedKb(seen));
}
