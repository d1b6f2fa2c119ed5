/** Runs a vector in a machine and compares every record with what the kernel said. */
import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_SIGHAND,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_VM,
  Machine,
  type Process,
  type VmaInfo,
} from '../../index.ts';
import { isModelled } from '../oracle/unmodelled.ts';
import { firstParent } from './first_process.ts';
import { forkLimit } from './limits.ts';
import { type Outcome, runOperation } from './operation.ts';
import { Userfaults } from './userfaults.ts';
import { type Vector, VectorError, type VectorRecord, type VectorVma } from './vector.ts';
import { VectorFiles } from './vector_files.ts';
import { VmaComparison } from './vma_comparison.ts';

export interface ConformFinding {
  readonly kind: 'result' | 'touch' | 'faults' | 'mincore' | 'totals' | 'vmas' | 'pages' | 'count';
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
  /** From a call on that the engine does not model and answered otherwise: nothing fits then. */
  readonly skipped: number;
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

/** RAM of the recording machine, as far as overcommit asks, where the header does not say. */
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
  readonly #vmas: VmaComparison;
  readonly #findings: ConformFinding[] = [];

  constructor(vector: Vector, watch?: Watch, around: Around = (_record, _process, make) => make()) {
    const { header } = vector;
    this.#vector = vector;
    this.#watch = watch;
    this.#around = around;
    this.#machine = Machine.create({
      protocol: { mapFixedFailure: 'leave-gap' }, // as the kernel that wrote the vectors
      sysctl: {
        overcommit_memory: header.overcommit,
        max_map_count: header.max_map_count,
        mmap_min_addr: header.mmap_min_addr,
        transparent_hugepage: header.thp === 'never' ? 0 : 1,
        totalram_pages: header.totalram_pages ?? TOTALRAM_PAGES,
        ...(header.read_ahead_kb === undefined ? {} : { read_ahead_kb: header.read_ahead_kb }),
      },
    });
    this.#files = new VectorFiles(this.#machine, header.files);
    this.#vmas = new VmaComparison(vector.base, this.#files);
  }

  all(): ConformResult {
    const parent = firstParent(this.#machine, this.#vector);
    this.#living.add(parent);
    this.#processes.set(0, this.#fork(parent));
    const { records } = this.#vector;
    let [agreed, disagreed] = [0, 0];
    for (const record of records) {
      const known = this.#findings.length;
      if (this.#agrees(record)) agreed++;
      else if (isModelled(record.op)) disagreed++;
      else {
        this.#findings.length = known;
        break;
      }
    }
    const skipped = records.length - agreed - disagreed;
    return { records: records.length, agreed, disagreed, skipped, findings: this.#findings };
  }

  end(): void {
    for (const process of this.#living) process.exit();
    this.#machine.tearDown();
  }

  #fork(parent: Process): Process {
    const child = parent.fork();
    if (typeof child === 'number') throw new VectorError('the machine has no memory for a fork');
    this.#living.add(child);
    return child;
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
    const agreesFaults = this.#agreesFaults(record, outcome);
    const agreesMincore = this.#agreesMincore(record, outcome);
    const agreesTotals = this.#agreesTotals(record, outcome);
    const agrees = agreesResult && agreesTouches && agreesFaults && agreesMincore && agreesTotals;
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
    const isThread = record.op.startsWith('thread');
    const born = isThread ? `thread ${child}` : `child ${child}`;
    const made = this.#isBirthRefused(record, process)
      ? EAGAIN
      : this.#around(record, process, () => bear(process, isThread));
    const kernel = typeof record.r === 'number' ? resultOf(record.r) : born;
    const engine = typeof made === 'number' ? resultOf(made) : born;
    if (kernel !== engine) this.#disagree('result', record, [kernel, engine]);
    if (typeof made !== 'number') this.#living.add(made);
    if (kernel === born) {
      this.#processes.set(child, typeof made === 'number' ? this.#fork(process) : made);
    }
    return this.#agreesVmas(record, process) && kernel === engine;
  }

  /** By RLIMIT_NPROC, which the engine does not know. */
  #isBirthRefused({ r }: VectorRecord, process: Process): boolean {
    if (this.#vector.header.uid === 0) return false;
    const limit = forkLimit(process, this.#living.size);
    return limit === 'refused' || (limit === 'either' && r === EAGAIN);
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

  #agreesFaults(record: VectorRecord, outcome: Outcome): boolean {
    if (record.f === undefined || record.f === outcome.f) return true;
    this.#disagree('faults', record, [`${record.f} faults`, `${outcome.f ?? 0} faults`]);
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
    this.#watch?.({ record, process, vmas: this.#vmas.listed(process) });
    if (record.n !== undefined) return this.#agreesCount(record, record.n, process);
    const kernel = record.vmas ?? this.#lastVmas.get(record.p);
    if (record.vmas !== undefined) this.#lastVmas.set(record.p, record.vmas);
    const difference = kernel === undefined ? null : this.#vmas.difference(kernel, process);
    if (difference === null) return true;
    this.#disagree(difference.kind, record, [difference.kernel, difference.engine]);
    return false;
  }

  #agreesCount(record: VectorRecord, kernel: number, process: Process): boolean {
    const engine = this.#vmas.count(process);
    if (engine === kernel) return true;
    this.#disagree('count', record, [`${kernel} VMAs`, `${engine} VMAs`]);
    return false;
  }

  #disagree(
    kind: ConformFinding['kind'],
    record: VectorRecord,
    [kernel, engine]: [string, string],
  ): void {
    this.#findings.push({ kind, line: record.line, op: record.op, kernel, engine });
  }
}

const bear = (process: Process, isThread: boolean): Process | number =>
  isThread ? process.clone(THREAD) : process.fork();

const TOTALS = ['VmSize', 'VmLck', 'VmData', 'VmStk'];
const totalsText = (totals: readonly number[] = []): string =>
  totals.map((kb, i) => `${TOTALS[i]} ${kb} kB`).join(', ');

const resultOf = (r: number): string => (r < 0 || r < 4096 ? String(r) : `0x${r.toString(16)}`);

const turnsText = (done = 0): string => `${done} turns succeeded`;
