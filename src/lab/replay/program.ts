/** Who is in the log: threads, the programs they run, and the address spaces of those. */
import type { Process } from '../../index.ts';
import type { Call } from '../strace/record.ts';
import type { Touch } from '../../index.ts';
import type { MapsDifference } from './compare_maps.ts';
import type { PageComparison, PageFigures } from './compare_pages.ts';
import type { PageReason } from './explain_pages.ts';
import type { FileTable, Opening } from './openings.ts';
import type { SpaceCall } from './run_call.ts';

/** Something that happens to an address space. */
export type Step = CallStep | TouchStep | ForkStep;

interface Timed {
  readonly tid: number;
  /** Lines between which it happened. */
  readonly begin: number;
  readonly end: number;
  /** Seconds, or null in a log without times. */
  readonly beginTime: number | null;
  readonly endTime: number | null;
}

export interface CallStep extends Timed {
  readonly kind: 'call';
  readonly program: Program;
  readonly record: Call;
  readonly call: SpaceCall;
  /** The machine's descriptor of the file to map. */
  fd: number;
  /** What that is of, kept open until the step has been accounted for. */
  readonly opening: Opening | null;
  /** What the kernel answered. */
  readonly wanted: number | bigint;
}

export interface TouchStep extends Timed {
  readonly kind: 'touch';
  readonly program: Program;
  readonly addr: number;
  readonly access: 'read' | 'write';
  /** What the last run of the step met. */
  met: Touch;
}

export interface ForkStep extends Timed {
  readonly kind: 'fork';
  readonly program: Program;
  readonly record: Call;
  readonly childTid: number;
  readonly sharesMm: boolean;
  /** CLONE_* and the signal, as clone() takes them. */
  readonly flags: number;
  /** The descriptors of the child. */
  readonly files: FileTable;
  /** The kernel's refusal, or null when it made the child. */
  readonly refusal: number | null;
  /** Made by the last run of the step, or the engine's refusal. */
  child: Process | number;
}

/** A recorded fault that the engine has answered with a signal. */
export interface RefusedTouch {
  readonly addr: number;
  readonly met: Touch;
}

/** One address space. */
export class Space {
  /** Calls that have begun in it and not come back. */
  open = 0;
  /** What waits until those have come back: their order is not that of their lines. */
  readonly window: Step[] = [];
  /** What waits until it is known how the program starts. */
  birth: Birth | null = null;
  /** How it began. */
  origin: Origin = 'recorded';
  /**
   * Below this address, down to the heap, the log shows everything that was ever mapped; 0 when it
   * begins in the middle.
   */
  knownBelow = 0;
  /** Guesses about what was mapped before the log that explained nothing. */
  failedGuesses = 0;
  /** Recorded faults that met a signal here. */
  readonly refused: RefusedTouch[] = [];
  /** Most VMAs at one time. */
  peak = 0;
  /** Programs in it. */
  users = 1;
}

/** Where the knowledge of the initial mappings comes from; only the first knows all of them. */
export type Origin = 'recorded' | 'ends' | 'elf' | 'log';

/** A program between its exec and the moment at which enough is known to start it. */
export interface Birth {
  /** The exec; null when the log does not show it. */
  readonly exec: Call | null;
  readonly path: string | null;
  readonly steps: Step[];
}

export type MapVerdict = 'agrees' | 'differs' | 'not recorded';

/** A VMA of which other pages are present than the kernel had, and why, if that is known. */
export interface ExplainedPages {
  readonly figures: PageFigures;
  readonly reason: PageReason | null;
}

/** One process of the log: all its threads. */
export class Program {
  readonly pid: number;
  /** In the engine. */
  readonly id: number;
  /** Its threads that have not ended, by their numbers in the log. */
  readonly threads = new Map<number, Process>();
  /** Any of them; the last one, when all have ended. */
  process: Process;
  space: Space;
  files: FileTable;
  /** Name of what it runs. */
  command: string;
  /** Line it was first seen in. */
  readonly line: number;
  calls = 0;
  agreed = 0;
  disagreed = 0;
  skipped = 0;
  execs = 0;
  /** PER_*, ADDR_*; as far as the log shows it being set. */
  personality = 0;
  peak = 0;
  vmasAtEnd = 0;
  /** How it ended. */
  end = 'the log ends';
  /** Nobody in the log has made it: it may be anybody's child. */
  isAdopted = false;
  /** It has asked to end: from now on the recorded end maps may have been taken. */
  isEnding = false;
  isGone = false;
  mapVerdict: MapVerdict = 'not recorded';
  /** The smallest difference from the recorded end maps that was seen. */
  differences: readonly MapsDifference[] | null = null;
  /** Other threads had not ended when it asked to end. */
  hadOtherThreads = false;
  /** What of its VMAs was present at the end; null when that or the faults were not recorded. */
  pages: PageComparison | null = null;
  /** Why figures of its VMAs differ. */
  pageReasons: readonly ExplainedPages[] = [];
  /** Line of the call that ended it. */
  endLine = 0;

  constructor(pid: number, line: number, parts: ProgramParts) {
    this.pid = pid;
    this.line = line;
    this.process = parts.process;
    this.id = parts.process.id;
    this.space = parts.space;
    this.files = parts.files;
    this.command = parts.command;
  }
}

export interface ProgramParts {
  readonly process: Process;
  readonly space: Space;
  readonly files: FileTable;
  readonly command: string;
}

export interface Thread {
  readonly tid: number;
  readonly program: Program;
  readonly process: Process;
}
