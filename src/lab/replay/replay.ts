/** Replays one recording: reads its log, keeps its processes, compares answers and maps. */
import { Machine, type SysctlName } from '../../index.ts';
import { MEMORY_CALLS } from '../strace/decode.ts';
import { StraceReader } from '../strace/reader.ts';
import type { StraceRecord } from '../strace/record.ts';
import type { ElfImages } from './births.ts';
import { Cast } from './cast.ts';
import { type Finding, Findings } from './findings.ts';
import { type Note, Notes } from './notes.ts';
import type { Program } from './program.ts';
import type { Recording } from './recording.ts';

export interface ReplayOptions {
  /** Settings of the recording machine. */
  readonly sysctl: Readonly<Partial<Record<SysctlName, number>>>;
  /** The last line to read. */
  readonly until: number;
  readonly elfImages: ElfImages | null;
  /** Called now and then. */
  readonly progress: (state: Progress) => void;
}

export interface Progress {
  readonly line: number;
  readonly bytes: number;
  readonly calls: number;
}

export interface ReplayResult {
  readonly name: string;
  readonly programs: readonly Program[];
  readonly findings: readonly Finding[];
  /** Also those that are not listed. */
  readonly findingsTotal: number;
  readonly notes: readonly Note[];
  readonly lines: number;
  readonly records: number;
  /** Calls that concern no address space, by name. */
  readonly otherCalls: ReadonlyMap<string, number>;
  readonly vmaPeak: number;
  readonly maxMapCount: number;
  readonly hasFaults: boolean;
  /** Spent replaying. */
  readonly seconds: number;
}

/** The engine's memory, for objects and for pages; the system gives it as it is used. */
const MACHINE_BYTES = 2 ** 29;
const RAM_BYTES = 2 ** 30;
/** A mapping that fails leaves what it leaves in Linux 6.18. */
const KERNEL = { mapFixedFailure: 'leave-gap' } as const;
/** A log does not tell how much memory there was: so much that it is never short. */
const PLENTY_OF_PAGES = 2 ** 36;

export async function replay(recording: Recording, options: ReplayOptions): Promise<ReplayResult> {
  const began = performance.now();
  const run = new Run(recording, options);
  await run.readLog();
  return run.result((performance.now() - began) / 1000);
}

class Run {
  readonly #recording: Recording;
  readonly #options: ReplayOptions;
  readonly #findings: Findings;
  readonly #notes = new Notes();
  readonly #machine: Machine;
  readonly #cast: Cast;
  readonly #reader: StraceReader;
  #bytes = 0;
  #line = 0;
  #records = 0;
  #isOver = false;

  constructor(recording: Recording, options: ReplayOptions) {
    this.#recording = recording;
    this.#options = options;
    this.#findings = new Findings(recording.name);
    const sysctl = { totalram_pages: PLENTY_OF_PAGES, ...options.sysctl };
    const size = { bytes: MACHINE_BYTES, ramBytes: RAM_BYTES };
    this.#machine = Machine.create({ ...size, sysctl, protocol: KERNEL });
    this.#cast = new Cast({
      recording,
      machine: this.#machine,
      findings: this.#findings,
      notes: this.#notes,
      elfImages: options.elfImages,
      isCutShort: options.until < Infinity,
    });
    this.#reader = new StraceReader((record) => this.#take(record), {
      only: MEMORY_CALLS,
      begun: (call) => {
        if (call.line <= options.until) this.#cast.begun(call);
      },
    });
  }

  async readLog(): Promise<void> {
    for (const { file, line, reason } of this.#recording.troubles) {
      this.#findings.add(
        'recording',
        `${file}${line === null ? '' : `, line ${line}`}: ${reason}.`,
      );
    }
    for await (const chunk of this.#recording.log) {
      this.#reader.push(chunk);
      this.#bytes += chunk.length;
      this.#options.progress({ line: this.#line, bytes: this.#bytes, calls: this.#cast.calls });
      if (this.#isOver) break;
    }
    this.#reader.end();
    this.#cast.end();
    this.#settle();
  }

  #take(record: StraceRecord): void {
    const line = record.kind === 'call' ? (record.resumed?.line ?? record.line) : record.line;
    if (line > this.#options.until) {
      this.#isOver = true;
      return;
    }
    this.#line = Math.max(this.#line, line);
    if (record.kind === 'malformed') this.#refuse(record.line, record.reason, record.text);
    else this.#records++;
    if (record.kind === 'call' || record.kind === 'exited' || record.kind === 'killed') {
      this.#cast.mainTid = this.#reader.mainTid;
    }
    this.#cast.take(record);
  }

  #refuse(line: number, reason: string, text: string): void {
    const message = `Line ${line} cannot be read: ${reason}.`;
    this.#findings.add('malformed', message, { line, context: [printable(text.slice(0, 120))] });
  }

  #settle(): void {
    if (this.#cast.calls > 0 || this.#findings.total > 0) return;
    const what = this.#records === 0 ? 'no line of strace output' : 'no call that changes memory';
    this.#findings.add('nothing', `The log holds ${what}: nothing was compared.`);
  }

  result(seconds: number): ReplayResult {
    const { programs, vmaPeak, hasFaults } = this.#cast;
    return {
      name: this.#recording.name,
      programs,
      findings: this.#findings.list,
      findingsTotal: this.#findings.total,
      notes: this.#notes.list(),
      lines: this.#line,
      records: this.#records,
      otherCalls: this.#reader.skipped,
      vmaPeak,
      maxMapCount: this.#machine.sysctl('max_map_count'),
      hasFaults,
      seconds,
    };
  }
}

/** What a terminal can show of a damaged line. */
const printable = (text: string): string => text.replaceAll(/[\p{C}\ufffd]/gu, '.');
