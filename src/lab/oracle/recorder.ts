import { readFileSync } from 'node:fs';
import { kernelRelease } from './live_kernel.ts';
import { type Outcome, runOperation, runSweep } from './operation.ts';
import { readLimits } from './limits.ts';
import { BackingNames, type RecordVma, isBase, recordVma } from './record.ts';
import { parseRepeat, runRepeat } from './repeat.ts';
import { type Subject, type Subjects, exitSubject, startSubjects } from './subject.ts';
import { FILE_NOTES } from './subject_files.ts';
import { type SmapsVma, parseSmaps } from './vmas.ts';

const SWEPT_BYTES = 256n * 4096n; // larger mappings are left out of a sweep

/** What a source of operations may look at: live processes and what is mapped in each. */
export interface Scene {
  readonly processes: readonly number[];
  /** Mappings of a process, without those of the base. */
  vmas(process: number): readonly SmapsVma[];
}

/** The next operation and the process to run it, or undefined at the end. */
export type Source = (scene: Scene) => { process: number; operation: string } | undefined;

/** What the first line of a file says of how it was made. */
export interface Title {
  readonly profile: string;
  readonly seed: number;
  readonly ops: number;
  readonly uid: number;
}

/** How much a recording says. */
export interface Detail {
  /** A process with more VMAs than this is counted and not listed; the heap does not count. */
  readonly mostListed: number;
}

const EVERYTHING: Detail = { mostListed: Infinity };

/**
 * Runs operations on the live kernel and writes down what it did, one line each, after a header
 * and the base; then loads every page of every process.
 *
 * @returns the lines of a conformance vector, without newlines.
 * @throws LostRecording with the lines up to there.
 */
export function record(title: Title, source: Source, detail = EVERYTHING): string[] {
  const subjects = startSubjects(title.uid);
  const recording = new Recording(subjects, detail);
  try {
    recording.writeHeader(title);
    recording.writeBase();
    for (let next = source(recording); next !== undefined; next = source(recording)) {
      recording.step(next.process, next.operation);
    }
    return recording.lines;
  } catch (error) {
    throw new LostRecording(error, recording.lines);
  } finally {
    subjects.stop();
  }
}

/** The process that was recorded died, or hung. */
export class LostRecording extends Error {
  /** Up to the operation that was its last, which has no result. */
  readonly lines: readonly string[];

  constructor(cause: unknown, lines: readonly string[]) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.lines = lines;
  }
}

/** One recording in the making. */
class Recording implements Scene {
  readonly lines: string[] = [];
  readonly #subjects: Subjects;
  readonly #detail: Detail;
  readonly #names: BackingNames;
  readonly #seen = new Map<number, SmapsVma[]>();
  readonly #written = new Map<number, string>();

  constructor(subjects: Subjects, detail: Detail) {
    this.#subjects = subjects;
    this.#detail = detail;
    this.#names = new BackingNames(this.#subject(0).files);
  }

  get processes(): readonly number[] {
    return [...this.#subjects.live.keys()];
  }

  vmas(process: number): readonly SmapsVma[] {
    return this.#seen.get(process) ?? [];
  }

  writeHeader(title: Title): void {
    this.writeLine({ ...header(title), limits: readLimits(this.#subject(0).kernel) });
  }

  writeLine(line: object): void {
    this.lines.push(JSON.stringify(line));
  }

  writeBase(): void {
    const vmas = this.#subject(0).kernel.vmas();
    const brk = this.#subjects.brk.toString(16);
    const written = vmas.map((vma) => recordVma(vma, this.#names));
    const data = this.#subject(0)
      .kernel.dataRange()
      .map((addr) => addr.toString(16));
    this.writeLine({ p: 0, op: 'base', base: 1, vmas: written, brk, data });
  }

  step(process: number, operation: string): void {
    const line: Record<string, unknown> = { p: process, op: operation };
    try {
      Object.assign(line, this.#run(process, operation));
      if (this.#subjects.live.has(process)) this.#addVmas(process, line);
    } finally {
      this.writeLine(line);
    }
  }

  #run(process: number, operation: string): Outcome {
    const subject = this.#subject(process);
    const [name = '', number] = operation.split(' ');
    if (name === 'fork') return this.#fork(subject, Number(number));
    if (name === 'thread') return this.#thread(subject, Number(number));
    if (operation === 'exit') return this.#exit(process);
    const repeat = parseRepeat(operation);
    if (repeat !== null) return runRepeat(repeat, (one) => runOperation(subject, one));
    if (operation !== 'sweep') return runOperation(subject, operation);
    const small = this.vmas(process).filter((vma) => vma.end - vma.start <= SWEPT_BYTES);
    return runSweep(
      subject,
      small.filter((vma) => vma.path !== '[heap]'),
    );
  }

  #fork(subject: Subject, number: number): Outcome {
    const kernel = subject.kernel.fork();
    if (typeof kernel === 'number') return { r: kernel };
    this.#subjects.live.set(number, { kernel, files: subject.files, userfault: { fd: undefined } });
    this.#look(number);
    return { r: `child ${number}` };
  }

  #thread(subject: Subject, number: number): Outcome {
    const kernel = subject.kernel.thread();
    if (typeof kernel === 'number') return { r: kernel };
    this.#subjects.live.set(number, { ...subject, kernel });
    this.#look(number);
    return { r: `thread ${number}` };
  }

  #exit(process: number): Outcome {
    exitSubject(this.#subject(process));
    this.#subjects.live.delete(process);
    return {};
  }

  #addVmas(process: number, line: Record<string, unknown>): void {
    const many = this.#countIfMany(process);
    if (many !== null) {
      line['n'] = many;
      this.#written.delete(process);
      return;
    }
    const vmas: RecordVma[] = this.#look(process).map((vma) => recordVma(vma, this.#names));
    const text = JSON.stringify(vmas);
    if (text === this.#written.get(process)) line['same'] = 1;
    else line['vmas'] = vmas;
    this.#written.set(process, text);
  }

  /** @returns how many VMAs there are, or null where they are few enough to be listed. */
  #countIfMany(process: number): number | null {
    if (this.#detail.mostListed === Infinity) return null;
    const vmas = parseSmaps(this.#subject(process).kernel.maps()).filter((vma) => !isBase(vma));
    const count = vmas.filter((vma) => vma.path !== '[heap]').length;
    if (count <= this.#detail.mostListed) return null;
    this.#seen.set(process, vmas);
    return count;
  }

  #look(process: number): SmapsVma[] {
    const vmas = this.#subject(process)
      .kernel.vmas()
      .filter((vma) => !isBase(vma));
    this.#seen.set(process, vmas);
    return vmas;
  }

  #subject(process: number): Subject {
    const subject = this.#subjects.live.get(process);
    if (subject === undefined) throw new Error(`process ${process} is not alive.`);
    return subject;
  }
}

function header({ seed, profile, ops, uid }: Title): object {
  return {
    kind: 'header',
    format: 2,
    kernel: kernelRelease(),
    arch: 'x86_64',
    page: 4096,
    seed,
    profile,
    ops,
    uid,
    overcommit: systemNumber('overcommit_memory'),
    max_map_count: systemNumber('max_map_count'),
    mmap_min_addr: systemNumber('mmap_min_addr'),
    thp: hugePageMode(),
    files: FILE_NOTES,
  };
}

function systemNumber(name: string): number {
  return Number(readFileSync(`/proc/sys/vm/${name}`, 'latin1'));
}

function hugePageMode(): string {
  try {
    const text = readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'latin1');
    return /\[(\w+)\]/.exec(text)?.[1] ?? 'never';
  } catch {
    return 'never'; // built without
  }
}
